package cost

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files again")

func load(rate float64, size, batch int, window time.Duration, shards int) Load {
	return Load{Rate: rate, RecordBytes: size, BatchSize: batch, BatchWindow: window, Shards: shards, Region: DefaultRegion, Edition: Standard}
}

// TestTable holds a table that was computed by hand from the same prices.
func TestTable(t *testing.T) {
	for _, tt := range []struct {
		load                                                 Load
		provisioned, onDemand, lambda, s3, snowpipe, dearest float64
	}{
		{load(10, 200, 100, time.Minute, 1), 11.32, 32.43, 2.91, 2.73, 0.04, 0.08},
		{load(100, 200, 100, time.Minute, 1), 14.63, 61.49, 29.08, 27.33, 0.39, 0.78},
		{load(100, 200, 5000, time.Minute, 1), 14.63, 61.49, 0.58, 0.55, 0.39, 0.78},
		{load(1000, 500, 5000, time.Minute, 2), 58.69, 352.13, 5.82, 5.47, 9.72, 19.45},
	} {
		b, err := Month(tt.load)
		if err != nil {
			t.Fatal(err)
		}
		demand, critical := tt.load, tt.load
		demand.OnDemand, critical.Edition = true, BusinessCritical
		d, err := Month(demand)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Month(critical)
		if err != nil {
			t.Fatal(err)
		}
		for part, pair := range map[string][2]float64{
			"Kinesis": {b.Part("Kinesis"), tt.provisioned}, "Kinesis on demand": {d.Part("Kinesis"), tt.onDemand},
			"Lambda": {b.Part("Lambda"), tt.lambda}, "S3": {b.Part("S3"), tt.s3},
			"Snowpipe": {b.Part("Snowpipe"), tt.snowpipe}, "Snowpipe at 4 $": {c.Part("Snowpipe"), tt.dearest},
			"Warehouse": {b.Part("Warehouse"), 1460}, "Warehouse at 4 $": {c.Part("Warehouse"), 2920},
		} {
			if math.Abs(pair[0]-pair[1]) > 0.005001 {
				t.Errorf("%g/s of %d B in %d: %s is %.4f, want %.2f", tt.load.Rate, tt.load.RecordBytes, tt.load.BatchSize, part, pair[0], pair[1])
			}
		}
		if b.Dominant != "Warehouse" {
			t.Errorf("dominant is %s", b.Dominant)
		}
	}
}

// TestGathered: one MERGE in 15 minutes, 70 s awake each, is 57 credits.
func TestGathered(t *testing.T) {
	bills, err := Compare(load(100, 200, 100, time.Minute, 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bills {
		if b.Name == "gathered" {
			if got := b.Part("Warehouse"); math.Abs(got-113.6) > 0.1 {
				t.Errorf("warehouse %.2f, want 113.6", got)
			}
			return
		}
	}
	t.Error("no such alternative")
}

func TestGolden(t *testing.T) {
	full := load(100, 200, 100, time.Minute, 2)
	full.NAT, full.KeyPair, full.Edition = true, true, Enterprise
	for name, l := range map[string]Load{"sensor": load(10, 200, 100, time.Minute, 1), "full": full} {
		bills, err := Compare(l)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(bills, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		file := "testdata/" + name + ".json"
		if *update {
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(text)); diff != "" {
			t.Errorf("%s (run with -update if this is meant):\n%s", file, diff)
		}
	}
}

func TestBatches(t *testing.T) {
	for _, tt := range []struct {
		name string
		load Load
		want float64
	}{
		{"full by number", load(100, 200, 100, time.Minute, 1), 1},
		{"by the window", load(1, 200, 100, time.Minute, 1), 1.0 / 60},
		{"two shards, by the window", load(1, 200, 100, time.Minute, 2), 2.0 / 60},
		{"seldomer than the window", load(0.001, 200, 100, time.Minute, 1), 0.001},
		{"without a window", load(10, 200, 100, 0, 1), 1},
		{"full by bytes", load(10, 100_000, 10_000, 5*time.Minute, 1), 10 * (4*100_000.0/3 + 400) / (6 << 20)},
	} {
		if got := tt.load.batches(); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: %g batches a second, want %g", tt.name, got, tt.want)
		}
	}
}

func TestRefused(t *testing.T) {
	good := load(1, 200, 100, time.Minute, 1)
	for _, tt := range []struct {
		change func(*Load)
		want   string
	}{
		{func(l *Load) { l.Rate = 0 }, "rate is 0"},
		{func(l *Load) { l.RecordBytes = 0 }, "record of 0 bytes"},
		{func(l *Load) { l.BatchSize = 10001 }, "takes 1 to 10000"},
		{func(l *Load) { l.BatchWindow = time.Hour }, "0 to 5m0s"},
		{func(l *Load) { l.Rate = 1500 }, "they need 2"},
		{func(l *Load) { l.Edition = "gold" }, "no Snowflake edition"},
		{func(l *Load) { l.Region = "moon-1" }, "us-east-1"},
	} {
		l := good
		tt.change(&l)
		if _, err := Compare(l); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want one with %q", err, tt.want)
		}
	}
}

// TestPrices: each price says where it is from and when.
func TestPrices(t *testing.T) {
	for region := range regions() {
		prices, err := Prices(region)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range prices {
			if !regexp.MustCompile(`^20\d\d-\d\d(-\d\d)?$`).MatchString(p.Date) || p.USD <= 0 || p.Unit == "" || p.Source == "" {
				t.Errorf("%s: %+v", region, p)
			}
		}
	}
}
