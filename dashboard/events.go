package dashboard

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

const (
	// maxClients bounds the streams of events at the same time.
	maxClients = 64
	// behindBy is how many events a client may be behind before it is dropped. It comes back by itself, with all of the
	// history, so it misses nothing.
	behindBy = 8
	// writeWithin is how long one write to a client may take.
	writeWithin = 10 * time.Second
	// heartbeat keeps proxies from ending a stream in which nothing happens.
	heartbeat = 15 * time.Second
)

// client is one stream of events. Its channel is closed, under the server's mu, when it is dropped.
type client struct{ events chan []byte }

// broadcast hands an event to all clients that are not too far behind. The caller holds mu.
func (s *Server) broadcast(event []byte) {
	for c := range s.clients {
		select {
		case c.events <- event:
		default:
			s.drop(c)
		}
	}
}

// drop ends a client's stream. The caller holds mu.
func (s *Server) drop(c *client) {
	if _, there := s.clients[c]; there {
		delete(s.clients, c)
		close(c.events)
	}
}

// join adds a client and returns what it has to know first, so that nothing comes between the two.
func (s *Server) join() (c *client, first []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) >= maxClients || s.closed {
		return nil, nil, false
	}
	c = &client{make(chan []byte, behindBy)}
	s.clients[c] = struct{}{}
	return c, encode(s.last.whole()), true
}

// whole is the snapshot with its history.
func (n *state) whole() Snapshot {
	snapshot := n.snapshot
	snapshot.History = n.history
	return snapshot
}

// handleEvents streams snapshots until the client goes, is dropped or the server closes.
func (s *Server) handleEvents(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		return
	}
	s.fresh(r.Context()) // the first snapshot has numbers
	c, first, ok := s.join()
	if !ok {
		w.Header().Set("Retry-After", "10")
		fail(w, http.StatusServiceUnavailable, fmt.Sprintf("there are %d streams of events already", maxClients))
		return
	}
	defer func() {
		s.mu.Lock()
		s.drop(c)
		s.mu.Unlock()
	}()
	control := http.NewResponseController(w)
	// The server's limit on reading a request would end the stream; not every writer has one to lift.
	_ = control.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	send := func(text []byte) bool {
		_ = control.SetWriteDeadline(time.Now().Add(writeWithin))
		_, err := w.Write(text)
		return err == nil && control.Flush() == nil
	}
	if !send(append([]byte("retry: 1000\n"), event(first)...)) {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		text := []byte(":\n\n")
		select {
		case <-r.Context().Done():
			return
		case <-s.life.Done():
			return
		case snapshot, more := <-c.events:
			if !more {
				return
			}
			text = event(snapshot)
		case <-beat.C:
		}
		if !send(text) {
			return
		}
	}
}

// event frames a snapshot. JSON has no line breaks, so it is one line of data.
func event(snapshot []byte) []byte {
	var b bytes.Buffer
	b.WriteString("event: snapshot\ndata: ")
	b.Write(snapshot)
	b.WriteString("\n\n")
	return b.Bytes()
}
