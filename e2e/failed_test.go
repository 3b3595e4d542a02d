package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/snowstream/snowstream/internal/long"
	"github.com/snowstream/snowstream/record/rawzone"
)

// collected is what `replay failed --json` prints.
type collected struct {
	OK        bool
	Documents int64
	Before    int64 `json:"documents_before"`
	Landed    int64
	There     int64 `json:"landed_before"`
	Lost      []struct{ Count int64 }
	Strange   []string
}

// TestTooLargeForLambda: records that no invocation can carry go by the failure destination, and end as a row, or in
// quarantine, without anybody asking. A thousand others are not held up.
func TestTooLargeForLambda(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l, o := quiet(t, dir)
	if _, err := o.kinesis.UpdateMaxRecordSize(t.Context(), &kinesis.UpdateMaxRecordSizeInput{
		StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/" + o.Stream), MaxRecordSizeInKiB: aws.Int32(10240),
	}); err != nil {
		t.Fatal(err)
	}
	var first, second []string
	for i := range 500 {
		first, second = append(first, plain(i)), append(second, plain(500+i))
	}
	o.put(t, first)
	began := time.Now()
	o.put(t, []string{strings.Repeat("x", 5<<20)})
	o.put(t, second)
	for _, table := range both {
		o.until(t, 1000, "SELECT COUNT(*) FROM "+table+" WHERE status = 'OK' AND sensorid = MOD(currenttemperature, 51)")
	}
	t.Logf("the others were in both tables after %.1f s", time.Since(began).Seconds())
	for deadline := time.Now().Add(time.Minute); len(quarantineOf(t, dir)) == 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is in quarantine after a minute")
		}
	}
	t.Logf("the large one was in quarantine after %.1f s", time.Since(began).Seconds())
	o.put(t, []string{`{"sensorId": 902, "currentTemperature": 1, "status": "large", "more": "` + strings.Repeat("y", 5<<20) + `"}`})
	r := l.stop(t)
	r.complete(t)
	if r.Quarantined != 1 {
		t.Errorf("%+v", r)
	}
	l, o = quiet(t, dir)
	if n := o.number(t, "SELECT COUNT(*) FROM "+both[1]+" WHERE sensorid = 902"); n != 1 {
		t.Errorf("%d rows of the large record that fits the schema", n)
	}
	var p proof
	if code := audit(t, dir, &p); code != 0 || p.Shards[0].Quarantined != 1 {
		t.Errorf("audit: exit %d, %+v", code, p)
	}
	l.stop(t).complete(t)
}

// TestGivenUp bounds the mapping's retries under load. First Upsert cannot be called for a while, so batches are given up
// whose objects have landed; then S3 is out of reach, and batches are given up of which nothing has. What was given up is
// collected, and a second collection changes nothing (F18).
func TestGivenUp(t *testing.T) {
	long.Test(t)
	r, f := newRig(t, chance(t)), &feed{}
	all, err := r.lambda.ListEventSourceMappings(t.Context(), &awslambda.ListEventSourceMappingsInput{})
	if err != nil || len(all.EventSourceMappings) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	if _, err := r.lambda.UpdateEventSourceMapping(t.Context(), &awslambda.UpdateEventSourceMappingInput{
		UUID: all.EventSourceMappings[0].UUID, MaximumRetryAttempts: aws.Int32(1), BatchSize: aws.Int32(500),
		DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String("arn:aws:s3:::" + r.Bucket)}},
	}); err != nil {
		t.Fatal(err)
	}
	r.saveSettings(t)
	given := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); len(r.documents(t)) < n; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d batches were given up in a minute", len(r.documents(t)), n)
			}
		}
	}
	burst := func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		f.run(ctx, r.kinesis, r.Stream)
	}
	burst()
	r.until(t, 100, "SELECT LEAST(COUNT(*), 100) FROM "+both[0])
	r.proxies["lambda"].trouble(1, refused)
	burst()
	given(3)
	r.trouble(0)
	r.proxies["s3"].trouble(1, refused)
	burst()
	time.Sleep(3 * rigTimeout) // two tries of each batch; their documents need S3, too
	r.trouble(0)
	given(6)
	burst()

	var p proof
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) { // until the mapping has come to the end
		if audit(t, r.dir, &p); p.waiting() == 0 || time.Now().After(deadline) {
			break
		}
	}
	documents := len(r.documents(t))
	if p.OK {
		t.Error("the audit finds nothing, though batches were given up")
	}
	var c collected
	if code := replay(t, r.dir, &c, "failed"); code != 0 || c.Documents != int64(documents) || c.Landed == 0 || c.There == 0 {
		t.Errorf("exit %d, %d documents: %+v", code, documents, c)
	}
	t.Logf("%d documents: %+v", documents, c)
	stream := r.readStream(t)
	r.settle(t, stream)
	before := sound(t, r.dir)
	c = collected{}
	if code := replay(t, r.dir, &c, "failed"); code != 0 || c.Documents != 0 || c.Before != int64(documents) {
		t.Errorf("again: exit %d, %+v", code, c)
	}
	if after := sound(t, r.dir); after != before {
		t.Errorf("the second collection changed something: %s, before it %s", after, before)
	}
	for _, table := range both {
		got := r.rows(t, table)
		for at, want := range stream.rows {
			if want.ordinal = got[at].ordinal; got[at] != want { // the ordinal is that of the collection
				t.Errorf("%s has %+v for %v, want %+v", table, got[at], at, want)
				break
			}
		}
		if len(got) != len(stream.rows) {
			t.Errorf("%s has %d rows, want %d", table, len(got), len(stream.rows))
		}
	}
	if quarantined := r.quarantined(t, r.objects(t)); len(quarantined) != len(stream.quarantined) {
		t.Errorf("%d in quarantine, want %d", len(quarantined), len(stream.quarantined))
	}
}

// documents are the keys of all failure documents.
func (r *rig) documents(t *testing.T) (keys []string) {
	t.Helper()
	err := r.lake().List(t.Context(), rawzone.Failures, func(key string) error {
		if _, _, note := rawzone.NoteOf(key); !note {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// saveSettings lets commands find the rig in its folder.
func (r *rig) saveSettings(t *testing.T) {
	t.Helper()
	text, err := json.Marshal(r.settings)
	if err == nil {
		err = os.WriteFile(filepath.Join(r.dir, "settings.json"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// waiting is how many records the mapping has not come to.
func (p proof) waiting() (n int64) {
	for _, s := range p.Shards {
		n += s.Accepted - s.Landed
	}
	return n
}
