package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// The one checker of the tests with faults. It takes nobody's word: it reads the stream from its oldest record on,
// decodes the payloads by itself, and compares them with every row of both tables and every record in quarantine.

// bothTables are what the pipeline fills.
var bothTables = []string{"KINESIS_SENSORS_STREAMING", "KINESIS_SENSORS_MICROBATCH"}

// settleLimit is how long the lag may take to go back to 0 once faults have stopped. The pauses between the tries of
// a batch grow up to a minute.
const settleLimit = 100 * time.Second

// row is one record in a table.
type row struct {
	ordinal             int64
	arrived             string // UTC, to the millisecond
	sensor, temperature int64
	status              string
}

// truth is what the stream holds.
type truth struct {
	shards      map[string][]types.Record // in order
	parents     map[string][]string
	rows        map[place]row
	quarantined map[place]types.Record
	keys        map[place]string
}

const toMillisecond = "2006-01-02T15:04:05.000"

// check runs all checks. dir is the data folder whose logs must not tell what the records say.
func (o outside) check(t *testing.T, f *feed, dir string) {
	t.Helper()
	stream := o.readStream(t)
	took := o.settle(t, stream)
	objects := o.objects(t)
	o.checkTables(t, stream, objects)
	checkAcknowledged(t, f, stream)
	checkChildrenLast(t, stream, objects)
	o.replayAll(t, stream)
	again := o.objects(t)
	o.checkTables(t, stream, again)
	if !maps.Equal(objects, again) {
		t.Errorf("I11: after a replay of the whole stream the raw zone has %d objects of rows, before it had %d, or some changed", len(again), len(objects))
	}
	o.checkLogs(t, dir)
	checkFootprint(t, o.PID)
	records, failures := f.count()
	total := len(stream.rows) + len(stream.quarantined)
	t.Logf("%d accepted (%d acknowledged to the feed, %d of its calls failed), %d rows in each table, %d quarantined, %d objects, %d shards; lag was 0 after %s",
		total, records, failures, len(stream.rows), len(stream.quarantined), len(objects), len(stream.shards), took.Round(10*time.Millisecond))
	if records == 0 {
		t.Error("no record was acknowledged: the test tested nothing")
	}
}

// readStream reads all that the stream has.
func (o outside) readStream(t *testing.T) *truth {
	t.Helper()
	s := &truth{map[string][]types.Record{}, map[string][]string{}, map[place]row{}, map[place]types.Record{}, map[place]string{}}
	list, err := o.kinesis.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: &o.Stream})
	if err != nil {
		t.Fatal(err)
	}
	for _, shard := range list.Shards {
		id := *shard.ShardId
		for _, parent := range []*string{shard.ParentShardId, shard.AdjacentParentShardId} {
			if parent != nil {
				s.parents[id] = append(s.parents[id], *parent)
			}
		}
		s.shards[id] = nil
		if err := o.tail(t.Context(), id, true, func(records []types.Record) { s.shards[id] = append(s.shards[id], records...) }); err != nil {
			t.Fatal(err)
		}
		for i, r := range s.shards[id] {
			s.add(place{id, *r.SequenceNumber}, record.Base(id)+int64(i+1), r)
		}
	}
	return s
}

// tail reads a shard from its oldest record to the newest one, or without end until ctx ends.
func (o outside) tail(ctx context.Context, shard string, toEnd bool, yield func([]types.Record)) error {
	out, err := o.kinesis.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &o.Stream, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		return err
	}
	for iterator := out.ShardIterator; iterator != nil; {
		page, err := o.kinesis.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator})
		var throttled *types.ProvisionedThroughputExceededException
		if errors.As(err, &throttled) {
			time.Sleep(300 * time.Millisecond) // a shard gives five reads a second, of which the mapping takes four
			continue
		}
		if err != nil {
			return err
		}
		yield(page.Records)
		if iterator = page.NextShardIterator; toEnd && len(page.Records) == 0 && aws.ToInt64(page.MillisBehindLatest) == 0 {
			return nil
		}
		time.Sleep(300 * time.Millisecond)
	}
	return nil
}

// add decodes a record as the contract says and independently of the code that is tested.
func (s *truth) add(at place, ordinal int64, r types.Record) {
	var data struct {
		SensorID, CurrentTemperature json.Number
		Status                       string
	}
	s.keys[at] = *r.PartitionKey
	want := row{ordinal: ordinal, arrived: r.ApproximateArrivalTimestamp.UTC().Format(toMillisecond)}
	err := json.Unmarshal(r.Data, &data)
	if err == nil {
		want.sensor, err = data.SensorID.Int64()
	}
	if err == nil {
		want.temperature, err = data.CurrentTemperature.Int64()
	}
	if err != nil {
		s.quarantined[at] = r
		return
	}
	want.status = data.Status
	s.rows[at] = want
}

