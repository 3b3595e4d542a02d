package streaming

import (
	"context"
	"net/http"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// elastic is the channel that every pipe has: it has no tokens, no order and no memory of what it was sent.
const elastic = "ELASTIC"

// DefaultSuffix makes the name of a table's default pipe.
const DefaultSuffix = "-STREAMING"

// DefaultPipe is the name of a table's default pipe.
func DefaultPipe(table dialect.Name) dialect.Name {
	table.Object += DefaultSuffix
	return table
}

// handleTableRows takes rows for a table's default pipe.
func (s *Server) handleTableRows(w http.ResponseWriter, r *http.Request) {
	p, err := s.pipe(r, fold(r.PathValue("table"))+DefaultSuffix)
	if err != nil {
		answerError(w, err)
		return
	}
	s.answerElastic(w, r, p)
}

// answerElastic takes rows and answers when they are durable, which is what the service promises.
func (s *Server) answerElastic(w http.ResponseWriter, r *http.Request, p *Pipe) {
	b, err := readBatch(w, r)
	if err == nil {
		err = s.appendElastic(r.Context(), p, b)
	}
	if err != nil {
		answerError(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]string{"message": "OK", "next_continuation_token": ""})
}

func (s *Server) appendElastic(ctx context.Context, p *Pipe, b batch) error {
	if s.Faults.stall.Load() {
		return &refusal{http.StatusServiceUnavailable, codeRetry, "Nothing is committed now, on purpose.", 0}
	}
	s.committing.Lock()
	defer s.committing.Unlock()
	s.mu.Lock()
	c := s.channels[keyOf(p, elastic)]
	st := state{PipeID: p.ID, Pipe: p.Name, TableID: p.TableID, Name: elastic, Created: time.Now(), Client: 1, Code: codeSuccess}
	if c != nil {
		st = c.state
	} else {
		c = &channel{state: st}
	}
	s.mu.Unlock()
	if st.ID == 0 {
		if err := s.store(ctx, &st); err != nil {
			return err
		}
	}
	s.mu.Lock()
	c.state = st
	c.appends = append(c.appends, b)
	c.next++
	s.buffered += len(b.body)
	s.channels[keyOf(p, elastic)] = c
	s.mu.Unlock()
	err := s.commitPipe(context.WithoutCancel(ctx), []*pending{{channel: c, before: st, appends: []batch{b}}})
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.discard(c) // the answer says that it is not there
	}
	return err
}
