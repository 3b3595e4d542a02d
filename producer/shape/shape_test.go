package shape

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		text string
		at   time.Duration
		want float64
	}{
		{"7.5", time.Hour, 7.5}, {"constant:3", 0, 3}, {"0", 0, 0},
		{"ramp:from=100,to=1000,over=60s", 0, 100}, {"ramp:from=100,to=1000,over=60s", 30 * time.Second, 550},
		{"ramp:from=100,to=1000,over=60s", time.Hour, 1000}, {"ramp:from=10,to=0,over=10s", 5 * time.Second, 5},
		{"step:from=100,by=50,every=10s", 29 * time.Second, 200}, {"step:from=100,by=50,every=10s,to=120", time.Minute, 120},
		{"step:from=100,by=-50,every=1s", time.Minute, 0}, {"step:from=100,by=-50,every=1s,to=30", time.Minute, 30},
		{"sine:mean=500,swing=400,period=60s", 15 * time.Second, 900}, {"sine:mean=500,swing=400,period=60s", 45 * time.Second, 100},
		{"sine:mean=1,swing=400,period=60s", 45 * time.Second, 0},
		{"burst:base=100,peak=1000,every=30s,for=5s", 24 * time.Second, 100}, {"burst:base=100,peak=1000,every=30s,for=5s", 25 * time.Second, 1000},
		{"burst:base=100,peak=1000,every=30s,for=5s", 30 * time.Second, 100},
	} {
		s, err := Parse(c.text, 1e6)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := s(c.at); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s at %v is %g, want %g", c.text, c.at, got, c.want)
		}
	}
}

func TestBadShapes(t *testing.T) {
	for _, text := range []string{
		"", "x", "-1", "constant:", "constant:NaN", "constant:1e9", "wave:a=1", "ramp:", "ramp:from=1", "ramp:from=1,to=2,over=0s", "ramp:from=1,to=2,over=5",
		"ramp:from=1,to=2e9,over=5s", "sine:mean=1,swing=2,period=1s,phase=3", "burst:base=1,peak=2,every=1s,for=2s", "step:from=1,by=NaN,every=1s",
	} {
		if _, err := Parse(text, 1e6); err == nil || !strings.HasPrefix(err.Error(), "read the load shape") {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("sine:mean=500,swing=400,period=60s")
	f.Add("step:from=100,by=-50,every=1s,to=30")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text, 1e6)
		if err != nil {
			return
		}
		for _, at := range []time.Duration{0, time.Millisecond, time.Hour, math.MaxInt64} {
			if rate := s(at); !(rate >= 0 && rate <= math.MaxInt32) {
				t.Errorf("%q at %v is %g", text, at, rate)
			}
		}
	})
}

// The mean of many seconds is the table's, and the hours before midnight lead where time leads.
func TestWeekly(t *testing.T) {
	w, err := ParseWeek(strings.NewReader("day,hour,mean,sigma\n*,*,1000,0\n# a comment\n\nmon, 22, 200, 0\nMonday,23,400,0\ntue,0,600,0\nSunday,0-3,9000,0\n"), 1e6)
	if err != nil {
		t.Fatal(err)
	}
	monday := time.Date(2024, 3, 4, 22, 0, 0, 0, time.UTC)
	s := w.Shape(monday, 1)
	for at, want := range map[time.Duration]float64{0: 200, 30 * time.Minute: 300, time.Hour: 400, 90 * time.Minute: 500, 2 * time.Hour: 600, 5 * 24 * time.Hour: 1000} {
		if got := s(at); got != want {
			t.Errorf("%v after Monday 22:00 the rate is %g, want %g", at, got, want)
		}
	}
	saturday := w.Shape(time.Date(2024, 3, 9, 23, 30, 0, 0, time.UTC), 1)
	if got := saturday(0); got != 5000 {
		t.Errorf("Saturday 23:30 is %g, want 5000 on the way to Sunday 0", got)
	}
	plain, err := ParseWeek(strings.NewReader(""), 1e6)
	if err != nil {
		t.Fatal(err)
	}
	sum, s := 0.0, plain.Shape(monday, 2)
	for i := range 10_000 {
		sum += s(time.Duration(i) * time.Second)
	}
	if mean := sum / 10_000; mean < 99.5 || mean > 101.5 {
		t.Errorf("the mean is %g, want 100 and the rounding up", mean)
	}
	if s(1500*time.Millisecond) != s(1001*time.Millisecond) {
		t.Error("the rate changes within a second")
	}
}

func TestBadWeeks(t *testing.T) {
	for _, text := range []string{"a", "foo,1,2,3", "mon,24,2,3", "mon,5-2,1,1", "mon,1,-2,3", "mon,1,2,x", "mo,1,2,3"} {
		if _, err := ParseWeek(strings.NewReader(text), 1e6); err == nil {
			t.Errorf("taken: %q", text)
		}
	}
}
