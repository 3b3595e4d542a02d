package producer

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snowstream/snowstream/producer/shape"
	"github.com/snowstream/snowstream/producer/spoil"
	"github.com/snowstream/snowstream/producer/template"
)

func compiled(t *testing.T, o template.Options, text string) *template.Template {
	t.Helper()
	tpl, err := o.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

func parsed(t *testing.T, text string) shape.Shape {
	t.Helper()
	s, err := shape.Parse(text, MaxRate)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every shape brings the integral of its rate, however its ticks fall.
func TestShapesBringTheirArea(t *testing.T) {
	for text, want := range map[string]int{
		"ramp:from=0,to=1000,over=10s":                5000,
		"step:from=100,by=100,every=2s":               3000,
		"sine:mean=500,swing=400,period=10s":          5000,
		"burst:base=100,peak=2100,every=5s,for=1s":    5000,
		"constant:0.3":                                3,
		"ramp:from=1,to=0,over=10s":                   5,
		"burst:base=0,peak=10,every=10s,for=10s":      100,
		"sine:mean=33333.3,swing=33333.3,period=2.5s": 333333,
	} {
		synctest.Test(t, func(t *testing.T) {
			sink := &memory{}
			stats, err := Run(t.Context(), Config{Template: sensor(t), Shape: parsed(t, text), Duration: 10 * time.Second}, sink)
			if err != nil || stats.Missed != 0 || int(stats.Accepted) < want-want/500-1 || int(stats.Accepted) > want+want/500+1 {
				t.Errorf("%s made %d records, missed %d, want %d (%v)", text, stats.Accepted, stats.Missed, want, err)
			}
		})
	}
}

func TestRateChangesWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		p, err := New(Config{Template: sensor(t), Rate: 100, Duration: 20 * time.Second}, sink)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var group sync.WaitGroup
		group.Go(func() {
			time.Sleep(5 * time.Second)
			if err := p.SetRate(1000); err != nil {
				t.Error(err)
			}
			time.Sleep(5 * time.Second)
			p.Scale(0.5)
			if p.Target() != 500 {
				t.Errorf("target is %g", p.Target())
			}
			time.Sleep(5 * time.Second)
			if err := p.SetRate(-1); err == nil {
				t.Error("took a negative rate")
			}
			if err := p.SetRate(MaxRate + 1); err == nil {
				t.Error("took a rate above the limit")
			}
			if err := p.SetRate(10); err != nil {
				t.Error(err)
			}
		})
		stats, err := p.Run(t.Context())
		group.Wait()
		if err != nil || stats.Accepted != 500+5000+2500+50 || stats.Missed != 0 {
			t.Errorf("counts %+v, error %v", stats, err)
		}
		seconds := map[time.Duration]int{}
		for _, at := range sink.at {
			seconds[at.Sub(start)/time.Second]++
		}
		for second, want := range map[time.Duration]int{2: 100, 7: 1000, 12: 500, 17: 10} {
			if n := seconds[second]; n < want-30 || n > want+30 {
				t.Errorf("second %d has %d records, want %d", second, n, want)
			}
		}
	})
}

// From no limit to a rate and back.
func TestLimitCanComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{before: nil}
		p, err := New(Config{Template: sensor(t), Records: 100_000, Rate: 10}, sink)
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		group.Go(func() {
			time.Sleep(time.Second)
			if err := p.SetRate(0); err != nil || p.Target() != 0 {
				t.Errorf("target is %g (%v)", p.Target(), err)
			}
			p.Scale(2)
		})
		stats, err := p.Run(t.Context())
		group.Wait()
		if err != nil || stats.Accepted != 100_000 || stats.Elapsed > 1100*time.Millisecond {
			t.Errorf("counts %+v, error %v", stats, err)
		}
	})
}

func TestBackfill(t *testing.T) {
	tpl := compiled(t, template.Options{Simulated: true, Zone: time.UTC}, `{{date.simTime("x")}}`)
	from := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	sink := &memory{}
	stats, err := Run(t.Context(), Config{
		Template: tpl, Shape: parsed(t, "step:from=0.5,by=1.5,every=10s"), Workers: 3, Batch: 7,
		Backfill: &Backfill{From: from, Until: from.Add(20500 * time.Millisecond)},
	}, sink)
	if err != nil || stats.Accepted != 5+20+1 {
		t.Fatalf("counts %+v, error %v", stats, err)
	}
	slices.Sort(sink.data)
	var want []string
	for _, ms := range []int{1000, 3000, 5000, 7000, 9000} {
		want = append(want, fmt.Sprint(from.UnixMilli()+int64(ms)))
	}
	for ms := 10_000; ms < 20_000; ms += 500 {
		want = append(want, fmt.Sprint(from.UnixMilli()+int64(ms)))
	}
	want = append(want, fmt.Sprint(from.UnixMilli()+20_000))
	if !slices.Equal(sink.data, want) {
		t.Errorf("times are %v\nwant %v", sink.data, want)
	}
	sink = &memory{}
	stats, err = Run(t.Context(), Config{Template: tpl, Rate: 1000, Records: 1234, Backfill: &Backfill{From: from, Until: from.AddDate(1, 0, 0)}}, sink)
	if err != nil || stats.Accepted != 1234 {
		t.Errorf("counts %+v, error %v", stats, err)
	}
	if _, err := New(Config{Template: tpl, Backfill: &Backfill{From: from, Until: from}}, sink); err == nil {
		t.Error("took a backfill without a rate")
	}
}

