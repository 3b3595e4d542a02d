package cloudformation

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/snowstream/snowstream/deploy/cloudformation/resolve"
)

// series are a metric's samples, by the second they were written.
type series map[int][]float64

func (s series) add(at int, value float64) { s[at] = append(s[at], value) }

// metrics are all series, by namespace and name.
type metrics map[string]series

func (m metrics) add(name string, at int, value float64) {
	if m[name] == nil {
		m[name] = series{}
	}
	m[name].add(at, value)
}

// point is a statistic over [from, from+period); false if there is no sample.
func (s series) point(stat string, from, period int) (float64, bool) {
	sum, highest, any := 0.0, math.Inf(-1), false
	for at := from; at < from+period; at++ {
		for _, v := range s[at] {
			sum, highest, any = sum+v, max(highest, v), true
		}
	}
	if stat == "Sum" {
		return sum, any
	}
	return highest, any
}

// rule is an alarm as CloudWatch plays it.
type rule struct {
	name           string
	period, of, at int // at of of periods
	threshold      float64
	breaching      bool // missing data
	value          func(m metrics, from int) (float64, bool)
}

// late is how long a metric may take to reach CloudWatch.
const late = 60

func number(t *testing.T, v any) int {
	t.Helper()
	n, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	if err != nil {
		t.Fatalf("%v is no number", v)
	}
	return int(n)
}

func rules(t *testing.T, resources map[string]resolve.Resource) (out []rule) {
	t.Helper()
	for id, r := range resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		p := r.Properties
		a := rule{name: id, period: 60, of: number(t, p["EvaluationPeriods"]), threshold: float64(number(t, p["Threshold"])), breaching: p["TreatMissingData"] == "breaching"}
		if a.at = a.of; p["DatapointsToAlarm"] != nil {
			a.at = number(t, p["DatapointsToAlarm"])
		}
		if p["ComparisonOperator"] != "GreaterThanThreshold" {
			t.Fatalf("%s compares by %v, which is not played here", id, p["ComparisonOperator"])
		}
		if p["Metrics"] == nil {
			name, stat, period := fmt.Sprint(p["Namespace"], " ", p["MetricName"], " ", at(p, "Dimensions", 0, "Value")), fmt.Sprint(p["Statistic"]), number(t, p["Period"])
			a.period = period
			a.value = func(m metrics, from int) (float64, bool) { return m[name].point(stat, from, period) }
		} else {
			if got := at(p, "Metrics", 0, "Expression"); got != "IF(FILL(put, 0) > 0 AND FILL(landed, 0) == 0, 1, 0)" {
				t.Fatalf("%s works out %v, which is not played here", id, got)
			}
			name := func(i int) string {
				stat := at(p, "Metrics", i, "MetricStat", "Metric")
				return fmt.Sprint(at(stat, "Namespace"), " ", at(stat, "MetricName"), " ", at(stat, "Dimensions", 0, "Value"))
			}
			put, landed := name(1), name(2)
			a.value = func(m metrics, from int) (float64, bool) {
				in, any := m[put].point("Sum", from, 60)
				out, also := m[landed].point("Sum", from, 60)
				if in > 0 && out == 0 {
					return 1, any || also
				}
				return 0, any || also
			}
		}
		out = append(out, a)
	}
	return out
}

// rings is when the alarm goes off in [begin, end), -1 if not.
func (r rule) rings(m metrics, begin, end int) int {
	for now := begin; now < end; now += 60 {
		bad := 0
		for i := range r.of {
			from := (now/r.period - i - 1) * r.period
			value, any := 0.0, false
			if from >= 0 {
				value, any = r.value(m, from)
			}
			if any && value > r.threshold || !any && r.breaching {
				bad++
			}
		}
		if bad >= r.at {
			return now + late
		}
	}
	return -1
}

// first is the alarm of all that rings first.
func first(all []rule, m metrics, begin, end int) (when int, which string) {
	when = -1
	for _, r := range all {
		if at := r.rings(m, begin, end); at >= 0 && (when < 0 || at < when) {
			when, which = at, r.name
		}
	}
	return when, which
}

