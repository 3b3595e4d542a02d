package rawzone

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/snowstream/snowstream/record"
)

var first = record.Position{Shard: "shardId-000000000000", Sequence: "49590338271490256608559692538361571095921575989136588898"}

// kdEntry is a chain from before there were generations.
var kdEntry = Chain{Stream: "kdEntry", Shard: first.Shard}

func TestKeys(t *testing.T) {
	folder := record.Folder{Label: "sensor", Field: "sensorId"}
	for _, tt := range []struct{ value, want string }{
		{"6", "kinesiscsv/sensor-6/kdEntry/shardId-000000000000/000000000041-" + first.Sequence + "-0.csv"},
		{"", "kinesiscsv/sensor-~none/kdEntry/shardId-000000000000/000000000041-" + first.Sequence + "-0.csv"},
		{"../../etc", "kinesiscsv/sensor-~2E.~2F..~2Fetc/kdEntry/shardId-000000000000/000000000041-" + first.Sequence + "-0.csv"},
	} {
		if got := RowsKey(folder, tt.value, kdEntry, first, 41, 0); got != tt.want {
			t.Errorf("%q: %s\nwant %s", tt.value, got, tt.want)
		}
	}
	if got, want := RowsKey(record.Folder{}, "", kdEntry, first, 41, 0), "kinesiscsv/records/kdEntry/shardId-000000000000/000000000041-"+first.Sequence+"-0.csv"; got != want {
		t.Errorf("without a folder: %s, want %s", got, want)
	}
	if got, want := kdEntry.LedgerKey(), "ledger/kdEntry/shardId-000000000000.json"; got != want {
		t.Errorf("ledger %s, want %s", got, want)
	}
	last := first
	last.Subsequence = 7
	if got, want := QuarantineKey(kdEntry, first, last, 41, 0), "quarantine/kdEntry/shardId-000000000000/000000000041-"+first.Sequence+"-0-to-"+first.Sequence+"-7.ndjson"; got != want {
		t.Errorf("quarantine %s, want %s", got, want)
	}
}

// TestReplayKeys: what was replayed must not be taken for a batch when a ledger is rebuilt.
func TestReplayKeys(t *testing.T) {
	quarantine := QuarantineKey(kdEntry, first, first, 41, 0)
	key := ReplayKey(quarantine, 3)
	if want := "kinesiscsv/replayed/kdEntry/shardId-000000000000/000000000041-" + first.Sequence + "-0-to-" + first.Sequence + "-0/000003.csv"; key != want {
		t.Errorf("%s, want %s", key, want)
	}
	if n, ok := kdEntry.Name(key); ok {
		t.Errorf("%s is taken for the batch that starts at %d", key, n.Ordinal)
	}
}

// TestKeysAreSafe: whatever a record holds, its object stays in its folder, under S3's and Snowpipe's limit of 1,024
// bytes, and is found again.
func TestKeysAreSafe(t *testing.T) {
	safe := regexp.MustCompile(`^kinesiscsv/sensor-[A-Za-z0-9~_.-]+/[A-Za-z0-9._-]+/[A-Za-z0-9-]+/[0-9]{12,}-[0-9]+-[0-9]+(-[1-9][0-9]*)?\.csv(\.gz|\.zst)?$`)
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"..", ".", "/", "a/../b", "~", "\x00", strings.Repeat("x", 1100), "'; DROP TABLE t; --", "a b+c%2F"})).Draw(t, "value")
		ordinal := rapid.Int64Range(1, 1<<62).Draw(t, "ordinal")
		turn := rapid.SampledFrom([]int{0, 0, 1, 12}).Draw(t, "turn")
		packed := rapid.SampledFrom(Compressions()).Draw(t, "compression")
		key := Object{Key: RowsKey(record.Folder{Label: "sensor"}, value, kdEntry, first, ordinal, turn)}.Compressed(packed).Key
		if CompressionOf(key) != packed {
			t.Fatalf("%q is read as %s", key, CompressionOf(key))
		}
		if !safe.MatchString(key) || len(key) > 1024 || strings.Contains(key, "/../") {
			t.Fatalf("key %q", key)
		}
		if got, ok := kdEntry.Name(key); !ok || got != (Name{ordinal, first, turn}) {
			t.Fatalf("Name(%q) = %v, %v", key, got, ok)
		}
		if _, ok := (Chain{Stream: "kdEntry", Shard: "shardId-000000000001"}).Name(key); ok {
			t.Fatalf("%q taken for another shard's", key)
		}
	})
}