func TestReplay(t *testing.T) {
	const text = "first\r\n\nsecond\nthird, without an end"
	sink := &memory{}
	stats, err := Run(t.Context(), Config{Template: sensor(t), Workers: 1, Newline: true, Replay: &Replay{Reader: strings.NewReader(text), End: '\n'}}, sink)
	if err != nil || !slices.Equal(sink.data, []string{"first\n", "second\n", "third, without an end\n"}) || stats.Accepted != 3 {
		t.Errorf("sent %q, counts %+v, error %v", sink.data, stats, err)
	}
	sink = &memory{}
	_, err = Run(t.Context(), Config{Template: sensor(t), Workers: 1, Records: 2, Replay: &Replay{Reader: strings.NewReader("a\nb\x00c\r\x00d\x00"), End: 0}}, sink)
	if err != nil || !slices.Equal(sink.data, []string{"a\nb", "c\r"}) {
		t.Errorf("sent %q, error %v", sink.data, err)
	}
	broken := io.MultiReader(strings.NewReader("one\n"), brokenReader{})
	if _, err = Run(t.Context(), Config{Template: sensor(t), Replay: &Replay{Reader: broken, End: '\n'}}, &memory{}); !errors.Is(err, errBroken) {
		t.Errorf("error is %v", err)
	}
}

var errBroken = errors.New("broken")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

