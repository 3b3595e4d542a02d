package producer

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/snowstream/snowstream/producer/template"
	"github.com/snowstream/snowstream/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a sink that keeps everything, and when it came.
type memory struct {
	mu   sync.Mutex
	data []string
	keys []string
	at   []time.Time
	// before runs at the start of each Put.
	before func(ctx context.Context) error
	result func(n int) Result
}

func (m *memory) Put(ctx context.Context, entries []record.Entry) (Result, error) {
	if m.before != nil {
		if err := m.before(ctx); err != nil {
			return Result{Failed: len(entries), Reason: err}, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := Result{Accepted: len(entries)}
	for _, e := range entries {
		m.data = append(m.data, string(e.Data))
		m.keys = append(m.keys, e.PartitionKey)
		m.at = append(m.at, time.Now())
		r.Bytes += int64(len(e.Data))
	}
	if m.result != nil {
		return m.result(len(entries)), nil
	}
	return r, nil
}

func sensor(t testing.TB) *template.Template {
	t.Helper()
	tpl, err := template.Compile(template.Sensor)
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

func TestExactNumber(t *testing.T) {
	for _, rate := range []float64{0, 100, 33_333} {
		synctest.Test(t, func(t *testing.T) {
			sink := &memory{}
			stats, err := Run(t.Context(), Config{Template: sensor(t), Rate: rate, Records: 12_345, Seed: 1}, sink)
			if err != nil {
				t.Fatal(err)
			}
			if len(sink.data) != 12_345 || stats.Accepted != 12_345 || stats.Attempted != 12_345 || stats.Failed != 0 || stats.Missed != 0 {
				t.Errorf("rate %g: the sink got %d records, counts are %+v", rate, len(sink.data), stats)
			}
			total := 0
			for i, d := range sink.data {
				total += len(d)
				if !regexp.MustCompile(`^\{    "sensorId": \d+,.*"\}$`).MatchString(d) || !regexp.MustCompile(`^\d{1,10}$`).MatchString(sink.keys[i]) {
					t.Fatalf("made %q with key %q", d, sink.keys[i])
				}
			}
			if int64(total) != stats.Bytes {
				t.Errorf("%d bytes counted, %d made", stats.Bytes, total)
			}
		})
	}
}

// The set of records is decided by seed and number alone.
func TestReproducible(t *testing.T) {
	made := func(workers int, rate float64, seed uint64) []string {
		sink := &memory{}
		synctest.Test(t, func(t *testing.T) {
			if _, err := Run(t.Context(), Config{Template: sensor(t), Rate: rate, Records: 5000, Seed: seed, Workers: workers}, sink); err != nil {
				t.Fatal(err)
			}
		})
		for i := range sink.data {
			sink.data[i] = sink.keys[i] + " " + sink.data[i]
		}
		slices.Sort(sink.data)
		return sink.data
	}
	one := made(1, 0, 9)
	if !slices.Equal(one, made(7, 1234.5, 9)) {
		t.Error("seven workers at a rate made other records than one worker")
	}
	if slices.Equal(one, made(1, 0, 10)) {
		t.Error("another seed made the same records")
	}
	if distinct := len(maps.Collect(func(yield func(string, bool) bool) {
		for _, d := range one {
			yield(d, true)
		}
	})); distinct != len(one) {
		t.Errorf("%d of %d records are distinct: the keys repeat", distinct, len(one))
	}
}

func TestEvenPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		start := time.Now()
		stats, err := Run(t.Context(), Config{Template: sensor(t), Rate: 1000, Duration: 10 * time.Second}, sink)
		if err != nil {
			t.Fatal(err)
		}
		if stats.Accepted != 10_000 || stats.Elapsed < 10*time.Second || stats.Rate() < 999 || stats.Rate() > 1001 {
			t.Errorf("counts are %+v, rate %g", stats, stats.Rate())
		}
		ticks := map[time.Duration]int{}
		for _, at := range sink.at {
			ticks[at.Sub(start)/Tick]++
		}
		want := int(1000 * Tick.Seconds())
		for tick, n := range ticks {
			if n < want-1 || n > want+1 {
				t.Errorf("%d records at tick %d, want %d", n, tick, want)
			}
		}
	})
}

func TestSlowRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		start := time.Now()
		if _, err := Run(t.Context(), Config{Template: sensor(t), Rate: 0.5, Records: 3}, sink); err != nil {
			t.Fatal(err)
		}
		for i, at := range sink.at {
			if want := time.Duration(i+1) * 2 * time.Second; at.Sub(start) != want {
				t.Errorf("record %d came after %v, want %v", i, at.Sub(start), want)
			}
		}
	})
}

func TestStallIsMissedNotBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		stalled := false
		sink := &memory{}
		sink.before = func(context.Context) error {
			if !stalled && time.Since(start) > 2*time.Second {
				stalled = true
				time.Sleep(5 * time.Second)
			}
			return nil
		}
		stats, err := Run(t.Context(), Config{Template: sensor(t), Rate: 1000, Duration: 20 * time.Second, Workers: 1}, sink)
		if err != nil {
			t.Fatal(err)
		}
		if stats.Missed < 3800 || stats.Missed > 4200 || stats.Accepted+stats.Missed < 19_900 || stats.Accepted+stats.Missed > 20_000 {
			t.Errorf("counts are %+v, want about 4,000 missed of 20,000", stats)
		}
		seconds := map[time.Duration]int{}
		for _, at := range sink.at {
			seconds[at.Sub(start)/time.Second]++
		}
		for second, n := range seconds {
			if n > 2100 {
				t.Errorf("second %d has %d records, want at most twice the rate", second, n)
			}
		}
	})
}

func TestCancelFinishesWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		sink.before = func(ctx context.Context) error {
			select {
			case <-time.After(3 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		stats, err := Run(ctx, Config{Template: sensor(t), Workers: 3}, sink)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
		if stats.Accepted != 3*MaxBatch || stats.Attempted != stats.Accepted || stats.Elapsed != 3*time.Second {
			t.Errorf("counts are %+v", stats)
		}
	})
}

func TestDrainHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{before: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		stats, err := Run(ctx, Config{Template: sensor(t), Rate: 10, Workers: 2, Drain: 4 * time.Second}, sink)
		if err == nil || stats.Elapsed != 5*time.Second || stats.Attempted != stats.Failed || stats.Failed == 0 {
			t.Errorf("error %v, counts %+v", err, stats)
		}
	})
}

// TestDurationIsHard: however high the rate and however slow the sink, a run ends soon after its duration, and a load
// that is changed takes hold at once.
func TestDurationIsHard(t *testing.T) {
	for _, rate := range []float64{0, 5000, MaxRate} {
		synctest.Test(t, func(t *testing.T) {
			sink := &memory{before: func(context.Context) error { time.Sleep(900 * time.Millisecond); return nil }}
			began := time.Now()
			stats, err := Run(t.Context(), Config{Template: sensor(t), Rate: rate, Duration: 5 * time.Second}, sink)
			if took := time.Since(began); err != nil || took < 5*time.Second || took > 7*time.Second {
				t.Errorf("rate %g: took %s: %v", rate, took, err)
			}
			if asked := int64(rate * 5); stats.Failed != 0 || asked > 0 && asked-stats.Accepted-stats.Missed > int64(rate) {
				t.Errorf("rate %g: %+v", rate, stats)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{before: func(ctx context.Context) error { <-ctx.Done(); return nil }}
		began := time.Now()
		if _, err := Run(t.Context(), Config{Template: sensor(t), Rate: 100, Duration: 5 * time.Second}, sink); err != nil || time.Since(began) != 5*time.Second+DefaultDrain {
			t.Errorf("a sink that hangs: took %s: %v", time.Since(began), err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{before: func(context.Context) error { time.Sleep(time.Second); return nil }}
		p, err := New(Config{Template: sensor(t), Rate: MaxRate, Duration: time.Minute}, sink)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(5*time.Second, func() { p.Pause(true) })
		if stats, err := p.Run(t.Context()); err != nil || stats.Accepted > 9*DefaultWorkers*MaxBatch {
			t.Errorf("paused after 5 s, %d records in a minute: %v", stats.Accepted, err)
		}
	})
}

func TestSinkErrorStops(t *testing.T) {
	gone := errors.New("no such stream")
	sink := &memory{before: func(context.Context) error { return gone }}
	stats, err := Run(t.Context(), Config{Template: sensor(t), Records: 1 << 40}, sink)
	if !errors.Is(err, gone) || stats.Accepted != 0 || stats.Failed == 0 || stats.Failed != stats.Attempted {
		t.Errorf("error %v, counts %+v", err, stats)
	}
}

func TestFailedRecordsAreCounted(t *testing.T) {
	reason := errors.New("too large")
	sink := &memory{result: func(n int) Result {
		return Result{Accepted: n - 1, Failed: 1, Throttled: 2, Retried: 3, Reason: reason}
	}}
	stats, err := Run(t.Context(), Config{Template: sensor(t), Records: 1000, Workers: 1}, sink)
	if err != nil || stats.Accepted != 998 || stats.Failed != 2 || stats.Throttled != 4 || stats.Retried != 6 || stats.Failure != reason {
		t.Errorf("error %v, counts %+v", err, stats)
	}
}

func TestNewlineAndLargeRecords(t *testing.T) {
	tpl, err := template.Compile("{{internet.password(1000000)}}")
	if err != nil {
		t.Fatal(err)
	}
	largest := 0
	sink := &memory{}
	puts := 0
	sink.before = func(context.Context) error { puts++; return nil }
	stats, err := Run(t.Context(), Config{Template: tpl, Records: 20, Workers: 1, Newline: true}, sink)
	for _, d := range sink.data {
		largest = max(largest, len(d))
		if d[len(d)-1] != '\n' {
			t.Error("a record has no line feed")
		}
	}
	if err != nil || stats.Accepted != 20 || puts != 4 || largest != 1_000_001 {
		t.Errorf("error %v, counts %+v, %d puts", err, stats, puts)
	}
}

func TestBadConfig(t *testing.T) {
	tpl := sensor(t)
	for _, c := range []Config{
		{}, {Template: tpl, Rate: -1}, {Template: tpl, Rate: MaxRate + 1}, {Template: tpl, Records: -1}, {Template: tpl, Duration: -1},
	} {
		if _, err := New(c, &memory{}); err == nil {
			t.Errorf("taken: %+v", c)
		}
	}
	if _, err := New(Config{Template: tpl}, nil); err == nil {
		t.Error("taken without a sink")
	}
}

type null struct{}

func (null) Put(_ context.Context, entries []record.Entry) (Result, error) {
	return Result{Accepted: len(entries)}, nil
}

func BenchmarkRun(b *testing.B) {
	b.ReportAllocs()
	if _, err := Run(b.Context(), Config{Template: sensor(b), Records: int64(b.N)}, null{}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
