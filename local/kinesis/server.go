// Package kinesis is Amazon Kinesis Data Streams for one machine: a durable server that the official SDKs talk to.
//
// It speaks the JSON protocol and its form in CBOR over HTTP. Streams, shards, hash keys, sequence numbers, iterators, partial failures,
// resharding, retention and the limits per shard behave as documented for the service. Streams are ACTIVE at once.
// Requests must carry an Authorization header, as signed ones do; the signature is not verified.
//
// # Durability
//
// A record is acknowledged after its log was synced, and so is every change to a stream. After kill -9 or a power cut at
// any moment Open finds all of it. When a log cannot be written or synced its shard answers InternalFailure until the
// server is opened again; a full disk refuses records and works again once there is space.
//
// # On disk
//
//	lock                          held while a server has the folder open
//	secret                        key that signs iterators and paging tokens, so that they outlive a restart
//	streams/<name>@<created>/     one folder a stream
//	    stream.json               settings and shards; a folder without it is no stream
//	    shardId-000000000000/     log of a shard, see package log
//
// # Not served
//
// Encryption, channels. Unknown operations are refused by name. A new subscription of a consumer to a shard ends
// the one before at once, where the service makes it wait for five seconds.
package kinesis

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/semaphore"

	"github.com/snowstream/snowstream/local/kinesis/disk"
)

const (
	defaultRegion  = "us-east-1"
	defaultAccount = "000000000000"

	// trimEvery is how often records past their retention are looked for.
	trimEvery = time.Minute
	// inFlightBytes bounds the memory of requests being served; further requests wait.
	inFlightBytes = 256 << 20
)

// Config describes a server.
type Config struct {
	// Dir is the data folder; it is made if missing. One server at a time.
	Dir string
	// Region and AccountID appear in ARNs; empty means us-east-1 and 000000000000.
	Region    string
	AccountID string
	// Unlimited switches the limits per shard off, for benchmarks. Limits per call stay.
	Unlimited bool
	// Log gets ids and counts, never payloads; nil discards.
	Log *slog.Logger
}

// Server is an http.Handler that serves all streams of one data folder.
type Server struct {
	cfg    Config
	log    *slog.Logger
	fs     disk.FS
	lock   *flock.Flock
	secret []byte
	codec  cborCodec

	memory  *semaphore.Weighted
	calls   sync.Pool // of *call
	serving sync.WaitGroup

	life     context.Context // ends when Close begins
	endLife  context.CancelFunc
	trimming sync.WaitGroup

	changing sync.Mutex // held while a stream is created or deleted; taken first

	mu      sync.RWMutex // covers streams and closed; held for moments only
	streams map[string]*stream
	closed  bool

	subscribing   sync.Mutex // covers subscriptions
	subscriptions map[subscriber]*subscription
}

// Open recovers the streams in a data folder and starts enforcing retention.
func Open(cfg Config) (*Server, error) { return open(cfg, disk.OS{}) }

func open(cfg Config, fsys disk.FS) (*Server, error) {
	cfg.Region = cmp.Or(cfg.Region, defaultRegion)
	cfg.AccountID = cmp.Or(cfg.AccountID, defaultAccount)
	s := &Server{
		cfg:     cfg,
		log:     cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
		fs:      fsys,
		memory:  semaphore.NewWeighted(inFlightBytes),
		streams: map[string]*stream{},

		subscriptions: map[subscriber]*subscription{},
	}
	var err error
	if s.codec, err = newCBOR(); err != nil {
		return nil, fmt.Errorf("open kinesis: %w", err)
	}
	s.life, s.endLife = context.WithCancel(context.Background())
	if err := disk.MakeDir(fsys, s.streamsDir()); err != nil {
		return nil, fmt.Errorf("open kinesis data folder %s: %w", cfg.Dir, err)
	}
	s.lock = flock.New(filepath.Join(cfg.Dir, "lock"))
	switch locked, err := s.lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("lock kinesis data folder %s: %w", cfg.Dir, err)
	case !locked:
		return nil, fmt.Errorf("kinesis data folder %s is in use by another server; stop that one or choose another folder", cfg.Dir)
	}
	if err := s.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("open kinesis data folder %s: %w", cfg.Dir, err), s.closeFiles())
	}
	s.trimming.Go(func() { s.trimRegularly(s.life) })
	return s, nil
}

func (s *Server) streamsDir() string { return filepath.Join(s.cfg.Dir, "streams") }

// recover reads the secret and every stream, and removes what an interrupted creation or deletion left.
func (s *Server) recover() error {
	if err := s.loadSecret(); err != nil {
		return err
	}
	names, err := s.fs.ReadDir(s.streamsDir())
	if err != nil {
		return err
	}
	for _, name := range names {
		dir := filepath.Join(s.streamsDir(), name)
		st, err := s.openStream(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if err := s.fs.RemoveAll(dir); err != nil {
				return fmt.Errorf("remove rest of a deleted stream: %w", err)
			}
		case err != nil:
			return err
		default:
			s.streams[st.Name] = st
		}
	}
	return nil
}

func (s *Server) loadSecret() error {
	name := filepath.Join(s.cfg.Dir, "secret")
	secret, err := disk.ReadFile(s.fs, name)
	if err == nil && len(secret) == 32 {
		s.secret = secret
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read secret for iterators: %w", err)
	}
	s.secret = make([]byte, 32)
	rand.Read(s.secret)
	return disk.WriteFile(s.fs, name, s.secret)
}

// Close ends subscriptions, waits for the requests being served, refuses new ones with 503, and closes the logs. It may
// be called twice.
func (s *Server) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	s.endLife()
	s.serving.Wait()
	s.trimming.Wait()
	return s.closeFiles()
}

func (s *Server) closeFiles() error {
	var errs []error
	for _, st := range s.streams {
		errs = append(errs, st.close())
	}
	return errors.Join(append(errs, s.lock.Unlock())...)
}

// enter admits a request unless the server is closed; leave must follow.
func (s *Server) enter() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return false
	}
	s.serving.Add(1)
	return true
}

func (s *Server) leave() { s.serving.Done() }

// Accepted returns how many records were stored since the stream was created, per shard id. It counts those that
// retention has deleted, and survives restarts. An unknown stream is an error.
func (s *Server) Accepted(name string) (map[string]int64, error) {
	st, err := s.find(name)
	if err != nil {
		return nil, err
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	counts := make(map[string]int64, len(st.shards))
	for _, sh := range st.shards {
		counts[sh.id()] = sh.count()
	}
	return counts, nil
}

// trimRegularly enforces retention until the server closes.
func (s *Server) trimRegularly(ctx context.Context) {
	ticker := time.NewTicker(trimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.trim(time.Now())
		}
	}
}

func (s *Server) trim(now time.Time) {
	for _, st := range s.all() {
		if err := st.trim(now); err != nil {
			s.log.Error("retention could not be enforced", "stream", st.Name, "error", err)
		}
	}
}

// all returns the streams by name. A stream's mu must not be taken while holding the server's.
func (s *Server) all() []*stream {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.SortedFunc(maps.Values(s.streams), func(a, b *stream) int { return strings.Compare(a.Name, b.Name) })
}