// settle waits until both tables and quarantine have as many records as they should (I8). A count that stays wrong is
// no reason to stop: the comparison that follows says what is wrong.
func (o outside) settle(t *testing.T, stream *truth) time.Duration {
	t.Helper()
	began := time.Now()
	await := func(what string, want int, count func() int) {
		t.Helper()
		for got := -1; got != want; time.Sleep(50 * time.Millisecond) {
			if got = count(); got != want && time.Since(began) > settleLimit {
				t.Errorf("I8: %s has %d of %d records %s after the faults have stopped", what, got, want, settleLimit)
				return
			}
		}
	}
	for _, table := range bothTables {
		await(table, len(stream.rows), func() int { return int(o.number(t, "SELECT COUNT(*) FROM "+table)) })
	}
	await("quarantine", len(stream.quarantined), func() (total int) {
		for _, object := range o.objects(t) {
			total += object.Quarantined
		}
		return total
	})
	return time.Since(began)
}

// checkTables compares each row and each quarantined record with the stream (I1, I3, I4, I5 within a shard, I7).
func (o outside) checkTables(t *testing.T, stream *truth, objects map[string]stored) {
	t.Helper()
	for _, table := range bothTables {
		o.checkTable(t, table, stream)
	}
	quarantined := o.quarantined(t, objects)
	for at, r := range stream.quarantined {
		got := quarantined[at]
		if len(got) != 1 || string(got[0].Data) != string(r.Data) || got[0].Reason.Code == "" || got[0].PartitionKey != *r.PartitionKey {
			t.Errorf("I7: %v lies in quarantine %d times, or not as it came", at, len(got))
			return
		}
	}
	if len(quarantined) != len(stream.quarantined) {
		t.Errorf("I1: %d records in quarantine, want %d", len(quarantined), len(stream.quarantined))
	}
}

func (o outside) checkTable(t *testing.T, table string, stream *truth) {
	t.Helper()
	got := o.rows(t, table)
	var missing, different, foreign []string
	for at, want := range stream.rows {
		if have, ok := got[at]; !ok {
			missing = append(missing, fmt.Sprintf("%v ordinal %d", at, want.ordinal))
		} else if have != want {
			different = append(different, fmt.Sprintf("%v: %+v, want %+v", at, have, want))
		}
	}
	for at := range got {
		if _, ok := stream.rows[at]; !ok {
			foreign = append(foreign, fmt.Sprint(at))
		}
	}
	for what, list := range map[string][]string{"missing": missing, "different": different, "not in the stream": foreign} {
		if slices.Sort(list); len(list) > 0 {
			t.Errorf("I1, I3: %s: %d of %d rows %s, such as\n%s", table, len(list), len(stream.rows), what, strings.Join(list[:min(3, len(list))], "\n"))
		}
	}
}

