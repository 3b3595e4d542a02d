package producer

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snowstream/snowstream/producer/shape"
	"github.com/snowstream/snowstream/producer/template"
)

// during runs a producer and calls steps while it runs, in simulated time.
func during(t *testing.T, c Config, steps func(p *Producer, count func() int)) *memory {
	t.Helper()
	sink := &memory{}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p, err := New(c, sink)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = p.Run(ctx) // it is stopped
		}()
		steps(p, func() int {
			synctest.Wait()
			sink.mu.Lock()
			defer sink.mu.Unlock()
			return len(sink.data)
		})
		cancel()
		<-done
	})
	return sink
}

func near(t *testing.T, what string, got, want int) {
	t.Helper()
	if got < want-want/20-6 || got > want+want/20+6 {
		t.Errorf("%s: %d records, want about %d", what, got, want)
	}
}

func TestPause(t *testing.T) {
	for _, rate := range []float64{200, 0} {
		c := Config{Template: sensor(t), Rate: rate, Batch: 10}
		during(t, c, func(p *Producer, count func() int) {
			if rate == 0 {
				if err := p.SetRate(200); err != nil { // without a limit simulated time would stand still
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			p.Pause(true)
			time.Sleep(2 * Tick)
			at := count()
			time.Sleep(time.Minute)
			if got := count(); got != at || !p.Paused() || p.Target() != 200 {
				t.Errorf("%d records made while it was paused, target %g", got-at, p.Target())
			}
			p.Pause(false)
			time.Sleep(2 * time.Second)
			near(t, "after the pause", count()-at, 400)
		})
	}
}

// TestPauseUnlimited: a run without a rate stops, too, and keeps being without one.
func TestPauseUnlimited(t *testing.T) {
	sink := &memory{before: func(context.Context) error { time.Sleep(time.Millisecond); return nil }}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p, err := New(Config{Template: sensor(t), Batch: 10}, sink)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { defer close(done); _, _ = p.Run(ctx) }()
		count := func() int { synctest.Wait(); return int(p.Stats().Accepted) }
		time.Sleep(100 * time.Millisecond)
		p.Pause(true)
		time.Sleep(2 * Tick)
		at := count()
		time.Sleep(time.Minute)
		if got := count(); got != at || at == 0 {
			t.Errorf("%d records, then %d while it was paused", at, got)
		}
		p.Pause(false)
		time.Sleep(time.Second)
		if got := count(); got < at+1000 || p.Target() != 0 {
			t.Errorf("%d records after the pause, target %g", got-at, p.Target())
		}
		cancel()
		<-done
	})
}

func TestSetShape(t *testing.T) {
	during(t, Config{Template: sensor(t), Rate: 10}, func(p *Producer, count func() int) {
		time.Sleep(10 * time.Second)
		at := count()
		s, err := shape.Parse("ramp:from=0,to=1000,over=10s", MaxRate)
		if err != nil {
			t.Fatal(err)
		}
		p.SetShape(s)
		time.Sleep(10 * time.Second)
		near(t, "the ramp", count()-at, 5000) // it starts when it is set
		if err := p.SetRate(50); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		at = count()
		time.Sleep(10 * time.Second)
		near(t, "the rate after it", count()-at, 500)
	})
}

func TestSetTemplate(t *testing.T) {
	compile := func(text string) *template.Template {
		c, err := template.Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	old, other := compile(`old {{sequence.number({"start":1,"step":1})}}`), compile(`new {{sequence.number({"start":1,"step":1})}}`)
	sink := during(t, Config{Template: old, Rate: 100, Workers: 1}, func(p *Producer, _ func() int) {
		time.Sleep(time.Second)
		if err := p.SetTemplate(other); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
	})
	swapped := false
	for i, record := range sink.data {
		isNew := strings.HasPrefix(record, "new ")
		if swapped && !isNew {
			t.Fatalf("record %d is %q, after a new one", i, record)
		}
		swapped = isNew
	}
	if !swapped || !strings.HasPrefix(sink.data[0], "old 1") {
		t.Errorf("first %q, last %q", sink.data[0], sink.data[len(sink.data)-1])
	}
	p, err := New(Config{Template: old, Key: compile("k")}, &memory{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetTemplate(other); err == nil {
		t.Error("a template was taken from under its keys")
	}
}
