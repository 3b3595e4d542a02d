package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/internal/long"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/quarantine"
	failed "github.com/snowstream/snowstream/processing/replay"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Whatever an event source mapping gives up, and whatever happens while that is collected: each record that anybody still
// has ends up in one place, once.

// keeps is a stream of so many records that still has those from a number on.
type keeps struct{ from, to int }

func (k keeps) Range(_ context.Context, shard, first, last string, yield func([]record.Record) error) error {
	for i := k.from; i < k.to; i++ {
		if record.CompareSequence(sequence(i), first) < 0 || record.CompareSequence(sequence(i), last) > 0 {
			continue
		}
		err := yield([]record.Record{{
			Position: record.Position{Shard: shard, Sequence: sequence(i)}, PartitionKey: "k", ArrivedAt: time.UnixMilli(int64(1700000000+i)*1000 + 250), Data: []byte(payload(i)),
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// collector is one on the world, which reaches S3 through transport.
func (w *world) collector(transport http.RoundTripper, table locked, stream keeps, dry bool) *failed.Collector {
	lake := datalake.New(s3Client(w.endpoint, transport), contractBucket)
	return failed.New(failed.Config{Stream: contractStream, Reader: stream, Lander: newOrchestrator(w.t, lake, table), Lake: lake, DryRun: dry})
}

// gaveUp writes the failure document of the records from first to last, without last.
func (w *world) gaveUp(first, last int, carried bool) {
	w.t.Helper()
	event := ""
	if carried {
		event = string(eventOf(first, last))
	}
	w.document(first, map[string]any{
		"requestContext": map[string]any{"condition": "RetryAttemptsExhausted"}, "version": "1.0", "payload": event,
		"KinesisBatchInfo": map[string]any{
			"shardId": contractShard, "startSequenceNumber": sequence(first), "endSequenceNumber": sequence(last - 1), "batchSize": last - first,
			"approximateArrivalOfFirstRecord": "2023-11-14T22:13:20.250Z", "streamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/" + contractStream,
		},
	})
}

func (w *world) document(n int, content any) {
	w.t.Helper()
	text, err := json.Marshal(content)
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = s3Client(w.endpoint, nil).PutObject(w.t.Context(), &awss3.PutObjectInput{
		Bucket: aws.String(contractBucket), Body: bytes.NewReader(text),
		Key: aws.String(fmt.Sprintf("aws/lambda/5b2c/%s/2023/11/14/2023-11-14T22.%02d.20-a%06d", contractShard, n%60, n)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// complete checks that the records from 0 to n have one place each, except for the lost ones, that ordinals are dense, and
// that the streaming table has the raw zone's rows.
func (w *world) complete(n int, lost ...int) {
	w.t.Helper()
	api, lake := s3Client(w.endpoint, nil), w.table.lake
	places, rows, ordinals := map[string]string{}, map[string]string{}, map[string]bool{}
	add := func(sequence, ordinal, place string) {
		if places[sequence] != "" || ordinals[ordinal] {
			w.t.Errorf("%s has the places %s and %s, or ordinal %s is there twice", sequence, places[sequence], place, ordinal)
		}
		places[sequence], ordinals[ordinal] = place, true
	}
	for _, key := range w.list(rawzone.Rows) {
		if _, err := lake.Object(w.t.Context(), key); err != nil {
			continue // a void name
		}
		in, err := rowsOf(w.read(api, key))
		if err != nil {
			w.t.Fatal(err)
		}
		for ordinal, sequence := range in {
			add(sequence, ordinal, "row")
			rows[contractShard+"/"+ordinal] = sequence
		}
	}
	err := quarantine.List(w.t.Context(), lake, contractStream, func(e quarantine.Entry) error {
		add(e.Sequence, fmt.Sprint(e.Ordinal), "quarantine")
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range n {
		want := map[bool]string{false: "row", true: "quarantine"}[i%7 == 3]
		if slices.Contains(lost, i) {
			want = ""
		}
		if got := places[sequence(i)]; got != want {
			w.t.Errorf("record %d is in %q, want %q", i, got, want)
		}
	}
	head, err := lake.Ledger(w.t.Context(), contractStream, contractShard)
	if want := int64(n - len(lost)); err != nil || head.Count() != want || head.Records != want || int64(len(ordinals)) != want {
		w.t.Errorf("%d ordinals, ledger %+v, want %d, %v", len(ordinals), head.Ledger, want, err)
	}
	if !maps.Equal(rows, w.table.rows) {
		w.t.Errorf("the raw zone has %d rows, the streaming table %d, and they are not the same", len(rows), len(w.table.rows))
	}
}

// bucket is all that lies in the bucket, with what it holds.
func (w *world) bucket() map[string]string {
	out := map[string]string{}
	for _, key := range w.list("") {
		out[key] = string(w.read(s3Client(w.endpoint, nil), key))
	}
	return out
}

// fails makes the next hand-overs fail, so that a batch is given up in the middle of its steps.
func (w *world) fails(first, last int) {
	w.t.Helper()
	w.table.fail = func(bool) error { return fmt.Errorf("the warehouse is closed") }
	if err := w.orchestrator(nil).Handle(w.t.Context(), eventOf(first, last)); err == nil {
		w.t.Fatal("the batch was not to succeed")
	}
	w.table.fail = func(bool) error { return nil }
}

var givenUp = []struct {
	name string
	// do makes records from 0 to n and gives some of them up.
	do func(w *world)
	n  int
	// from is the first record that the stream still has.
	from                 int
	landed, there, files int64
	lost                 []int
}{
	{"in the middle", func(w *world) { w.deliver(0, 30, 10); w.gaveUp(30, 40, true); w.deliver(40, 60, 10) }, 60, 60, 10, 0, 1, nil},
	{"from the stream", func(w *world) { w.deliver(0, 30, 10); w.gaveUp(30, 40, false); w.deliver(40, 60, 10) }, 60, 0, 10, 0, 1, nil},
	{"the shard's last", func(w *world) { w.deliver(0, 30, 10); w.gaveUp(30, 40, true) }, 40, 40, 10, 0, 1, nil},
	{"the shard's first", func(w *world) { w.gaveUp(0, 10, false); w.deliver(10, 30, 10) }, 30, 0, 10, 0, 1, nil},
	{"the shard's only", func(w *world) { w.gaveUp(0, 10, false) }, 10, 0, 10, 0, 1, nil},
	{"partly landed", func(w *world) { w.deliver(0, 35, 10); w.gaveUp(30, 40, true); w.deliver(40, 60, 10) }, 60, 60, 5, 5, 1, nil},
	{"landed after all", func(w *world) { w.gaveUp(30, 40, true); w.deliver(0, 60, 10) }, 60, 60, 0, 10, 1, nil},
	{"not handed over", func(w *world) { w.deliver(0, 30, 10); w.fails(30, 40); w.gaveUp(30, 40, true) }, 40, 40, 0, 10, 1, nil},
	{"not handed over, and on", func(w *world) { w.deliver(0, 30, 10); w.fails(30, 40); w.gaveUp(30, 40, true); w.deliver(40, 60, 9) }, 60, 60, 0, 10, 1, nil},
	{"one record each", func(w *world) {
		w.deliver(0, 30, 10)
		for i := 30; i < 34; i++ {
			w.gaveUp(i, i+1, i%2 == 0)
		}
		w.deliver(34, 60, 10)
	}, 60, 0, 4, 0, 4, nil},
	{"documents that overlap", func(w *world) {
		w.deliver(0, 30, 10)
		w.gaveUp(33, 36, true)
		w.gaveUp(30, 40, true)
		w.gaveUp(29, 38, false)
		w.deliver(40, 60, 10)
	}, 60, 0, 10, 1 + 8 + 3, 3, nil},
	{"past retention", func(w *world) { w.deliver(0, 30, 10); w.gaveUp(30, 40, false); w.deliver(40, 60, 10) }, 60, 36, 4, 0, 1, []int{30, 31, 32, 33, 34, 35}},
	{"all past retention", func(w *world) { w.deliver(0, 30, 10); w.gaveUp(30, 40, false); w.deliver(40, 60, 10) }, 60, 60, 0, 0, 1, []int{30, 31, 32, 33, 34, 35, 36, 37, 38, 39}},
	{"past retention, but landed", func(w *world) { w.deliver(0, 35, 10); w.gaveUp(30, 40, false); w.deliver(40, 60, 10) }, 60, 35, 5, 5, 1, nil},
}

func TestCollect(t *testing.T) {
	for _, tt := range givenUp {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.do(w)
			stream, table := keeps{tt.from, tt.n}, locked{&sync.Mutex{}, w.table}
			before := w.bucket()
			if s, err := w.collector(nil, table, stream, true).Collect(t.Context()); err != nil || s.Documents != tt.files || !maps.Equal(w.bucket(), before) {
				t.Errorf("dry run: %+v, %v, changed anything: %v", s, err, !maps.Equal(w.bucket(), before))
			}
			check := func(s failed.Summary, err error, documents int64) {
				t.Helper()
				lost := int64(0)
				for _, l := range s.Lost {
					lost += l.Count
					if l.First != sequence(tt.lost[0]) || l.Behind != "" && l.Behind != sequence(tt.from) {
						t.Errorf("lost %+v", l)
					}
				}
				if err != nil || s.OK != (len(tt.lost) == 0) || s.Documents != documents || lost != int64(len(tt.lost)) {
					t.Errorf("%+v, %v", s, err)
				}
				w.complete(tt.n, tt.lost...)
			}
			s, err := w.collector(nil, table, stream, false).Collect(t.Context())
			check(s, err, tt.files)
			if s.Landed != tt.landed || s.There != tt.there {
				t.Errorf("%+v, want %d landed, %d there", s, tt.landed, tt.there)
			}
			before = w.bucket()
			s, err = w.collector(nil, table, stream, false).Collect(t.Context())
			check(s, err, 0)
			if !maps.Equal(w.bucket(), before) {
				t.Error("the second collection changed the bucket")
			}
			for key := range before { // even if it forgets that it has collected
				if _, _, note := rawzone.NoteOf(key); note {
					if _, err := s3Client(w.endpoint, nil).DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: aws.String(contractBucket), Key: &key}); err != nil {
						t.Fatal(err)
					}
				}
			}
			s, err = w.collector(nil, table, stream, false).Collect(t.Context())
			check(s, err, tt.files)
		})
	}
}

// age makes the ledger two minutes older: a name in it is then no live writer's any more, who would be waited for.
func (w *world) age() {
	w.t.Helper()
	key := w.chain().LedgerKey()
	api := s3Client(w.endpoint, nil)
	ledger, err := rawzone.DecodeLedger(w.read(api, key), w.chain())
	if err != nil {
		w.t.Fatal(err)
	}
	ledger.UpdatedAt = ledger.UpdatedAt.Add(-2 * time.Minute)
	if _, err := api.PutObject(w.t.Context(), &awss3.PutObjectInput{Bucket: aws.String(contractBucket), Key: &key, Body: bytes.NewReader(ledger.Encode())}); err != nil {
		w.t.Fatal(err)
	}
}

// TestCollectCrash ends a collection at each of its calls to S3, before and after the call, and collects again.
func TestCollectCrash(t *testing.T) {
	long.Test(t)
	for k := 1; ; k++ {
		crashed := false
		for _, after := range []bool{false, true} {
			w := newWorld(t)
			w.deliver(0, 15, 15)
			w.gaveUp(10, 20, true)
			w.deliver(20, 25, 5)
			w.gaveUp(25, 30, true)
			table := locked{&sync.Mutex{}, w.table}
			ctx, cancel := context.WithCancel(t.Context())
			if _, err := w.collector(&crash{left: k, after: after, cancel: cancel}, table, keeps{}, false).Collect(ctx); err != nil {
				crashed = true
			}
			cancel()
			w.age()
			if s, err := w.collector(nil, table, keeps{}, false).Collect(t.Context()); err != nil || !s.OK {
				t.Errorf("after a crash at call %d: %+v, %v", k, s, err)
			}
			w.deliver(30, 35, 5)
			w.complete(35)
			if t.Failed() {
				t.Fatalf("call %d, after it: %v", k, after)
			}
		}
		if !crashed {
			t.Logf("%d calls", k-1)
			if k < 10 {
				t.Errorf("only %d calls: the crashes did not act", k-1)
			}
			return
		}
	}
}

// TestCollectTwins: two collections at once, beside the live writer.
func TestCollectTwins(t *testing.T) {
	w := newWorld(t)
	table := locked{&sync.Mutex{}, w.table}
	w.deliver(0, 30, 10)
	for first := 30; first < 60; first += 5 {
		w.gaveUp(first, first+7, first%2 == 0) // some are in two documents
	}
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if s, err := w.collector(nil, table, keeps{0, 62}, false).Collect(t.Context()); err != nil || !s.OK {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
	group.Go(func() {
		o := newOrchestrator(t, datalake.New(s3Client(w.endpoint, nil), contractBucket), table)
		for first := 62; first < 120; first++ {
			for o.Handle(t.Context(), eventOf(first, first+1)) != nil {
				o = newOrchestrator(t, datalake.New(s3Client(w.endpoint, nil), contractBucket), table)
			}
		}
	})
	group.Wait()
	w.complete(120)
}

// TestCollectStrange: what is no failure document of the stream is passed by, and said if it should be one.
func TestCollectStrange(t *testing.T) {
	w := newWorld(t)
	w.deliver(0, 10, 10)
	w.document(1, map[string]any{"requestPayload": map[string]any{}})
	w.document(2, map[string]any{"KinesisBatchInfo": map[string]any{"shardId": "shardId-000000000000", "streamArn": "arn:aws:kinesis:us-east-1:0:stream/other"}})
	w.document(3, map[string]any{"KinesisBatchInfo": map[string]any{"shardId": "shardId-000000000000", "streamArn": "arn:aws:kinesis:us-east-1:0:stream/" + contractStream}})
	w.document(4, canary)
	s, err := w.collector(nil, locked{&sync.Mutex{}, w.table}, keeps{}, false).Collect(t.Context())
	if err != nil || s.OK || len(s.Strange) != 2 || s.Documents != 0 || strings.Contains(fmt.Sprint(s.Strange), canary) {
		t.Errorf("%+v, %v", s, err)
	}
	w.complete(10)
}
