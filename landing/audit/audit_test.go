package audit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

const one = "shardId-000000000000"

// some are rows of the ordinals, with "x" in front of a print that differs.
func some(ordinals ...string) (out []row) {
	for _, text := range ordinals {
		var n int64
		fmt.Sscanf(strings.TrimPrefix(text, "x"), "%d", &n)
		out = append(out, row{ordinal: n, sequence: fmt.Sprint(1000 + n), print: text})
	}
	return out
}

func shardOf(objects int64, last int64, rejected ...int64) *shard {
	l := Landed{Ledger: rawzone.Ledger{Stream: "s", Shard: one, Ordinal: last, Objects: objects, UpdatedAt: time.Unix(1000, 0)}}
	for _, n := range rejected {
		l.Rejected = append(l.Rejected, Rejected{Ordinal: n})
	}
	return newShard(one, l)
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name                  string
		streaming, microbatch []row
		want                  []string
	}{
		{"equal", some("1", "2", "4", "5"), some("1", "2", "4", "5"), nil},
		{"lost in one", some("1", "4", "5"), some("1", "2", "4", "5"), []string{"missing streaming 2-2 1 seq 1002"}},
		{"a run over a quarantined ordinal", some("1", "5"), some("1", "2", "4", "5"), []string{"missing streaming 2-4 2 seq 1002"}},
		{"lost in both", some("1", "2", "4"), some("1", "2", "4"), []string{"missing microbatch 5-5 1 seq ", "missing streaming 5-5 1 seq "}},
		{"doubled", some("1", "2", "4", "5"), some("1", "2", "2", "2", "4", "5"), []string{"doubled microbatch 2-2 2 seq 1002"}},
		{"differs", some("1", "x2", "4", "5"), some("1", "2", "4", "5"), []string{"  2-2 1 seq 1002"}},
		{"row of a quarantined record", some("1", "2", "3", "4", "5"), some("1", "2", "4", "5"), []string{"foreign streaming 3-3 1 seq 1003"}},
		{"loss and double cancel in a count", some("1", "2", "2", "5"), some("1", "2", "4", "5"), []string{"doubled streaming 2-2 1 seq 1002", "missing streaming 4-4 1 seq 1004"}},
		{"nothing at all", nil, nil, []string{"missing microbatch 1-5 4 seq ", "missing streaming 1-5 4 seq "}},
	} {
		s := shardOf(1, 5, 3)
		var got []string
		for _, f := range join(one, compare(1, 5, s.isAbsent, tt.streaming, tt.microbatch), s.isAbsent) {
			got = append(got, fmt.Sprintf("%s %s %d-%d %d seq %s", f.Kind, f.Place, f.First, f.Last, f.Count, f.FirstSequence))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
}

// TestComplete: each single fault must show in an aggregate, those that cancel in a count included.
func TestComplete(t *testing.T) {
	s := shardOf(1, 10, 4, 7)
	whole := aggregate{rows: 8, ordinals: 8, identities: 8, sum: fmt.Sprint(55 - 11)}
	if !s.complete(1, 10, whole) || !s.complete(4, 4, aggregate{sum: "0"}) {
		t.Error("what is complete is not taken for it")
	}
	for name, change := range map[string]func(*aggregate){
		"a row more":                           func(a *aggregate) { a.rows++ },
		"a loss and a double":                  func(a *aggregate) { a.ordinals-- },
		"one record under two ordinals":        func(a *aggregate) { a.identities-- },
		"a loss and a quarantined record more": func(a *aggregate) { a.sum = fmt.Sprint(55 - 11 - 5 + 4) },
	} {
		a := whole
		if change(&a); s.complete(1, 10, a) {
			t.Errorf("%s does not show", name)
		}
	}
	if rows, sum := s.want(1, 1<<40); rows != 1<<40-2 || sum != "604462909807864343166965" {
		t.Errorf("want %d rows with the sum %s", rows, sum)
	}
}

func TestSuspects(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	for _, tt := range []struct {
		name     string
		modified []int64
		want     []int
	}{
		{"in order", []int64{10, 10, 20, 30, 1003}, nil},
		{"one was written again", []int64{10, 500, 20, 30}, []int{1}},
		{"two were, in reverse", []int64{10, 500, 400, 30}, []int{1, 2}},
		{"the last one, long after the ledger", []int64{10, 20, 1006}, []int{2}},
	} {
		s := shardOf(0, 100)
		for i, m := range tt.modified {
			s.objects = append(s.objects, object{ordinal: int64(1 + 10*i), modified: at(m)})
		}
		if got := s.suspects(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// bucket is a raw zone in memory.
type bucket struct {
	metadata map[string]map[string]string
	heads    int
}

func (b *bucket) Entries(context.Context, string, func(string, time.Time) error) error { return nil }
func (b *bucket) Read(context.Context, string) ([]byte, error) {
	return nil, errors.New("nothing reads content here")
}

func (b *bucket) Metadata(_ context.Context, key string) (map[string]string, error) {
	b.heads++
	return b.metadata[key], nil
}

func (b *bucket) Create(context.Context, string, []byte, map[string]string) (bool, error) {
	return false, errors.New("nothing writes here")
}

func (b *bucket) Quarantine(context.Context, string, string, []byte) error {
	return errors.New("nothing writes here")
}

func (b *bucket) Copy(context.Context, string, string, map[string]string) error {
	return errors.New("nothing writes here")
}

func (b *bucket) Restore(context.Context, string, []byte, map[string]string) error {
	return errors.New("nothing restores here")
}

func (b *bucket) Seals(_ context.Context, stream string) (rawzone.Seals, string, error) {
	return rawzone.Seals{Stream: stream}, "", nil
}

func (b *bucket) Seal(context.Context, string, rawzone.Seals) (string, error) {
	return "", errors.New("nothing is sealed here")
}

func (b *bucket) EntriesAfter(context.Context, string, string, func(string, time.Time) error) error {
	return nil
}

func (b *bucket) RowsOf(context.Context, string, func(string, time.Time) error) error { return nil }

func (b *bucket) Unsealed(context.Context, string, func(rawzone.Chain) int64, func(string, time.Time) error) error {
	return nil
}

func (b *bucket) Expires(context.Context) (bool, error) { return false, nil }

func (b *bucket) Tag(context.Context, string) error { return errors.New("nothing is tagged here") }

// TestLost deletes random objects of 2,000: exactly their ordinals are named, with few looks at the others.
func TestLost(t *testing.T) {
	const objects, each = 2000, 10
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 7))
		b := &bucket{metadata: map[string]map[string]string{}}
		s := shardOf(objects, objects*each)
		deleted := map[int]bool{}
		for range seed % 4 {
			deleted[random.IntN(objects)] = true
		}
		if seed == 19 {
			deleted = map[int]bool{0: true, 1: true, objects - 1: true}
		}
		var want []string
		for i := range objects {
			first := int64(i*each + 1)
			if deleted[i] {
				if deleted[i-1] {
					continue
				}
				last := first + each - 1
				for k := i + 1; deleted[k]; k++ {
					last += each
				}
				want = append(want, fmt.Sprintf("%d-%d", first, last))
				continue
			}
			o := rawzone.Object{
				Key:   fmt.Sprintf("%06d", i),
				First: record.Position{Shard: one, Sequence: fmt.Sprintf("%06d", first)}, Last: record.Position{Shard: one, Sequence: fmt.Sprintf("%06d", first+each-1)},
				FirstOrdinal: first, LastOrdinal: first + each - 1, Rows: each, TotalObjects: int64(i + 1),
			}
			b.metadata[o.Key] = o.Metadata()
			s.objects = append(s.objects, object{key: o.Key, ordinal: first})
		}
		found, err := New(Config{Lake: b}).lost(t.Context(), s)
		var got []string
		for _, f := range found {
			got = append(got, fmt.Sprintf("%d-%d", f.First, f.Last))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("seed %d: %v, %v, want %v", seed, got, err, want)
		}
		if limit := 13 * len(deleted); b.heads > limit {
			t.Errorf("seed %d: %d looks for %d deleted objects, want %d at most", seed, b.heads, len(deleted), limit)
		}
	}
}

// TestAge: what the micro-batch table lacks is missing where the object is old, and pending where it is young.
func TestAge(t *testing.T) {
	s := shardOf(3, 30, 25)
	now := time.Now()
	s.objects = []object{{ordinal: 1, modified: now.Add(-time.Hour)}, {ordinal: 11, modified: now.Add(-time.Hour)}, {ordinal: 21, modified: now}}
	var got []string
	for _, f := range New(Config{Grace: time.Minute}).age(s, Finding{Kind: Missing, Place: Microbatch, First: 5, Last: 30, FirstSequence: "f", LastSequence: "l"}) {
		got = append(got, fmt.Sprintf("%s %d-%d %d %s%s", f.Kind, f.First, f.Last, f.Count, f.FirstSequence, f.LastSequence))
	}
	if diff := cmp.Diff([]string{"missing 5-20 16 f", "pending 21-30 9 l"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseRows(t *testing.T) {
	s := record.Sensor()
	decoder := record.NewDecoder(s)
	batch := decoder.Cut([]record.Record{
		{Position: record.Position{Shard: one, Sequence: "7"}, Data: []byte(`{"sensorId":1,"currentTemperature":2,"status":"a\"\r\n,"}`)},
		{Position: record.Position{Shard: one, Sequence: "8", Subsequence: 3}, Data: []byte(`{"sensorId":1,"currentTemperature":2,"status":""}`)},
	}, "", 41)
	rows, err := parseRows(batch.CSV, s.TableColumns(), map[int64]bool{42: true})
	if err != nil || len(rows) != 1 || rows[0].ordinal != 42 || rows[0].Subsequence != 3 || !strings.HasPrefix(string(rows[0].cells), `["1","2","",`) {
		t.Errorf("%+v, %v", rows, err)
	}
	optional := append([]record.Column{{Name: "NEW", Type: record.String}}, s.TableColumns()...)
	if rows, err = parseRows(batch.CSV, optional, nil); err != nil || len(rows) != 2 || !strings.HasPrefix(string(rows[0].cells), `[null,"1","2","a\"\r\n,",`) {
		t.Errorf("with a column that the object does not have: %+v, %v", rows, err)
	}
	optional[0].Required = true
	if _, err := parseRows(batch.CSV, optional, nil); err == nil {
		t.Error("a required column is not there, and nobody minds")
	}
}

func FuzzParseRows(f *testing.F) {
	f.Add([]byte("SENSORID,CURRENTTEMPERATURE,STATUS,_SHARD,_SEQUENCE,_SUBSEQUENCE,_ORDINAL,_ARRIVED_AT\n1,2,OK,s,7,0,1,2026-01-02 03:04:05\n"))
	f.Add([]byte("_SHARD\n"))
	columns := record.Sensor().TableColumns()
	f.Fuzz(func(t *testing.T, csv []byte) {
		rows, err := parseRows(csv, columns, nil)
		for _, r := range rows {
			if err != nil || len(r.cells) != r.size || r.cells[0] != '[' {
				t.Errorf("%+v, %v", r, err)
			}
		}
	})
}

// TestFingerprint: the text is what docs/audit.md shows for the sensor example.
func TestFingerprint(t *testing.T) {
	want := `MD5(COALESCE(t."SENSORID"::VARCHAR, '-') || ',' || COALESCE(t."CURRENTTEMPERATURE"::VARCHAR, '-') || ',' || COALESCE(MD5(t."STATUS"), '-') || ',' || ` +
		`COALESCE(t."_SUBSEQUENCE"::VARCHAR, '-') || ',' || COALESCE(t."_ORDINAL"::VARCHAR, '-') || ',' || ` +
		`COALESCE(TO_VARCHAR(t."_ARRIVED_AT", 'YYYY-MM-DD HH24:MI:SS.FF9'), '-') || ',' || COALESCE(MD5(t."_GENERATION"), '-') || ',' || t."_SEQUENCE")`
	if got := Fingerprint(record.Sensor(), "t"); got != want {
		t.Errorf("%s", got)
	}
}
