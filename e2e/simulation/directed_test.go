package simulation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/streaming"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/processing/upsert"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// What random runs do not reach: sizes, rows that a batch never has twice, and events that nothing sends.

const shardOfTest = "shardId-000000000000"

// inCalm runs f in a world without faults.
func inCalm(t *testing.T, f func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.widened = true // its tables take every row
		f(w)
		w.group.Wait()
		for _, f := range w.findings {
			t.Errorf("%s: %s", f.kind, f.text)
		}
	})
}

func (w *world) calmProcess() *process {
	p := &process{w: w, name: "directed"}
	p.begin(time.Hour)
	return p
}

// csvOf are rows of the narrow schema, with these ordinals.
func csvOf(note string, ordinals ...int) string {
	d := record.NewDecoder(narrow())
	csv := d.Header()
	for _, n := range ordinals {
		r := record.Record{
			Position: record.Position{Shard: shardOfTest, Sequence: fmt.Sprint(1000 + n)},
			Data:     []byte(`{"sensorId":1,"currentTemperature":2,"status":` + quoted(note) + `}`),
		}
		csv, _ = d.AppendRow(csv, &r, "", int64(n))
	}
	return string(csv)
}

// TestLedgerLostBetweenBatches: the batches before the loss were reported as done and never come again.
func TestLedgerLostBetweenBatches(t *testing.T) {
	inCalm(t, func(w *world) {
		w.mu.Lock()
		for _, s := range w.stream.shards {
			m := &mapping{w: w, shard: s}
			for to := 1; to <= len(s.records); to += 7 {
				m.run(to)
				delete(w.bucket.objects, w.chain(s.id).LedgerKey())
			}
			m.run(len(s.records))
		}
		w.mu.Unlock()
		w.group.Wait()
		w.pipe.refresh()
		w.check(false)
	})
}

