package dashboard

import (
	"context"
	"encoding/json"
	"time"
)

const (
	// keep is how many points of the charts are remembered: 15 minutes at one a second.
	keep = 900
	// rarely is how much less often the collector looks while nobody does.
	rarely = 5
	// patience is how long one look may take.
	patience = 10 * time.Second
	// stale is after how many pauses without a good look the numbers count as old.
	stale = 3
)

// state is what all looks so far have come to. The collector replaces it as a whole; its slices are never changed
// in place, but for the spare room behind history.
type state struct {
	look Look
	// at is when the last good look was made, tried when the last one was.
	at, tried time.Time
	problem   string
	snapshot  Snapshot
	history   []Point
	trail     trail
	// failed is when the count of errors of each function has grown last.
	failed [2]time.Time
	rate   rates
	// Rates are those since base, the look of the last point of the charts: looks that somebody asked for in between
	// would make them jump. made is what the producer had made then.
	base   Look
	baseAt time.Time
	made   int64
}

// collect looks again and again until the server closes.
func (s *Server) collect() {
	for {
		began := time.Now()
		s.lookOnce()
		select {
		case <-s.life.Done():
			return
		case <-s.wake:
			if !s.sleep(s.config.Every/5 - time.Since(began)) { // however many ask
				return
			}
		case <-time.After(s.pause()):
		}
	}
}

func (s *Server) sleep(d time.Duration) bool {
	select {
	case <-s.life.Done():
		return false
	case <-time.After(max(d, 0)):
		return true
	}
}

// watched reports whether somebody looks at the page.
func (s *Server) watched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients) > 0 || time.Since(time.Unix(0, s.used.Load())) < 10*s.config.Every
}

func (s *Server) pause() time.Duration {
	if s.watched() {
		return s.config.Every
	}
	return rarely * s.config.Every
}

// lookOnce looks and tells everybody. After a look that failed the old numbers stay, with the reason.
func (s *Server) lookOnce() {
	ctx, cancel := context.WithTimeout(s.life, max(patience, s.config.Every))
	defer cancel()
	look, err := s.config.Source.Look(ctx)
	if s.life.Err() != nil {
		return
	}
	now := time.Now()
	s.mu.Lock()
	next := s.last
	next.tried = now
	if err != nil {
		next.problem = err.Error()
	} else {
		next.take(look, now)
	}
	if next.problem != "" && next.problem != s.last.problem {
		s.config.Log.Warn("look at the stream", "problem", next.problem)
	}
	producer := s.producer()
	if err == nil && now.Sub(next.baseAt) >= s.config.Every*4/5 {
		next.point(producer, now)
	}
	if producer != nil {
		producer.Rate = next.rate.produced
	}
	next.snapshot = s.draw(&next, producer, now)
	s.last = next
	close(s.looked)
	s.looked = make(chan struct{})
	s.broadcast(encode(next.snapshot))
	s.mu.Unlock()
}

// take remembers a look.
func (n *state) take(look Look, now time.Time) {
	if n.at.IsZero() {
		n.look = look // what was there before counts for nothing
	}
	for i, grown := range []bool{look.Orchestrator.Errors > n.look.Orchestrator.Errors, look.Upsert.Errors > n.look.Upsert.Errors} {
		if grown {
			n.failed[i] = now
		}
	}
	n.look, n.at, n.problem = look, now, look.Problem
	n.trail = n.trail.add(mark{now, look.Accepted - look.Quarantined, look.Landed - look.Quarantined, look.Objects})
}

// point makes rates and the next point of the charts.
func (n *state) point(producer *ProducerStatus, now time.Time) {
	seconds, made := now.Sub(n.baseAt).Seconds(), int64(0)
	if producer != nil {
		made = producer.Accepted
	}
	if n.baseAt.IsZero() {
		n.base, n.made = n.look, made // what was there before counts for no rate
	}
	n.rate = ratesOf(n.base, n.look, seconds)
	n.rate.produced = per(n.made, made, seconds)
	n.base, n.baseAt, n.made = n.look, now, made
	if len(n.history) == keep {
		n.history = append(make([]Point, 0, keep+keep/4), n.history[keep/4:]...)
	}
	n.history = append(n.history, Point{
		T: now.UnixMilli(), Accepted: n.rate.accepted, Streaming: n.rate.streaming, Microbatch: n.rate.microbatch,
		StreamingP50: n.look.Streaming.P50, StreamingP99: n.look.Streaming.P99,
		MicrobatchP50: n.look.Microbatch.P50, MicrobatchP99: n.look.Microbatch.P99,
	})
}

// fresh is the last state, after a new look if that one is old or something was changed since.
func (s *Server) fresh(ctx context.Context) state {
	s.used.Store(time.Now().UnixNano())
	s.mu.Lock()
	last, looked := s.last, s.looked
	s.mu.Unlock()
	if time.Since(last.tried) < s.config.Every+s.config.Every/2 && last.tried.UnixNano() > s.changed.Load() {
		return last
	}
	s.poke()
	select {
	case <-looked:
	case <-ctx.Done():
	case <-s.life.Done():
	case <-time.After(patience):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// changes tells that something is different now: the next look shows it, and is made at once.
func (s *Server) changes() {
	s.changed.Store(time.Now().UnixNano())
	s.poke()
}

// poke asks for a look now.
func (s *Server) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // somebody else has asked
	}
}

// health is the reason why the numbers are not to be trusted, empty if they are.
func (s *Server) health() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := time.Since(s.last.at) > stale*rarely*s.config.Every+patience
	switch {
	case s.last.tried.IsZero():
		return "the first look is under way"
	case s.last.problem != "":
		return s.last.problem
	case old:
		return "the last look was at " + s.last.at.UTC().Format(time.RFC3339)
	}
	return ""
}

// encode writes JSON. Characters that mean something in HTML are escaped.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, finite numbers and booleans: always encodable
	}
	return text
}
