package cloudformation

import (
	"bytes"
	"context"
	"fmt"
	"io"
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
		proxy.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
		f.count(form.Get("Action"))
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

func (f *front) count(action string) {
	f.mu.Lock()
	f.calls++
	then, now := f.named[action], f.nth > 0 && f.calls == f.nth
	all := f.then
	f.mu.Unlock()
	if then != nil {
		then()
	}
	if now {
		all()
	}
}

// after does something once n more calls have been answered.
func (f *front) after(n int, then func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nth, f.then = f.calls+n, then
}

// at does something whenever an action has been answered.
func (f *front) at(action string, then func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.named[action] = then
}