// rows reads a table as a whole. A second row of one record is an error by itself.
func (o outside) rows(t *testing.T, table string) map[place]row {
	t.Helper()
	found, err := o.db.QueryContext(t.Context(), `SELECT "_SHARD", "_SEQUENCE", "_ORDINAL", "_ARRIVED_AT", sensorid, currenttemperature, status FROM `+table)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	out := map[place]row{}
	doubled := 0
	for found.Next() {
		var at place
		var r row
		var arrived time.Time
		if err := found.Scan(&at.shard, &at.sequence, &r.ordinal, &arrived, &r.sensor, &r.temperature, &r.status); err != nil {
			t.Fatal(err)
		}
		if _, ok := out[at]; ok {
			if doubled++; doubled <= 3 {
				t.Errorf("I1: %s has %v twice, as ordinals %d and %d", table, at, out[at].ordinal, r.ordinal)
			}
		}
		r.arrived = arrived.UTC().Format(toMillisecond)
		out[at] = r
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	if doubled > 3 {
		t.Errorf("I1: %s has %d doubled rows", table, doubled)
	}
	return out
}

// lake is the raw zone.
func (o outside) lake() *datalake.Lake { return datalake.New(o.s3, o.Bucket) }

// stored is an object of rows as it lies in the raw zone.
type stored struct {
	rawzone.Object
	etag     string
	modified time.Time
}

// objects are the objects of rows by their keys.
func (o outside) objects(t *testing.T) map[string]stored {
	t.Helper()
	out := map[string]stored{}
	lake := o.lake()
	pages := awss3.NewListObjectsV2Paginator(o.s3, &awss3.ListObjectsV2Input{Bucket: &o.Bucket, Prefix: aws.String(rawzone.Rows)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range page.Contents {
			object, err := lake.Object(t.Context(), *found.Key)
			if errors.Is(err, rawzone.ErrVoid) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			out[*found.Key] = stored{object, *found.ETag, *found.LastModified}
			if strings.Contains(*found.Key, canary) {
				t.Errorf("I10: the key %s tells a payload", *found.Key)
			}
		}
	}
	return out
}

// quarantined reads what the objects of rows say is in quarantine. A file that no object names is the trace of a
// writer that was stopped, and does not count.
func (o outside) quarantined(t *testing.T, objects map[string]stored) map[place][]record.Rejected {
	t.Helper()
	out := map[place][]record.Rejected{}
	lake := o.lake()
	for _, object := range objects {
		if object.Quarantine == "" {
			continue
		}
		text, err := lake.Read(t.Context(), object.Quarantine)
		if err != nil {
			t.Fatal(err)
		}
		rejected, err := rawzone.DecodeQuarantine(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rejected {
			at := place{r.Shard, r.Sequence}
			out[at] = append(out[at], r)
		}
	}
	return out
}

// checkAcknowledged: what was acknowledged is in the stream as it was sent (F19, F43), and each key's records are in
// the order in which they were accepted, over splits and merges (I5). Sequence numbers give that order.
func checkAcknowledged(t *testing.T, f *feed, stream *truth) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var last [feedKeys]string
	payloads := map[place]string{}
	for id, records := range stream.shards {
		for _, r := range records {
			payloads[place{id, *r.SequenceNumber}] = string(r.Data)
		}
	}
	for _, a := range f.acked {
		if payloads[a.place] != a.payload || stream.keys[a.place] != partitionKey(a.key) {
			t.Errorf("F19: %v was acknowledged and is not in the stream as it was sent", a.place)
			return
		}
		if last[a.key] != "" && record.CompareSequence(last[a.key], a.sequence) >= 0 {
			t.Errorf("I5: key %d: %s was accepted after %s", a.key, a.sequence, last[a.key])
			return
		}
		last[a.key] = a.sequence
	}
}

// checkChildrenLast: no object of a child shard is older than one of its parents (F06).
func checkChildrenLast(t *testing.T, stream *truth, objects map[string]stored) {
	t.Helper()
	first, last := map[string]time.Time{}, map[string]time.Time{}
	for _, object := range objects {
		shard, at := object.First.Shard, object.modified
		if first[shard].IsZero() || at.Before(first[shard]) {
			first[shard] = at
		}
		if at.After(last[shard]) {
			last[shard] = at
		}
	}
	for child, parents := range stream.parents {
		for _, parent := range parents {
			if !first[child].IsZero() && first[child].Before(last[parent]) {
				t.Errorf("F06: records of %s landed at %s, those of its parent %s until %s", child, first[child], parent, last[parent])
			}
		}
	}
}

// kinesisEventOf is the event with which an event source mapping would hand these records over.
func (o outside) kinesisEventOf(shard string, records []types.Record) []byte {
	var text []string
	for _, r := range records {
		text = append(text, fmt.Sprintf(`{"eventSource":"aws:kinesis","eventVersion":"1.0","eventName":"aws:kinesis:record","awsRegion":%q,"eventID":"%s:%s","eventSourceARN":"arn:aws:kinesis:%s:000000000000:stream/%s","kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":%q,"sequenceNumber":%q,"data":%q,"approximateArrivalTimestamp":%.3f}}`,
			o.Region, shard, *r.SequenceNumber, o.Region, o.Stream, *r.PartitionKey, *r.SequenceNumber,
			base64.StdEncoding.EncodeToString(r.Data), float64(r.ApproximateArrivalTimestamp.UnixMilli())/1000))
	}
	return []byte(`{"Records":[` + strings.Join(text, ",") + `]}`)
}

// deliver invokes the orchestrator with records of a shard, as a second event source mapping would. The error is the
// function's.
func (o outside) deliver(ctx context.Context, shard string, records []types.Record) error {
	out, err := o.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("SnowflakeOrchestrator"), Payload: o.kinesisEventOf(shard, records)})
	if err != nil {
		return err
	}
	if out.FunctionError != nil {
		return fmt.Errorf("%s: %.300s", *out.FunctionError, out.Payload)
	}
	return nil
}

// replayAll hands the whole stream over once more, in other batches (I11, F10, F11).
func (o outside) replayAll(t *testing.T, stream *truth) {
	t.Helper()
	for id, records := range stream.shards {
		for len(records) > 0 {
			n := min(1+rand.IntN(4000), len(records))
			if err := o.deliver(t.Context(), id, records[:n]); err != nil {
				t.Errorf("I11: a replay of %d records of %s: %v", n, id, err)
				return
			}
			records = records[n:]
		}
	}
}

// checkLogs looks for payloads and secrets in all logs below dir (I10).
func (o outside) checkLogs(t *testing.T, dir string) {
	t.Helper()
	logs := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(d.Name(), ".log") || strings.Contains(path, filepath.Join(dir, "kinesis")) {
			return err
		}
		logs++
		text, err := os.ReadFile(path)
		for what, secret := range map[string]string{"a payload": canary, "the password": o.Password, "a private key": "PRIVATE KEY"} {
			if i := strings.Index(string(text), secret); i >= 0 {
				t.Errorf("I10: %s tells %s: %.200q", path, what, text[max(0, i-100):])
			}
		}
		return err
	})
	if err != nil || logs < 2 {
		t.Errorf("look for secrets in %d logs: %v", logs, err)
	}
}
