package cloudformation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// front stands before the emulator, counts calls, and can be told to do something at one.
type front struct {
	*httptest.Server
	slow atomic.Bool

	mu    sync.Mutex // covers the fields below
	calls int
	nth   int
	then  func()
	lose  bool // the answer to the call after which then was to happen
	named map[string]func()
}

func newFront(t *testing.T, e emulator) *front {
	t.Helper()
	target, err := url.Parse(e.url)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{named: map[string]func(){}}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorLog = nil
	proxy.ModifyResponse = f.answer
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		form, _ := url.ParseQuery(string(body))
		r.Body = io.NopCloser(bytes.NewReader(body))
		// The service does its work, and the run that asked for it does not hear of it.
		out := httptest.NewRecorder()
		proxy.ServeHTTP(out, r.WithContext(context.WithoutCancel(r.Context())))
		if f.count(form.Get("Action")) {
			panic(http.ErrAbortHandler) // the connection breaks before the answer
		}
		maps.Copy(w.Header(), out.Header())
		w.WriteHeader(out.Code)
		w.Write(out.Body.Bytes())
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *front) answer(r *http.Response) error {
	if !f.slow.Load() {
		return nil
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	text = bytes.ReplaceAll(text, []byte("<StackStatus>CREATE_COMPLETE"), []byte("<StackStatus>CREATE_IN_PROGRESS"))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	r.Header.Set("Content-Length", fmt.Sprint(len(text)))
	return nil
}

// count does what was asked for after a call, and reports whether its answer is lost.
func (f *front) count(action string) bool {
	f.mu.Lock()
	f.calls++
	then, now := f.named[action], f.nth > 0 && f.calls == f.nth
	all, lost := f.then, now && f.lose
	f.mu.Unlock()
	if then != nil {
		then()
	}
	if now && all != nil {
		all()
	}
	return lost
}

// after does something once n more calls have been answered.
func (f *front) after(n int, then func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nth, f.then, f.lose = f.calls+n, then, false
}

// without loses the answer to the nth call from now on, whose work is done, and reports whether it came to that.
func (f *front) without(n int) (lost func() bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nth, f.then, f.lose = f.calls+n, nil, true
	last := f.nth
	return func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.calls >= last
	}
}

// at does something whenever an action has been answered.
func (f *front) at(action string, then func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.named[action] = then
}
