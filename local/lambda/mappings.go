package lambda

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	defaultBatchSize = 100
	maxMappings      = 1000
)

// mappingWorld is what every mapping shares.
type mappingWorld struct {
	place        place
	store        *store
	functions    *functions
	destinations *destinations
	reader       *reader
	log          *slog.Logger
	timed        func(what string, took time.Duration, n int)
	say          func(string)
}

// mappings are the event source mappings of the host: a folder for each, durable before the API confirms it.
type mappings struct {
	mappingWorld
	dir   string
	life  context.Context
	calls context.Context
	group *sync.WaitGroup

	mu  sync.Mutex // also orders creation, so that a pair of stream and function has one mapping
	all map[string]*mapping
}

// openMappings reads the mappings of earlier processes. A folder without mapping.json is a creation that was never
// confirmed, or a deletion that was: it goes.
func openMappings(dir string, world mappingWorld) (*mappings, error) {
	ms := &mappings{mappingWorld: world, dir: dir, all: map[string]*mapping{}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("recover event source mappings: %w", err)
	}
	for _, entry := range entries {
		folder := filepath.Join(dir, entry.Name())
		var set settings
		err := world.store.load(filepath.Join(folder, "mapping.json"), &set)
		if errors.Is(err, fs.ErrNotExist) {
			err = os.RemoveAll(folder)
		} else if err == nil {
			ms.all[set.ID], err = openMapping(folder, set, world)
		}
		if err != nil {
			return nil, fmt.Errorf("recover event source mapping %s: %w", entry.Name(), err)
		}
	}
	return ms, nil
}

func (ms *mappings) start(life, calls context.Context, group *sync.WaitGroup) {
	ms.life, ms.calls, ms.group = life, calls, group
	for _, m := range ms.all {
		ms.launch(m)
	}
}

// launch owns the mapping's goroutine through the host's group. It runs the mapping until it is deleted or the host closes.
func (ms *mappings) launch(m *mapping) {
	ms.group.Go(func() {
		if m.run(ms.life, ms.calls) {
			ms.forget(m)
		}
	})
}

// forget drops a deleted mapping once nothing of it runs any more; only then is its pair free again.
func (ms *mappings) forget(m *mapping) {
	if err := os.RemoveAll(m.dir); err != nil {
		ms.log.Warn("folder of a deleted event source mapping stays until the next start", "mapping", m.id, "error", err)
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	delete(ms.all, m.id)
}

func (ms *mappings) snapshot() []*mapping {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	var all []*mapping
	for _, m := range ms.all {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *mapping) int { return strings.Compare(a.id, b.id) })
	return all
}

// drain hurries all mappings at once and then waits for one after the other.
func (ms *mappings) drain(ctx context.Context) error {
	since := time.Now()
	all := ms.snapshot()
	for _, m := range all {
		m.hurry(since)
	}
	for _, m := range all {
		if err := m.drained(ctx, since); err != nil {
			return err
		}
	}
	return nil
}

// waiting says what the drains under way wait for.
func (ms *mappings) waiting() string {
	var all []string
	for _, m := range ms.snapshot() {
		if what := m.waiting(); what != "" {
			all = append(all, what)
		}
	}
	return strings.Join(all, "; ")
}

func (ms *mappings) stats() []MappingStats {
	var stats []MappingStats
	for _, m := range ms.snapshot() {
		stats = append(stats, m.stats())
	}
	return stats
}

