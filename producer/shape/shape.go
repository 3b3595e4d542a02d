// Package shape is how a load changes over time: a rate for each moment since its start.
//
//	constant:RATE
//	ramp:from=100,to=1000,over=60s            then stays at to
//	step:from=100,by=100,every=10s            optionally with to, where it stops
//	sine:mean=500,swing=400,period=60s        between mean-swing and mean+swing, never below 0
//	burst:base=100,peak=1000,every=30s,for=5s starts with the base, each period ends with the peak
//
// Rates are records per second. A weekly table (weekly.go) is a shape, too. Shapes are pure functions of time, so that
// any number of readers agree about them.
package shape

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Shape is the rate at a time since the start, in records per second and never negative.
type Shape func(since time.Duration) float64

// Constant never changes.
func Constant(rate float64) Shape { return func(time.Duration) float64 { return rate } }

// Parse reads a shape as the package comment shows it. No rate in it may exceed most. A plain number is a constant.
func Parse(text string, most float64) (Shape, error) {
	s, err := parse(text, most)
	if err != nil {
		return nil, fmt.Errorf("read the load shape %q: %w", text, err)
	}
	return s, nil
}

func parse(text string, most float64) (Shape, error) {
	name, rest, _ := strings.Cut(text, ":")
	if name == "constant" || rest == "" && name == text {
		rate := rest
		if name == text {
			rate = text
		}
		r, err := number(rate, most)
		return Constant(r), err
	}
	build, known := map[string]struct {
		rates, times []string
		make         func(map[string]float64) (Shape, error)
	}{
		"ramp":  {[]string{"from", "to"}, []string{"over"}, ramp},
		"step":  {[]string{"from", "by", "to"}, []string{"every"}, step},
		"sine":  {[]string{"mean", "swing"}, []string{"period"}, sine},
		"burst": {[]string{"base", "peak"}, []string{"every", "for"}, burst},
	}[name]
	if !known {
		return nil, fmt.Errorf("there is no shape %q: use constant, ramp, step, sine or burst", name)
	}
	values, err := settings(rest, build.rates, build.times, most)
	if err != nil {
		return nil, err
	}
	return build.make(values)
}

// settings reads name=value pairs: rates as numbers, times as durations, which are returned in seconds.
func settings(text string, rates, times []string, most float64) (map[string]float64, error) {
	values := map[string]float64{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(pair), "=")
		switch {
		case !found:
			return nil, fmt.Errorf("%q is no setting: write it as name=value", pair)
		case slices.Contains(rates, name):
			n, err := number(value, most)
			if name == "by" && err != nil {
				n, err = strconv.ParseFloat(value, 64) // a step may go down
			}
			if err != nil || !(math.Abs(n) <= most) {
				return nil, fmt.Errorf("%s: %q is no rate from 0 to %g", name, value, most)
			}
			values[name] = n
		case slices.Contains(times, name):
			d, err := time.ParseDuration(value)
			if err != nil || d <= 0 {
				return nil, fmt.Errorf("%s: %q is no duration such as 30s", name, value)
			}
			values[name] = d.Seconds()
		default:
			return nil, fmt.Errorf("there is no setting %q: use %s", name, strings.Join(append(slices.Clone(rates), times...), ", "))
		}
	}
	return values, nil
}

func number(text string, most float64) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= most) {
		return 0, fmt.Errorf("%q is no rate from 0 to %g", text, most)
	}
	return n, nil
}

// need fails if a setting without a default is missing.
func need(v map[string]float64, names ...string) error {
	for _, name := range names {
		if _, ok := v[name]; !ok {
			return fmt.Errorf("the setting %s is missing; it has %v", name, slices.Sorted(maps.Keys(v)))
		}
	}
	return nil
}

func ramp(v map[string]float64) (Shape, error) {
	from, to, over := v["from"], v["to"], v["over"]
	return func(since time.Duration) float64 {
		return from + (to-from)*min(1, max(0, since.Seconds()/over))
	}, need(v, "from", "to", "over")
}

func step(v map[string]float64) (Shape, error) {
	from, by, every := v["from"], v["by"], v["every"]
	to, ends := v["to"]
	return func(since time.Duration) float64 {
		rate := max(0, from+by*math.Floor(max(0, since.Seconds())/every))
		switch {
		case ends && by >= 0:
			return min(rate, max(from, to))
		case ends:
			return max(rate, min(from, to))
		default:
			return min(rate, math.MaxInt32)
		}
	}, need(v, "from", "by", "every")
}

func sine(v map[string]float64) (Shape, error) {
	mean, swing, period := v["mean"], v["swing"], v["period"]
	return func(since time.Duration) float64 {
		return max(0, mean+swing*math.Sin(2*math.Pi*since.Seconds()/period))
	}, need(v, "mean", "swing", "period")
}

func burst(v map[string]float64) (Shape, error) {
	base, peak, every, length := v["base"], v["peak"], v["every"], v["for"]
	if err := need(v, "base", "peak", "every", "for"); err != nil {
		return nil, err
	}
	if length > every {
		return nil, errors.New("for is longer than every: the burst would never end")
	}
	return func(since time.Duration) float64 {
		if math.Mod(since.Seconds(), every) >= every-length {
			return peak
		}
		return base
	}, nil
}
