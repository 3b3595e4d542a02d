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
	return Load{Rate: rate, RecordBytes: size, BatchSize: batch, BatchWindow: window, Shards: shards, Region: DefaultRegion, Edition: Standard, RowPath: Merge, CSVBytes: size}
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
	sensor := load(10, 200, 100, time.Minute, 1)
	sensor.RowPath, sensor.CSVBytes, full.CSVBytes = Snowpipe, 0, 0
	for name, l := range map[string]Load{"sensor": sensor, "full": full} {
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

// TestLimits: what cannot work, or hardly, says so and what would.
func TestLimits(t *testing.T) {
	by := func(l Load, path, commit string) Load {
		l.RowPath, l.RowCommit = path, commit
		return l
	}
	for _, tt := range []struct {
		name       string
		load       Load
		limits     []Limit
		impossible bool
	}{
		{"the sensor example", by(load(10, 200, 100, time.Minute, 1), Snowpipe, Deferred), nil, false},
		{"100 a second in batches of 100 by MERGE", load(100, 200, 100, time.Minute, 1),
			[]Limit{{"the one batch at a time of each shard", 1.7, 243}, {"the one MERGE at a time of the table", 1.5, 215}}, true},
		{"the batch that it says", load(100, 200, 243, time.Minute, 1), nil, false},
		{"near to it", load(100, 200, 200, time.Minute, 1),
			[]Limit{{"the one batch at a time of each shard", 0.85, 243}, {"the one MERGE at a time of the table", 0.75, 215}}, false},
		{"shards do not help a table", load(100, 200, 100, time.Minute, 4), []Limit{{"the one MERGE at a time of the table", 1.5, 215}}, true},
		{"the same by Snowpipe", by(load(100, 200, 100, time.Minute, 1), Snowpipe, Deferred), nil, false},
		{"waiting for the commit", by(load(100, 200, 100, time.Minute, 1), Snowpipe, Wait), []Limit{{"the one batch at a time of each shard", 7, 1000}}, true},
		{"no batch would do", by(load(900, 1000, 100, time.Minute, 1), Snowpipe, Wait), []Limit{{"the one batch at a time of each shard", 63, 0}}, true},
	} {
		b, err := Month(tt.load)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.limits, b.Limits, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-6 })); diff != "" || (b.Impossible() != nil) != tt.impossible {
			t.Errorf("%s: %v, %s", tt.name, b.Impossible(), diff)
		}
	}
}

// TestPaths: what rows by Snowpipe Streaming cost, and that the other path stands beside each.
func TestPaths(t *testing.T) {
	l := load(100, 200, 100, time.Minute, 1)
	for path, other := range map[string]string{Snowpipe: "rows by MERGE", Merge: "rows by Snowpipe"} {
		l.RowPath = path
		bills, err := Compare(l)
		if err != nil {
			t.Fatal(err)
		}
		if bills[1].Name != other || (bills[0].Part("Warehouse") > 0) != (path == Merge) || (bills[1].Part("Warehouse") > 0) != (path == Snowpipe) {
			t.Errorf("%s: %s beside it, warehouses %g and %g", path, bills[1].Name, bills[0].Part("Warehouse"), bills[1].Part("Warehouse"))
		}
		t.Logf("%s: $%.2f at 100/s", path, bills[0].USD)
		big, raw := l, bills[0].Growth
		big.MemoryMB, big.RetentionHours, big.ExpireAfterDays = 1024, 24*30, 30
		more, err := Month(big)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(more.Part("Lambda compute")/bills[0].Part("Lambda compute")-4) > 1e-9 || more.Part("Kinesis retention") == 0 || more.Part("Kinesis long") == 0 {
			t.Errorf("memory and retention are not honoured: %+v", more.Items)
		}
		if raw[0].USD[2] < 30*raw[0].USD[0] || more.Growth[1].USD[2] > 1.01*more.Growth[1].USD[0] {
			t.Errorf("the raw zone grows by %v, and with a lifecycle by %v", raw[0], more.Growth[1])
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
		{func(l *Load) { l.MemoryMB = 64 }, "64 MB of memory"},
		{func(l *Load) { l.RetentionHours = 9000 }, "24 to 8760"},
		{func(l *Load) { l.CSVBytes = -1 }, "less than 0"},
		{func(l *Load) { l.RowPath = "insert" }, "no row path"},
		{func(l *Load) { l.RowCommit = "never" }, "no row commit"},
		{func(l *Load) { l.Times.Merge = -1 }, "less than 0 s"},
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
