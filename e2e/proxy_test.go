package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fault is what a proxy does to one request.
type fault int

const (
	none    fault = iota
	refused       // 500, 502, 503, 504 or 429; the service hears nothing
	reset         // the connection is cut; the service hears nothing
	torn          // the service gets half of the request, the client nothing
	hang          // no answer; the service hears nothing
	lost          // the service does its work, and the answer is lost
	cut           // the client gets half of the answer
	twice         // the service gets the request two times
	late          // the client sees a reset, and the service gets the request later: a write from the past
	faultKinds
)

// all are the faults without none.
func all() (kinds []fault) {
	for f := none + 1; f < faultKinds; f++ {
		kinds = append(kinds, f)
	}
	return kinds
}

var faultNames = [faultKinds]string{"none", "refused", "reset", "torn", "hang", "lost", "cut", "twice", "late"}

// outage are the faults that let nothing through.
var outage = []fault{refused, reset, hang}

// proxy stands between one service and its clients, and makes trouble while it is told to.
type proxy struct {
	name  string
	front *httptest.Server
	late  sync.WaitGroup
	// longest is the most that a hang and the delay of a late request last. An invocation may time out before.
	longest time.Duration
	// watch is told of each request that the service has answered, unless it is nil. It is set before the first one.
	watch func(r *http.Request, body []byte, status int)

	target atomic.Pointer[string] // host and port of the service
	direct http.Transport

	mu     sync.Mutex // covers the fields below
	random *rand.Rand
	share  float64 // of the requests, that something happens to
	kinds  []fault // what happens
	counts [faultKinds]int
	calm   chan struct{} // closed when trouble ends, for those that hang
}

func newProxy(t *testing.T, name string, random *rand.Rand) *proxy {
	t.Helper()
	p := &proxy{name: name, random: rand.New(rand.NewPCG(random.Uint64(), random.Uint64())), calm: make(chan struct{}), longest: *chaos / 8}
	p.direct.DisableCompression = true // every byte passes as it is
	p.front = httptest.NewServer(p)
	t.Cleanup(func() {
		p.trouble(0)
		p.front.Close()
		p.late.Wait()
		p.direct.CloseIdleConnections()
	})
	return p
}

// trouble sets the share of requests that one of the faults happens to. 0 ends what hangs, and waits for what is late.
func (p *proxy) trouble(share float64, kinds ...fault) {
	p.mu.Lock()
	p.kinds = kinds
	if p.share = share; share == 0 {
		close(p.calm)
		p.calm = make(chan struct{})
	}
	p.mu.Unlock()
	if share == 0 {
		p.late.Wait()
	}
}

// pick decides what happens to the next request.
func (p *proxy) pick() (f fault, chance float64, calm <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.random.Float64() < p.share {
		f = p.kinds[p.random.IntN(len(p.kinds))]
	}
	if f == late {
		p.late.Add(1) // under the lock, so that whoever ends the trouble waits for it
	}
	p.counts[f]++
	return f, p.random.Float64(), p.calm
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
	f, chance, calm := p.pick()
	switch f {
	case refused:
		status := []int{500, 502, 503, 504, 429}[int(chance*5)]
		http.Error(w, "the fault proxy refuses", status)
	case reset:
		drop(w)
	case torn:
		p.tear(r, body)
		drop(w)
	case hang:
		select {
		case <-calm:
		case <-r.Context().Done():
		case <-time.After(p.longest):
		}
		drop(w)
	case late:
		again := r.Clone(context.WithoutCancel(r.Context()))
		go func() { // whoever ends the trouble waits for it
			defer p.late.Done()
			time.Sleep(time.Duration(chance * float64(p.longest)))
			p.forward(again, body)
		}()
		drop(w)
	default:
		p.answer(w, r, body, f)
	}
}

// answer forwards the request and gives back the answer, or not all of it.
func (p *proxy) answer(w http.ResponseWriter, r *http.Request, body []byte, f fault) {
	status, header, text, err := p.forward(r, body)
	if f == twice && err == nil {
		status, header, text, err = p.forward(r, body)
	}
	if err != nil || f == lost {
		drop(w)
		return
	}
	maps.Copy(w.Header(), header)
	if f == cut {
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.WriteHeader(status)
		w.Write(text[:len(text)/2])
		http.NewResponseController(w).Flush()
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			conn.Close() // in an orderly way, as a proxy does that has lost its service
		}
		return
	}
	w.WriteHeader(status)
	w.Write(text)
}

// forward sends the request to the service. Without a service it is as if none listened there.
func (p *proxy) forward(r *http.Request, body []byte) (status int, header http.Header, text []byte, err error) {
	target := p.target.Load()
	if target == nil {
		return 0, nil, nil, fmt.Errorf("%s has not started", p.name)
	}
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = "http", *target
	out.Header.Del("Expect")
	out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	answer, err := p.direct.RoundTrip(out)
	if err != nil {
		return 0, nil, nil, err
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	if p.watch != nil {
		p.watch(r, body, answer.StatusCode)
	}
	return answer.StatusCode, answer.Header, text, err
}

// tear sends the service half of the request's body and then breaks the connection.
func (p *proxy) tear(r *http.Request, body []byte) {
	target := p.target.Load()
	if target == nil || len(body) < 2 {
		return
	}
	conn, err := net.Dial("tcp", *target)
	if err != nil {
		return
	}
	defer conn.Close()
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), r.Host)
	header := r.Header.Clone()
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Del("Expect")
	header.Write(&head)
	head.WriteString("\r\n")
	conn.Write(append(head.Bytes(), body[:len(body)/2]...))
}

// drop cuts the client's connection with a reset.
func drop(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
		return
	}
	panic(http.ErrAbortHandler)
}

// String is how often each fault happened.
func (p *proxy) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var parts []string
	for f, n := range p.counts {
		parts = append(parts, fmt.Sprintf("%s %d", faultNames[f], n))
	}
	return p.name + ": " + strings.Join(parts, ", ")
}

// TestProxy makes sure that each fault is what its name says: seen by the service, by the client, by both or by none.
func TestProxy(t *testing.T) {
	var seen atomic.Int64
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil && len(body) == 1000 {
			seen.Add(1)
		}
		w.Write(make([]byte, 1000))
	}))
	defer service.Close()
	p := newProxy(t, "service", rand.New(rand.NewPCG(1, 1)))
	p.target.Store(new(service.Listener.Addr().String()))
	p.longest = 20 * time.Millisecond
	for f := range faultKinds {
		p.trouble(1, f)
		before := seen.Load()
		answer, err := http.Post(p.front.URL, "text/plain", bytes.NewReader(make([]byte, 1000)))
		status, length := 0, 0
		if err == nil {
			text, readErr := io.ReadAll(answer.Body)
			answer.Body.Close()
			status, length, err = answer.StatusCode, len(text), readErr
		}
		p.trouble(0)
		wantSeen := map[fault]int64{none: 1, lost: 1, cut: 1, twice: 2, late: 1}[f]
		whole := f == none || f == twice
		if got := seen.Load() - before; got != wantSeen || whole != (err == nil && status == 200 && length == 1000) || (f == refused) != (err == nil && status > 200) {
			t.Errorf("%s: the service saw %d requests, the client status %d and %d bytes, %v", faultNames[f], got, status, length, err)
		}
	}
}
