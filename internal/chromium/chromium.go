// Package chromium drives a page in a headless Chromium, for tests: it opens the page, waits for what it shows, and keeps
// everything that its console complains about.
//
// The browser is found on PATH or named by SNOWSTREAM_CHROMIUM; without one a test is skipped with a line that says how to
// get it. SNOWSTREAM_SCREENSHOTS names a folder for the pictures of [Tab.Shoot]; without it there are none.
package chromium

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	longest  = 5 * time.Minute  // that a page is open
	patience = 60 * time.Second // for a condition
)

// Tab is one open page. Its methods end the test when they fail.
type Tab struct {
	context.Context
	t testing.TB

	mu         sync.Mutex
	complaints []string
}

// program finds the browser or skips the test.
func program(t testing.TB) string {
	t.Helper()
	if name := os.Getenv("SNOWSTREAM_CHROMIUM"); name != "" {
		return name
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	t.Skip("not run: no Chromium on PATH. Install it (apt-get install chromium), or name its program in SNOWSTREAM_CHROMIUM")
	return ""
}

// Open shows a page of that many pixels in a browser of its own, until the test is over, and waits for a condition in
// JavaScript.
func Open(t testing.TB, url string, width, height int64, condition string) *Tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program(t)), chromedp.NoSandbox)
	alloc, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, done := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Log("end the browser:", err)
		}
		done()
	})
	ctx, stop := context.WithTimeout(ctx, longest)
	t.Cleanup(stop)
	b := &Tab{Context: ctx, t: t}
	chromedp.ListenTarget(ctx, b.listen)
	b.Run(cdplog.Enable(), chromedp.EmulateViewport(width, height), chromedp.Navigate(url))
	b.Until(condition)
	return b
}

func (b *Tab) listen(event any) {
	var text string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text = e.ExceptionDetails.Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			text = fmt.Sprintf("console.%s: %s", e.Type, e.Args[0].Value)
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.LevelError || e.Entry.Level == cdplog.LevelWarning {
			text = e.Entry.Text + " " + e.Entry.URL
		}
	}
	if text != "" {
		b.mu.Lock()
		b.complaints = append(b.complaints, text)
		b.mu.Unlock()
	}
}

// Clean fails if the console complained: about a script, a missing file, or the content security policy.
func (b *Tab) Clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.complaints) > 0 {
		b.t.Errorf("the console says:\n%s", strings.Join(b.complaints, "\n"))
	}
}

// Run does things in the page, as chromedp describes them.
func (b *Tab) Run(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// Until waits for a condition in the page.
func (b *Tab) Until(condition string) {
	b.t.Helper()
	var ok bool
	if err := chromedp.Run(b, chromedp.Poll(condition, &ok, chromedp.WithPollingInterval(30*time.Millisecond), chromedp.WithPollingTimeout(patience))); err != nil {
		b.t.Fatalf("waiting for %s: %v", condition, err)
	}
}

// Text is what an element shows.
func (b *Tab) Text(selector string) string {
	b.t.Helper()
	return Value[string](b, fmt.Sprintf(`document.querySelector(%q).textContent.trim()`, selector))
}

// Shows fails unless an element comes to show a text.
func (b *Tab) Shows(selector, want string) {
	b.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for b.Text(selector) != want && time.Now().Before(deadline) {
		b.Settle()
	}
	if got := b.Text(selector); got != want {
		b.t.Errorf("%s shows %q, want %q", selector, got, want)
	}
}

// Settle waits until what has arrived is drawn.
func (b *Tab) Settle() {
	b.t.Helper()
	Value[bool](b, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
}

// Value evaluates an expression in the page.
func Value[T any](b *Tab, expression string) T {
	b.t.Helper()
	var out T
	b.Run(chromedp.Evaluate(expression, &out, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return out
}

// Scheme makes the system light or dark, with or without motion.
func (b *Tab) Scheme(name string) {
	b.t.Helper()
	b.Run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}))
}

// Shoot writes a screenshot of the whole page if SNOWSTREAM_SCREENSHOTS names a folder.
func (b *Tab) Shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("SNOWSTREAM_SCREENSHOTS")
	if dir == "" {
		return
	}
	b.Settle()
	var png []byte
	b.Run(chromedp.FullScreenshot(&png, 100))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