func TestReplayAtItsOwnTimes(t *testing.T) {
	for text, want := range map[string][]time.Duration{
		`{"t":"2024-01-01T00:00:00Z"}` + "\n" + `{"t":"2024-01-01T00:00:04Z"}` + "\n" + `{"t":"2024-01-01T00:00:01+00:00"}`: {0, 2 * time.Second, 2 * time.Second},
		`{"t":1700000000}` + "\n" + `{"t":1700000001.5}`:                                                                    {0, 750 * time.Millisecond},
		`{"t":1700000000000}` + "\n" + `{"t":1700000003000}`:                                                                {0, 1500 * time.Millisecond},
		`{"t":"2024-01-01 00:00:00"}` + "\n" + `{"t":"2024-01-01 00:00:00.5"}`:                                              {0, 250 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			sink := &memory{}
			start := time.Now()
			_, err := Run(t.Context(), Config{Template: sensor(t), Workers: 1, Replay: &Replay{Reader: strings.NewReader(text), End: '\n', TimeField: "t", Speed: 2}}, sink)
			if err != nil || len(sink.at) != len(want) {
				t.Fatalf("sent %q, error %v", sink.data, err)
			}
			for i := range want {
				if got := sink.at[i].Sub(start); got.Round(time.Microsecond) != want[i] {
					t.Errorf("%s: record %d came after %v, want %v", text, i, got, want[i])
				}
			}
		})
	}
	for _, text := range []string{"no JSON", `{"t":"soon"}`, `{"t":[]}`, `{"u":1}`, `{"t":1e300}`} {
		_, err := Run(t.Context(), Config{Template: sensor(t), Replay: &Replay{Reader: strings.NewReader(text), End: '\n', TimeField: "t", Speed: 1}}, &memory{})
		if err == nil || !strings.Contains(err.Error(), "replay record 1") {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

func FuzzReplay(f *testing.F) {
	f.Add([]byte("{\"t\":1}\n{\"t\":\"2024-01-01T00:00:00Z\"}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := &Replay{Reader: bytes.NewReader(text), End: '\n', TimeField: "t", Speed: 1}
		for {
			line, err := r.next()
			if err != nil {
				return
			}
			if len(line) == 0 || bytes.IndexByte(line, '\n') >= 0 {
				t.Fatalf("replays %q", line)
			}
			_, _ = r.time(line)
		}
	})
}

func TestKeysAndGzip(t *testing.T) {
	tpl := compiled(t, template.Options{}, `{{same.value({"name":"id","of":"random.number","with":1000000})}} {{entity.id}}`)
	key := compiled(t, template.Options{With: tpl}, `k-{{same.value("id")}}-{{entity.id}}`)
	sink := &memory{}
	if _, err := Run(t.Context(), Config{Template: tpl, Key: key, Records: 2000, Gzip: true, Seed: 3}, sink); err != nil {
		t.Fatal(err)
	}
	distinct := map[string]bool{}
	for i, packed := range sink.data {
		z, err := gzip.NewReader(strings.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		id, entity, _ := strings.Cut(string(data), " ")
		if sink.keys[i] != "k-"+id+"-"+entity {
			t.Fatalf("the key of %q is %q", data, sink.keys[i])
		}
		distinct[id] = true
	}
	if len(distinct) < 1900 {
		t.Errorf("only %d distinct ids", len(distinct))
	}
}

// Each kind of bad data is made as often as planned, marked, and reported as it was sent.
func TestBadData(t *testing.T) {
	plan, err := spoil.Parse("malformed=5%,missing=5%,wrong-type=5%,late=5%,out-of-order=5%,duplicate=5%,oversize=0.05%")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)
	tpl := compiled(t, template.Options{Now: now, Zone: time.UTC}, `{"n":{{sequence.number}},"at":"{{date.utc}}"}`)
	var mu sync.Mutex
	reports := map[int64]Bad{}
	sink := &memory{}
	stats, err := Run(t.Context(), Config{Template: tpl, Records: 10_000, Workers: 1, Seed: 5, Bad: plan, Newline: true, OnBad: func(b Bad) {
		mu.Lock()
		defer mu.Unlock()
		reports[b.Number] = b
	}}, sink)
	if err != nil || len(sink.data) != 10_000 {
		t.Fatalf("counts %+v, error %v", stats, err)
	}
	total := int64(0)
	for _, n := range stats.Bad {
		total += n
	}
	if total != int64(len(reports)) || len(stats.Bad) != int(spoil.Kinds)-1 {
		t.Errorf("%d counted as %v, %d reported", total, stats.Bad, len(reports))
	}
	for i, data := range sink.data {
		bad, reported := reports[int64(i)]
		var v struct {
			N  int
			At time.Time
		}
		err := json.Unmarshal([]byte(data), &v)
		good := err == nil && v.N > 0 && v.At.Equal(now) && len(data) < 100
		if !reported && (!good || strings.HasPrefix(sink.keys[i], "bad-")) {
			t.Fatalf("record %d is bad and nobody said so: %q", i, data)
		}
		if !reported {
			continue
		}
		if sum := sha256.Sum256([]byte(data)); hex.EncodeToString(sum[:]) != bad.SHA256 || bad.Key != sink.keys[i] {
			t.Fatalf("record %d was reported as something else", i)
		}
		if marked := strings.HasPrefix(bad.Key, "bad-"); marked != (bad.Ends == "quarantine") {
			t.Fatalf("record %d ends in %s and has the key %s", i, bad.Ends, bad.Key)
		}
		switch bad.Kind {
		case "malformed":
			if json.Valid([]byte(data)) {
				t.Fatalf("%q is well formed", data)
			}
		case "late":
			if !v.At.Equal(now.Add(-spoil.LateBy)) {
				t.Fatalf("%q is not late", data)
			}
		case "duplicate":
			if data != sink.data[i-1] || bad.Key != sink.keys[i-1] {
				t.Fatalf("%q is no duplicate of %q", data, sink.data[i-1])
			}
		case "oversize":
			if len(data) < 1<<20 {
				t.Fatalf("oversize has %d bytes", len(data))
			}
		}
	}
	if _, err := New(Config{Template: tpl, Bad: plan, Replay: &Replay{}}, sink); err == nil {
		t.Error("took a replay with duplicates")
	}
}

func TestLatencies(t *testing.T) {
	var h histogram
	if q := h.quantiles(0.5); q[0] != 0 {
		t.Errorf("nothing took %v", q[0])
	}
	for i := 1; i <= 1000; i++ {
		h.add(time.Duration(i) * time.Millisecond)
	}
	h.add(-1)
	h.add(1 << 62)
	q := h.quantiles(0.5, 0.99)
	for i, want := range []time.Duration{500 * time.Millisecond, 990 * time.Millisecond} {
		if q[i] < want*15/16 || q[i] > want*17/16 {
			t.Errorf("quantile is %v, want about %v", q[i], want)
		}
	}
	for _, n := range []uint64{0, 1, 15, 16, 17, 31, 32, 33, 1000, 1 << 40, 1<<64 - 1} {
		if b := bucket(n); floor(b) > n || b+1 < len(h.buckets) && floor(b+1) <= n {
			t.Errorf("%d is in bucket %d from %d", n, b, floor(b))
		}
	}
}