// create makes a mapping and runs it. The answer goes out after its folder is durable. The lock is held over the disk
// write: two requests for one pair must not both find it free.
func (ms *mappings) create(ctx context.Context, request mappingRequest) (*mapping, error) {
	now := time.Now().UTC()
	set := settings{
		ID: uuid.NewString(), Enabled: true, Created: now, Modified: now,
		BatchSize: defaultBatchSize, MaxRetries: -1, MaxAge: -1,
	}
	if request.EventSourceArn == nil || request.FunctionName == nil {
		return nil, invalidParameter("EventSourceArn and FunctionName are required")
	}
	if err := set.readFrom(*request.EventSourceArn); err != nil {
		return nil, err
	}
	if err := errors.Join(request.apply(&set), request.applyStart(&set), ms.bind(ctx, request, &set)); err != nil {
		return nil, err
	}
	if set.Tags = request.Tags; len(set.Tags) > 0 {
		if err := checkTags(set.Tags); err != nil {
			return nil, err
		}
	}
	if err := ms.reader.exists(ctx, set); err != nil {
		return nil, err
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if len(ms.all) >= maxMappings {
		return nil, conflict("this host holds at most %d event source mappings", maxMappings)
	}
	if err := ms.pairIsFree(set); err != nil {
		return nil, err
	}
	m, err := createMapping(filepath.Join(ms.dir, set.ID), set, ms.mappingWorld)
	if err != nil {
		return nil, err
	}
	ms.all[set.ID] = m
	ms.launch(m)
	return m, nil
}

// bind resolves what the request names: the function and the failure destination. A destination that is not there is
// refused now, since a batch that fails later would hold up its shard.
func (ms *mappings) bind(ctx context.Context, request mappingRequest, set *settings) error {
	if request.FunctionName != nil {
		name, err := ms.place.functionName(*request.FunctionName)
		if err != nil {
			return err
		}
		if ms.functions.get(name) == nil {
			return invalidParameter("Function does not exist: %s", ms.place.functionARN(name))
		}
		set.Function = name
	}
	if request.DestinationConfig == nil || set.OnFailure == "" {
		return nil
	}
	return ms.destinations.checkForStream(ctx, set.OnFailure)
}

// pairIsFree holds AWS's rule of one mapping for a stream and a function, which also keeps two pollers off one
// checkpoint. A mapping that is being deleted still counts. The caller holds mu.
func (ms *mappings) pairIsFree(set settings) error {
	for id, m := range ms.all {
		other := m.current()
		if id != set.ID && other.Stream == set.Stream && other.Function == set.Function {
			return conflict("An event source mapping with event source arn (%q) and function (%q) already exists. "+
				"Please update or delete the existing mapping with UUID %s", set.Stream, set.Function, id)
		}
	}
	return nil
}

func (ms *mappings) find(id string) (*mapping, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if m := ms.all[id]; m != nil {
		return m, nil
	}
	return nil, notFound("The resource you requested does not exist: event source mapping %s", clip(id))
}

// update changes a mapping. Its pollers go over to the new settings after their batches in flight.
func (ms *mappings) update(ctx context.Context, id string, request mappingRequest) (*mapping, error) {
	m, err := ms.find(id)
	if err != nil {
		return nil, err
	}
	if request.EventSourceArn != nil || request.StartingPosition != nil || request.StartingPositionTimestamp != nil {
		return nil, invalidParameter("the event source and the starting position of a mapping cannot be changed: create another one")
	}
	if request.Tags != nil {
		return nil, invalidParameter("Tags are set with CreateEventSourceMapping and TagResource only")
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return m, m.change(func(set *settings) error {
		set.Modified = time.Now().UTC()
		if err := errors.Join(request.apply(set), ms.bind(ctx, request, set)); err != nil {
			return err
		}
		return ms.pairIsFree(*set)
	})
}

func (s *Server) createMapping(w http.ResponseWriter, r *http.Request) error {
	var request mappingRequest
	if err := readStrictly(r, maxMappingRequest, &request); err != nil {
		return err
	}
	m, err := s.mappings.create(r.Context(), request)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusAccepted, m.answer())
	return nil
}

func (s *Server) updateMapping(w http.ResponseWriter, r *http.Request) error {
	var request mappingRequest
	if err := readStrictly(r, maxMappingRequest, &request); err != nil {
		return err
	}
	m, err := s.mappings.update(r.Context(), r.PathValue("id"), request)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusAccepted, m.answer())
	return nil
}

func (s *Server) getMapping(w http.ResponseWriter, r *http.Request) error {
	m, err := s.mappings.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, m.answer())
	return nil
}

func (s *Server) deleteMapping(w http.ResponseWriter, r *http.Request) error {
	m, err := s.mappings.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := m.remove(); err != nil {
		return err
	}
	writeJSON(w, http.StatusAccepted, m.answer())
	return nil
}

func (s *Server) listMappings(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	var name string
	if ref := query.Get("FunctionName"); ref != "" {
		fn, err := s.function(ref)
		if err != nil {
			return err
		}
		name = fn.Name
	}
	byID, ids := map[string]*mapping{}, []string(nil)
	for _, m := range s.mappings.snapshot() {
		set := m.current()
		if arn := query.Get("EventSourceArn"); (arn == "" || arn == set.source()) && (name == "" || name == set.Function) {
			byID[m.id], ids = m, append(ids, m.id)
		}
	}
	page, next, err := listed(r, ids)
	if err != nil {
		return err
	}
	answers := []any{}
	for _, id := range page {
		answers = append(answers, byID[id].answer())
	}
	writeJSON(w, http.StatusOK, map[string]any{"EventSourceMappings": answers, "NextMarker": next})
	return nil
}