// TestOldHeadRevivesNoLedger: a writer stands still with the head it has read; others move the ledger on, and it is
// lost; then the writer wakes up. Its ledger would be the shard's past.
func TestOldHeadRevivesNoLedger(t *testing.T) {
	inCalm(t, func(w *world) {
		p := w.calmProcess()
		defer p.kill()
		lake, shard := p.lake(), shardOfTest
		r, err := lake.Enroll(p.ctx, datalake.Stream{Name: streamName, ARN: streamARN})
		if err != nil {
			t.Fatal(err)
		}
		old, err := lake.Claim(p.ctx, r, shard)
		if err != nil {
			t.Fatal(err)
		}
		head, err := lake.Claim(p.ctx, r, shard)
		for n := range 3 {
			if err == nil {
				head, err = lake.Advance(p.ctx, head, head.Before(rawzone.Object{Key: fmt.Sprint("kinesiscsv/", n)}, time.Now()))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		delete(w.bucket.objects, w.chain(shard).LedgerKey())
		_, err = lake.Advance(p.ctx, old, old.Before(rawzone.Object{Key: "kinesiscsv/0"}, time.Now()))
		if !errors.Is(err, datalake.ErrFenced) || len(w.bucket.objects) > 2 { // the registry and the claim
			t.Errorf("%v, and the bucket has %v", err, w.bucket.keys(""))
		}
	})
}

// TestHandOverLargerThanAnInvocation: few rows may be more bytes than an invocation takes.
func TestHandOverLargerThanAnInvocation(t *testing.T) {
	inCalm(t, func(w *world) {
		p := w.calmProcess()
		defer p.kill()
		csv := csvOf(strings.Repeat("€", 350_000), 1, 2, 3, 4, 5, 6, 7)
		const key = "kinesiscsv/sensor-1/large.csv"
		if _, err := p.lake().Create(p.ctx, key, []byte(csv), nil); err != nil {
			t.Fatal(err)
		}
		answer, err := p.arrow().Upsert(p.ctx, handoff.Message{Object: key, Rows: 7, CSV: csv})
		if err != nil || answer.Inserted != 7 || len(w.streaming.rows) != 7 {
			t.Errorf("%d MB of CSV: %+v, %v", len(csv)>>20, answer, err)
		}
	})
}

// TestRowTwiceInOneHandOver: a hand-over that has a row twice brings it in once.
func TestRowTwiceInOneHandOver(t *testing.T) {
	inCalm(t, func(w *world) {
		p := w.calmProcess()
		defer p.kill()
		table := streaming.New(session{p}, schema.Defaults(), narrow())
		u := upsert.New(narrow(), table, p.lake(), quiet())
		payload, err := handoff.Encode(handoff.Message{Object: "kinesiscsv/sensor-1/x.csv", Rows: 4, CSV: csvOf("x", 1, 2, 1, 3)})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			out, err := u.Handle(p.ctx, "request", payload)
			if err != nil || len(w.streaming.rows) != 3 {
				t.Errorf("%s, %v, %d rows", out, err, len(w.streaming.rows))
			}
		}
	})
}

// TestHandOverOfTwoShards: shards whose ordinals have no base, from older ledgers or with ids of another form, share ordinals.
func TestHandOverOfTwoShards(t *testing.T) {
	inCalm(t, func(w *world) {
		p := w.calmProcess()
		defer p.kill()
		u := upsert.New(narrow(), streaming.New(session{p}, schema.Defaults(), narrow()), p.lake(), quiet())
		for n, shard := range []string{shardOfTest, "shardId-000000000001"} {
			payload, err := handoff.Encode(handoff.Message{Object: "kinesiscsv/x.csv", Rows: 2, CSV: strings.ReplaceAll(csvOf("x", 1, 2), shardOfTest, shard)})
			if err != nil {
				t.Fatal(err)
			}
			if out, err := u.Handle(p.ctx, "request", payload); err != nil || len(w.streaming.rows) != 2*(n+1) {
				t.Errorf("%s, %v, %d rows", out, err, len(w.streaming.rows))
			}
		}
	})
}

// TestErrorsHoldNoPayload: I10, for what the functions refuse.
func TestErrorsHoldNoPayload(t *testing.T) {
	inCalm(t, func(w *world) {
		p, err := w.functions.idle()
		if err != nil {
			t.Fatal(err)
		}
		p.begin(time.Hour)
		defer p.kill()
		u := upsert.New(narrow(), streaming.New(session{&p.process}, schema.Defaults(), narrow()), p.lake(), quiet())
		for _, bad := range []string{
			`CANARY`, `{"Records":[{"eventID":"CANARY"}]}`, `{"Records":"CANARY"}`,
			`{"object":"a","content":[{"x":"CANARY"}]}`, `{"object":"a","csv":"CANARY"}`, `{"object":"a","rows":1,"csv":"X\nCANARY\n"}`,
		} {
			failed := 0
			for _, err := range []error{p.function.Handle(p.ctx, []byte(bad)), upsertError(p.ctx, u, bad)} {
				if err == nil {
					continue
				}
				if failed++; strings.Contains(err.Error(), "CANARY") {
					t.Errorf("an error holds the payload: %v", err)
				}
			}
			if failed == 0 {
				t.Errorf("neither function refuses %s", bad)
			}
		}
	})
}

func upsertError(ctx context.Context, u *upsert.Upsert, payload string) error {
	_, err := u.Handle(ctx, "request", []byte(payload))
	return err
}

// TestBucketKeepsConditions checks the model itself: what it does not refuse, no run can show.
func TestBucketKeepsConditions(t *testing.T) {
	inCalm(t, func(w *world) {
		for i, step := range []struct {
			body, name, condition string
			want                  int
		}{
			{"a", "If-Match", `"x"`, 404},
			{"a", "If-None-Match", "*", 200},
			{"b", "If-None-Match", "*", 412},
			{"b", "If-Match", `"0cc175b9c0f1b6a831c399e269772661"`, 200},
			{"c", "If-Match", `"0cc175b9c0f1b6a831c399e269772661"`, 412},
			{"c", "X-Amz-Checksum-Crc32", "AAAAAA==", 400},
			{"c", "If-Match", `"92eb5ffee6ae2fec3ad71c777531578f"`, 200},
		} {
			q := request{method: http.MethodPut, key: "k", body: []byte(step.body), header: http.Header{}}
			q.header.Set(step.name, step.condition)
			if got := w.bucket.apply(q).StatusCode; got != step.want {
				t.Errorf("step %d: %d instead of %d", i, got, step.want)
			}
		}
	})
}