const (
	tookRecords = "snowstream records kdEntry"
	putRecords  = "AWS/Kinesis IncomingRecords kdEntry"
	ageOfBatch  = "AWS/Lambda IteratorAge SnowflakeOrchestrator"
	failures    = "AWS/Lambda Errors SnowflakeOrchestrator"
)

// traffic writes the metrics of a stream that gets records every so many seconds and lands them once a window, but for [stop, end):
// there each invocation takes gap seconds and fails.
func traffic(end, every, window, stop, gap int) metrics {
	m := metrics{}
	for at := 0; at < end; at += every {
		m.add(putRecords, at, 10)
	}
	for at := window; at < min(stop, end); at += max(window, every) + 1 {
		m.add(tookRecords, at, 10)
		m.add(failures, at, 0)
		m.add(ageOfBatch, at, float64(1000*window))
	}
	for at := stop; at < end; at += gap {
		m.add(ageOfBatch, at, float64(1000*(at-stop+window)))
		if at+gap < end {
			m.add(failures, at+gap, 1)
		}
	}
	return m
}

// TestStopRings: a stop in which each invocation hangs for 30 to 900 s rings within ten minutes, wherever in a minute it begins.
// Samples take a minute to reach CloudWatch.
func TestStopRings(t *testing.T) {
	for _, window := range []int{1, 60, 300} {
		p := example()
		p.BatchWindowSeconds = window
		resources, err := resolve.Template(Template(), given(p), place)
		if err != nil {
			t.Fatal(err)
		}
		all, worst, by := rules(t, resources), 0, map[string]int{}
		for gap := 30; gap <= 900; gap += 30 {
			for _, phase := range []int{0, 1, 30, 59} {
				stop := 1800 + phase
				m := traffic(stop+1800, 5, window, stop, gap)
				if at, which := first(all, m, 900, stop-stop%60); at >= 0 {
					t.Fatalf("window %d s: %s rings before anything stopped", window, which)
				}
				at, which := first(all, m, stop-stop%60, stop+1800)
				if at < 0 || at-stop > 600 {
					t.Errorf("window %d s, %d s between failures: %s rings after %d s", window, gap, which, at-stop)
				}
				worst = max(worst, at-stop)
				by[which]++
			}
		}
		t.Logf("window %d s: after %d s at the latest, by %v", window, worst, by)
	}
}

// TestOtherStopsRing: what stands still beside the batches.
func TestOtherStopsRing(t *testing.T) {
	resources, err := resolve.Template(Template(), given(example()), place)
	if err != nil {
		t.Fatal(err)
	}
	all := rules(t, resources)
	const stop, end = 7230, 7230 + 1800
	for name, write := range map[string]func(m metrics, at int){
		"PipeLagAlarm": func(m metrics, at int) { m.add("snowstream pipe_lag_seconds kdEntry", at, float64(at-stop)) },
		"StandingAlarm": func(m metrics, at int) {
			m.add("snowstream standing_shards kdEntry", at, map[bool]float64{true: 1}[at-stop > 60])
		},
		"QuarantinedAlarm": func(m metrics, at int) { m.add("snowstream quarantined kdEntry", at, 1) },
		"FailedBatchesAlarm": func(m metrics, at int) {
			m.add("AWS/Lambda OnFailureDestinationDeliveredEventCount <Mapping>", at, 1)
		},
	} {
		m := traffic(end, 5, 60, end, 60)
		for at := stop; at < end; at += 60 {
			write(m, at)
		}
		if at, which := first(all, m, 3600, end); which != name || at-stop > 600 {
			t.Errorf("%s: %s rings after %d s", name, which, at-stop)
		}
	}
}

// TestBirthIsQuiet: neither the first day without a record, nor with some, nor with steady ones, rings.
func TestBirthIsQuiet(t *testing.T) {
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		all := rules(t, r)
		if slices.ContainsFunc(all, func(r rule) bool { return r.breaching }) {
			t.Error("missing data rings, and at birth all data is missing")
		}
		const day = 86400
		for name, m := range map[string]metrics{"nothing": {}, "steady": traffic(day, 5, 60, day, 60), "seldom": traffic(day, 170, 60, day, 60), "now and then": traffic(day, 3600, 60, day, 60)} {
			if at, which := first(all, m, 0, day); at >= 0 {
				t.Errorf("%s: %s rings after %d s", name, which, at)
			}
		}
	})
}