func TestCompression(t *testing.T) {
	for text, want := range map[string]Compression{"": None, "none": None, "gzip": Gzip, "zstd": Zstd} {
		if got, err := ParseCompression(text); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"gz", "GZIP", "brotli", " none"} {
		if got, err := ParseCompression(text); err == nil {
			t.Errorf("%q: %q", text, got)
		}
	}
	for key, want := range map[string]Compression{
		"kinesiscsv/a.csv": None, "kinesiscsv/a.csv.gz": Gzip, "kinesiscsv/a.csv.zst": Zstd, "kinesiscsv/a.gz": None, "kinesiscsv/a.csv.gz/b": None,
		"kinesiscsv/a.csv.zst.gz": None, "quarantine/a.ndjson": None, "": None,
	} {
		if got := CompressionOf(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	good := RowsKey(record.Folder{Label: "sensor"}, "6", kdEntry, first, 41, 0)
	for _, extension := range []string{".bz2", ".gz.gz", ".gz.csv", ".GZ"} {
		if n, ok := kdEntry.Name(good + extension); ok {
			t.Errorf("%s is taken for an object: %v", good+extension, n)
		}
	}
	recovered := Object{Key: RecoveredKey(kdEntry, first, 3)}.Compressed(Gzip)
	if at, ok := kdEntry.RecoveredFirst(recovered.Key); !ok || at != first {
		t.Errorf("%s: %v", recovered.Key, at)
	}
}

func TestEscapeIsInjective(t *testing.T) {
	seen := map[string]string{}
	for _, s := range []string{"", "a", "~", "~7E", "~none", "none", "a.b", ".a", "..", "é", "\xff", "A"} {
		if other, ok := seen[Escape(s)]; ok {
			t.Errorf("%q and %q are both %q", s, other, Escape(s))
		}
		seen[Escape(s)] = s
	}
}

func TestLedger(t *testing.T) {
	l := Ledger{Stream: "kdEntry", Shard: first.Shard, Sequence: "12", Subsequence: 3, Ordinal: 9, Records: 8, Quarantined: 1, Objects: 2, Object: "k", Open: "o", Turn: 1, UpdatedAt: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
	text := l.Encode()
	got, err := DecodeLedger(text, kdEntry)
	got.Check = ""
	if err != nil || got != l {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := DecodeLedger(text, Chain{Stream: "other", Shard: first.Shard}); err == nil {
		t.Error("another stream's ledger was believed")
	}
	for i := range text {
		damaged := append([]byte(nil), text...)
		damaged[i] ^= 1
		if got, err := DecodeLedger(damaged, kdEntry); err == nil && (got.Ordinal != 9 || got.Sequence != "12" || got.Open != "o" || got.Turn != 1) {
			t.Errorf("byte %d changed, and the ledger says %+v", i, got)
		}
		if _, err := DecodeLedger(text[:i], kdEntry); err == nil && i < len(text)-1 {
			t.Errorf("%d of %d bytes were believed", i, len(text))
		}
	}
}

// TestOldLedger: a ledger from before an object was named in it goes on.
func TestOldLedger(t *testing.T) {
	const text = `{"stream":"s","shard":"shardId-000000000003","sequence":"12","subsequence":0,"ordinal":9,"records":9,"quarantined":0,"objects":1,"object":"k","updated_at":"2026-01-02T03:04:05Z","check":"CHECK"}`
	sum := sha256.Sum256([]byte(`"s" "shardId-000000000003" "12" 0 9 9 0 1 "k" 2026-01-02T03:04:05Z`))
	l, err := DecodeLedger([]byte(strings.Replace(text, "CHECK", hex.EncodeToString(sum[:8]), 1)), Chain{Stream: "s", Shard: "shardId-000000000003"})
	if err != nil || l.Empty() || l.Count() != 9 || l.Base() != 0 {
		t.Errorf("%+v, %v", l, err)
	}
}

// TestRecovered: the name says where the records open and not what ordinals they get; the metadata does, and that the
// ledger stays where it is.
func TestRecovered(t *testing.T) {
	b := record.NewDecoder(record.Sensor()).Cut([]record.Record{{Position: first, Data: []byte(`{"sensorId":6,"currentTemperature":64,"status":"OK"}`)}}, "", 41)
	l := Ledger{Stream: "kdEntry", Shard: first.Shard, Sequence: first.Sequence + "0", Ordinal: 40, Records: 30, Objects: 5}
	o := Recovered(b, "given up ü", l, 2)
	if want := "kinesiscsv/recovered/kdEntry/" + first.Shard + "/" + first.Sequence + "-0/000002.csv"; o.Key != want {
		t.Errorf("%s, want %s", o.Key, want)
	}
	if at, ok := kdEntry.RecoveredFirst(o.Key); !ok || at != first {
		t.Errorf("%v, %v", at, ok)
	}
	got, err := ParseObject(o.Key, o.Metadata())
	if got.Source = o.Source; err != nil || got != o {
		t.Errorf("%s, %v", cmp.Diff(o, got), err)
	}
	if next := l.After(got, time.Now()); next.Ordinal != 41 || next.Last() != l.Last() || next.Records != 31 {
		t.Errorf("ledger after it: %+v", next)
	}
	if _, err := ParseObject(o.Key, Void()); !errors.Is(err, ErrVoid) {
		t.Errorf("void: %v", err)
	}
}

func TestObject(t *testing.T) {
	b := record.NewDecoder(record.Sensor()).Cut([]record.Record{
		{Position: first, Data: []byte(`{"sensorId":6,"currentTemperature":64,"status":"OK"}`)},
		{Position: record.Position{Shard: first.Shard, Sequence: first.Sequence, Subsequence: 1}, Data: []byte(`x`)},
	}, "", 41)
	o := Of(b, record.Sensor().Folder, Ledger{Stream: "kdEntry", Shard: first.Shard, Ordinal: 40, Records: 30, Quarantined: 2, Objects: 5})
	if o.TotalRecords != 31 || o.TotalQuarantined != 3 || o.TotalObjects != 6 || o.Rows != 1 || o.Quarantined != 1 || o.Quarantine == "" {
		t.Errorf("%+v", o)
	}
	got, err := ParseObject(o.Key, o.Metadata())
	if err != nil || got != o {
		t.Errorf("%s, %v", cmp.Diff(o, got), err)
	}
	for name := range o.Metadata() {
		if strings.HasPrefix(name, "total") {
			continue
		}
		m := o.Metadata()
		m[name] = ""
		if _, err := ParseObject(o.Key, m); err == nil {
			t.Errorf("metadata without %s was believed", name)
		}
	}
	if next := (Ledger{Stream: "kdEntry", Shard: first.Shard}).After(o, time.Now()); next.Ordinal != 42 || next.Last() != o.Last || next.Records != 31 {
		t.Errorf("ledger after it: %+v", next)
	}
}

func TestQuarantine(t *testing.T) {
	in := []record.Rejected{{Record: record.Record{Position: first, PartitionKey: "k<>", ArrivedAt: time.UnixMilli(1700000000123).UTC(), Data: []byte{0, 255, '\n'}}, Ordinal: 7, Reason: record.Reason{Code: record.NotJSON, Offset: 1}}}
	text, err := EncodeQuarantine("kdEntry", append(in, in...))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n != 2 {
		t.Errorf("%d lines", n)
	}
	out, err := DecodeQuarantine(text)
	if diff := cmp.Diff(append(in, in...), out); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := DecodeQuarantine(text[:len(text)-5]); err == nil {
		t.Error("a cut line was read")
	}
}
