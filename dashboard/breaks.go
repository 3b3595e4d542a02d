package dashboard

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// How long a fault may be asked for, in seconds, and how long it is otherwise.
const (
	longestBreak = 120
	usualBreak   = 10
)

// breakage is a Break with its state; the server's mu covers active and until.
type breakage struct {
	Break
	active bool
	until  time.Time
}

var (
	errActive  = errors.New("it is broken already: wait until it has recovered")
	errClosing = errors.New("the server is closing")
	// ErrUnknown means that there is no such thing (any more).
	ErrUnknown = errors.New("there is no such thing here")
)

// breakIt starts a fault, which ends by itself.
func (s *Server) breakIt(id string, seconds float64) error {
	if seconds == 0 {
		seconds = usualBreak
	}
	if !(seconds > 0 && seconds <= longestBreak) {
		return fmt.Errorf("%g seconds: a fault lasts up to %d", seconds, longestBreak)
	}
	for _, b := range s.breaks {
		if b.ID == id {
			return s.begin(b, time.Duration(seconds*float64(time.Second)))
		}
	}
	return ErrUnknown
}

func (s *Server) begin(b *breakage, length time.Duration) error {
	s.mu.Lock()
	if b.active {
		s.mu.Unlock()
		return errActive
	}
	b.active, b.until = true, time.Now().Add(length)
	s.mu.Unlock()
	started := s.start(func() {
		s.config.Log.Info("broken on purpose", "what", b.ID, "for", length)
		err := b.Run(s.life, length)
		if err != nil && s.life.Err() == nil {
			s.config.Log.Warn("broken on purpose", "what", b.ID, "error", err)
		}
		s.finish(b)
	})
	if !started {
		s.finish(b)
		return errClosing
	}
	s.changes()
	return nil
}

func (s *Server) finish(b *breakage) {
	s.mu.Lock()
	b.active = false
	s.mu.Unlock()
	s.changes()
}

// breakStatus tells what is broken, and marks the boxes that are hit. The caller holds mu.
func (s *Server) breakStatus(boxes []Box) []BreakStatus {
	out := []BreakStatus{}
	for _, b := range s.breaks {
		status := BreakStatus{ID: b.ID, Name: b.Name, Description: b.Description, Active: b.active}
		if b.active {
			until := b.until.UnixMilli()
			status.Until = &until
			hit(boxes, b.Break)
		}
		out = append(out, status)
	}
	return out
}

func hit(boxes []Box, b Break) {
	for i := range boxes {
		if boxes[i].ID == b.Box {
			detail := "broken on purpose: " + b.Name
			if boxes[i].Detail != "" {
				detail += ", " + boxes[i].Detail
			}
			boxes[i].State, boxes[i].Detail = "error", detail
		}
	}
}

// auditRegularly keeps the verdict.
func (s *Server) auditRegularly() {
	var cost time.Duration
	for {
		var due <-chan time.Time
		if s.config.AuditEvery > 0 {
			pause := max(s.config.AuditEvery, 50*cost)
			if !s.watched() {
				pause *= rarely
			}
			due = time.After(pause)
		}
		select {
		case <-s.life.Done():
			return
		case <-s.audit:
		case <-due:
		}
		cost = s.auditOnce()
	}
}

// auditLimit is how long one audit may take.
const auditLimit = 10 * time.Minute

// auditOnce judges, and returns what it cost. Before the first verdict there is nothing to say that one is under way.
func (s *Server) auditOnce() (cost time.Duration) {
	ctx, cancel := context.WithTimeout(s.life, auditLimit)
	defer cancel()
	s.mu.Lock()
	first := s.verdict == nil
	s.mu.Unlock()
	if !first {
		s.judge(func(a *Audit) { a.Running = true })
	}
	verdict, err := s.config.Audit(ctx)
	switch {
	case s.life.Err() != nil:
	case err != nil:
		s.config.Log.Warn("audit", "error", err)
		s.judge(func(a *Audit) { a.Running, a.Note = false, "the last audit failed: "+err.Error() })
	default:
		verdict.At, verdict.Running = time.Now().UnixMilli(), false
		s.judge(func(a *Audit) { *a = verdict })
	}
	return verdict.Cost
}

// judge changes the verdict: a new one each time, as snapshots hold on to the old one.
func (s *Server) judge(change func(*Audit)) {
	s.mu.Lock()
	var next Audit
	if s.verdict != nil {
		next = *s.verdict
	}
	change(&next)
	s.verdict = &next
	s.mu.Unlock()
	s.changes()
}
