package e2e

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/local/s3"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/processing/orchestrator"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// The contract of the record path, against a real S3 server: whatever happens between its steps, and however a retry
// cuts its batches, each record ends up in one object and once in the streaming table, or in quarantine.

const (
	contractStream = "kdEntry"
	contractShard  = "shardId-000000000000"
	contractBucket = "raw"
)

// bucketServer is an S3 server with one empty bucket.
func bucketServer(t *testing.T) (endpoint string) {
	t.Helper()
	server, err := s3.Open(s3.Config{Dir: t.TempDir(), Region: "us-east-1", AccountID: "000000000000"})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server)
	t.Cleanup(func() {
		front.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s3Client(front.URL, nil).CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String(contractBucket)}); err != nil {
		t.Fatal(err)
	}
	return front.URL
}

func s3Client(endpoint string, transport http.RoundTripper) *awss3.Client {
	o := awss3.Options{
		BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
	}
	if transport != nil {
		o.HTTPClient = &http.Client{Transport: transport}
	}
	return awss3.New(o)
}

// crash ends a function at its k-th call to S3: before the call reaches the server, or after the server has answered.
// From then on nothing it does has an effect, as if the process were gone.
type crash struct {
	mu     sync.Mutex
	left   int
	after  bool
	cancel context.CancelFunc
}

func (c *crash) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.left--
	now := c.left == 0
	c.mu.Unlock()
	if now && !c.after {
		c.cancel()
		return nil, context.Canceled
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if now {
		if err == nil {
			answer.Body.Close()
		}
		c.cancel()
		return nil, context.Canceled
	}
	return answer, err
}

// table is a streaming table in memory, filled as the real one: on (shard, ordinal), a second time changes nothing.
type table struct {
	lake *datalake.Lake
	rows map[string]string
	// fail is asked before and after each merge.
	fail func(merged bool) error
}

func (m *table) Upsert(ctx context.Context, message handoff.Message) (handoff.Answer, error) {
	if err := m.fail(false); err != nil {
		return handoff.Answer{}, err
	}
	csv := []byte(message.CSV)
	if message.CSV == "" {
		var err error
		if csv, err = m.lake.Read(ctx, message.Object); err != nil {
			return handoff.Answer{}, err
		}
	}
	rows, err := rowsOf(csv)
	if err != nil {
		return handoff.Answer{}, err
	}
	answer := handoff.Answer{Rows: len(rows)}
	for ordinal, sequence := range rows {
		key := contractShard + "/" + ordinal
		old, ok := m.rows[key]
		if ok && old != sequence {
			return handoff.Answer{}, fmt.Errorf("ordinal %s was given to %s and to %s", ordinal, old, sequence)
		}
		if m.rows[key] = sequence; !ok {
			answer.Inserted++
		}
	}
	return answer, m.fail(true)
}

// rowsOf maps a CSV's ordinals to their sequence numbers.
func rowsOf(csv []byte) (map[string]string, error) {
	out := map[string]string{}
	r, err := record.NewCSVReader(csv)
	if err != nil {
		return nil, err
	}
	sequence, ordinal := slices.Index(r.Header(), "_SEQUENCE"), slices.Index(r.Header(), "_ORDINAL")
	for {
		row, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out[string(row[ordinal].Text)] = string(row[sequence].Text)
	}
}

// payload is the i-th record; each seventh cannot become a row.
func payload(i int) string {
	if i%7 == 3 {
		return `{"sensorId": oops`
	}
	return fmt.Sprintf(`{"sensorId": %d, "currentTemperature": %d, "status": "OK"}`, i%51, i)
}

func sequence(i int) string { return fmt.Sprintf("4959033827149025660855969253836157%022d", i*17+5) }

// eventOf is the Kinesis event with the records from first to last, without last.
func eventOf(first, last int) []byte {
	var records []string
	for i := first; i < last; i++ {
		records = append(records, fmt.Sprintf(`{"eventSource":"aws:kinesis","eventID":"%s:%s","eventSourceARN":"arn:aws:kinesis:us-east-1:000000000000:stream/%s","kinesis":{"partitionKey":"k","sequenceNumber":"%s","data":"%s","approximateArrivalTimestamp":%d.25}}`,
			contractShard, sequence(i), contractStream, sequence(i), base64.StdEncoding.EncodeToString([]byte(payload(i))), 1700000000+i))
	}
	return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
}

// world is one run of the record path.
type world struct {
	t        *testing.T
	endpoint string
	table    *table
}

func newWorld(t *testing.T) *world {
	endpoint := bucketServer(t)
	lake := datalake.New(s3Client(endpoint, nil), contractBucket)
	return &world{t, endpoint, &table{lake: lake, rows: map[string]string{}, fail: func(bool) error { return nil }}}
}

// orchestrator returns a function that reaches S3 through transport.
func (w *world) orchestrator(transport http.RoundTripper) *orchestrator.Orchestrator {
	lake := datalake.New(s3Client(w.endpoint, transport), contractBucket)
	return newOrchestrator(w.t, lake, w.table)
}

func newOrchestrator(t *testing.T, lake *datalake.Lake, upsert orchestrator.Upserter) *orchestrator.Orchestrator {
	t.Helper()
	o, err := orchestrator.New(record.Sensor(), lake, upsert, rawzone.None, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// chain is the one in which the shard is numbered.
func (w *world) chain() rawzone.Chain {
	w.t.Helper()
	head, err := w.table.lake.Ledger(w.t.Context(), contractStream, contractShard)
	if err != nil {
		w.t.Fatal(err)
	}
	return head.Chain()
}

// deliver hands the records from first to last over in batches of the given sizes, each until it succeeds, as an
// event source mapping does.
func (w *world) deliver(first, last int, sizes ...int) {
	w.t.Helper()
	o := w.orchestrator(nil)
	for k := 0; first < last; k++ {
		end := min(first+sizes[k%len(sizes)], last)
		if err := o.Handle(w.t.Context(), eventOf(first, end)); err != nil {
			w.t.Fatalf("records %d to %d: %v", first, end, err)
		}
		first = end
	}
}

// check is the one checker of the contract: I1, I4 and I7 over n records that all landed in order.
func (w *world) check(n int) {
	w.t.Helper()
	rows, quarantined := w.contents(n)
	for i := range n {
		key := fmt.Sprintf("%s/%d", contractShard, i+1)
		where := map[bool]map[string]string{false: rows, true: quarantined}[i%7 == 3]
		if where[key] != sequence(i) {
			w.t.Errorf("record %d is %q in the place where it belongs, want %q", i, where[key], sequence(i))
		}
	}
}

// contents maps the shard's ordinals to sequence numbers, of rows and in quarantine. Each of n records must be in one of
// them once, with dense ordinals, the streaming table must have the same rows, and the ledger must say so.
func (w *world) contents(n int) (rows, quarantined map[string]string) {
	w.t.Helper()
	api := s3Client(w.endpoint, nil)
	objects, landed := w.list(rawzone.Rows), 0
	rows, quarantined = map[string]string{}, map[string]string{}
	effective, ordinals := map[string]bool{}, map[int64]bool{}
	for _, key := range objects {
		o, err := w.table.lake.Object(w.t.Context(), key)
		if errors.Is(err, rawzone.ErrVoid) {
			continue
		}
		if err != nil {
			w.t.Fatal(err)
		}
		landed++
		if o.Quarantine != "" {
			effective[o.Quarantine] = true
		}
		for i := o.FirstOrdinal; i <= o.LastOrdinal; i++ {
			if ordinals[i] || i < 1 || i > int64(n) {
				w.t.Errorf("ordinal %d lies in two objects, or is none of 1 to %d", i, n)
			}
			ordinals[i] = true
		}
		found, err := rowsOf(w.read(api, key))
		if err != nil || len(found) != o.Rows {
			w.t.Errorf("object %s: %d rows of %d, %v", key, len(found), o.Rows, err)
		}
		for ordinal, sequence := range found {
			rows[contractShard+"/"+ordinal] = sequence
		}
	}
	if !maps.Equal(rows, w.table.rows) {
		w.t.Errorf("the raw zone has %d rows, the streaming table %d, and they are not the same", len(rows), len(w.table.rows))
	}
	for _, key := range w.list(rawzone.Quarantine) {
		if !effective[key] {
			continue
		}
		rejected, err := rawzone.DecodeQuarantine(w.read(api, key))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range rejected {
			quarantined[fmt.Sprintf("%s/%d", r.Shard, r.Ordinal)] = r.Sequence
		}
	}
	seen := map[string]bool{}
	for _, place := range []map[string]string{rows, quarantined} {
		for _, sequence := range place {
			seen[sequence] = true
		}
	}
	if len(rows)+len(quarantined) != n || len(seen) != n {
		w.t.Errorf("%d rows and %d quarantined of %d records, %d different ones", len(rows), len(quarantined), n, len(seen))
	}
	head, err := w.table.lake.Ledger(w.t.Context(), contractStream, contractShard)
	if err != nil || head.Ordinal != int64(n) || head.Records != int64(n) || head.Objects != int64(landed) || head.Quarantined != int64(len(quarantined)) {
		w.t.Errorf("ledger %+v after %d records in %d objects, %v", head.Ledger, n, landed, err)
	}
	return rows, quarantined
}

func (w *world) list(prefix string) (keys []string) {
	w.t.Helper()
	pages := awss3.NewListObjectsV2Paginator(s3Client(w.endpoint, nil), &awss3.ListObjectsV2Input{Bucket: aws.String(contractBucket), Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
	}
	return keys
}

func (w *world) read(api *awss3.Client, key string) []byte {
	w.t.Helper()
	out, err := api.GetObject(w.t.Context(), &awss3.GetObjectInput{Bucket: aws.String(contractBucket), Key: &key})
	if err != nil {
		w.t.Fatal(err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

func TestRecordsLandOnce(t *testing.T) {
	w := newWorld(t)
	w.deliver(0, 60, 20)
	w.check(60)
	w.deliver(0, 60, 7, 13) // everything again, cut otherwise: nothing changes
	w.check(60)
	w.deliver(40, 90, 50) // half of it known
	w.check(90)
	if err := w.orchestrator(nil).Handle(t.Context(), []byte(`{"Records":null}`)); err != nil {
		t.Errorf("an empty event: %v", err)
	}
}

// TestCrashAtEachCall ends the function at each of its calls to S3, before and after the call takes effect, and
// around the merge; the retry comes with the same batch, with halves, shifted, or merged with its successor.
func TestCrashAtEachCall(t *testing.T) {
	recuts := map[string][]int{"same": {20}, "halves": {10}, "shifted": {1, 20}, "merged": {40}, "single": {1}}
	for name, sizes := range recuts {
		for call := 1; ; call++ {
			reached := false
			for _, after := range []bool{false, true} {
				w := newWorld(t)
				w.deliver(0, 10, 10)
				ctx, cancel := context.WithCancel(t.Context())
				c := &crash{left: call, after: after, cancel: cancel}
				err := w.orchestrator(c).Handle(ctx, eventOf(10, 30))
				cancel()
				if c.left > 0 {
					continue // the function was done before this call
				}
				reached = true
				if err == nil && !after {
					t.Errorf("%s: the function reported success though call %d failed", name, call)
				}
				w.deliver(10, 50, sizes...)
				w.check(50)
				if t.Failed() {
					t.Fatalf("%s: crash at call %d, after %v", name, call, after)
				}
			}
			if !reached {
				if call < 5 {
					t.Errorf("only %d calls to S3 in a batch with quarantine: the test no longer sees all steps", call-1)
				}
				break
			}
		}
	}
}

// TestGivenUpAtEachCall ends the function at each of its calls to S3, or at the merge, and the batch never comes again. The
// next one goes on; what has not landed is appended later, twice.
func TestGivenUpAtEachCall(t *testing.T) {
	for call := 0; ; call++ { // 0 is the merge
		reached := call == 0
		for _, after := range []bool{false, true} {
			w := newWorld(t)
			w.deliver(0, 10, 10)
			ctx, cancel := context.WithCancel(t.Context())
			c := &crash{left: call, after: after, cancel: cancel}
			w.table.fail = func(merged bool) error {
				if call == 0 && merged == after {
					return context.DeadlineExceeded
				}
				return nil
			}
			_ = w.orchestrator(c).Handle(ctx, eventOf(10, 30))
			cancel()
			w.table.fail = func(bool) error { return nil }
			if c.left > 0 {
				continue
			}
			reached = true
			w.deliver(30, 50, 20)
			w.append(10, 30)
			w.append(10, 30)
			w.contents(50)
			if t.Failed() {
				t.Fatalf("crash at call %d, after %v", call, after)
			}
		}
		if !reached {
			return
		}
	}
}

// append brings records that are nowhere, as a replay does: an object has all of them or none.
func (w *world) append(first, last int) {
	w.t.Helper()
	for _, key := range w.list(rawzone.Rows) {
		o, err := w.table.lake.Object(w.t.Context(), key)
		if err == nil && o.First.Sequence == sequence(first) && o.Source == "" {
			return
		}
	}
	var records []record.Record
	for i := first; i < last; i++ {
		records = append(records, record.Record{Position: record.Position{Shard: contractShard, Sequence: sequence(i)}, Data: []byte(payload(i))})
	}
	if _, err := w.orchestrator(nil).Append(w.t.Context(), orchestrator.Batch{Stream: contractStream, Shard: contractShard, Source: "test", Records: records}); err != nil {
		w.t.Fatal(err)
	}
}

func TestCrashAroundTheMerge(t *testing.T) {
	for _, merged := range []bool{false, true} {
		w := newWorld(t)
		w.deliver(0, 10, 10)
		w.table.fail = func(m bool) error {
			if m == merged {
				return context.DeadlineExceeded
			}
			return nil
		}
		if err := w.orchestrator(nil).Handle(t.Context(), eventOf(10, 30)); err == nil {
			t.Fatal("a failed merge was reported as success")
		}
		w.table.fail = func(bool) error { return nil }
		w.deliver(10, 50, 15)
		w.check(50)
	}
}

// TestTwoOrchestrators runs writers side by side on one shard, as after a split brain: each may be stopped, but
// together they do no harm, and the next delivery completes what they left.
func TestTwoOrchestrators(t *testing.T) {
	for seed := range uint64(10) {
		w := newWorld(t)
		var guard sync.Mutex
		inner := *w.table
		var orchestrators []*orchestrator.Orchestrator
		for range 3 {
			orchestrators = append(orchestrators, newOrchestrator(t, w.table.lake, locked{&guard, &inner}))
		}
		var group sync.WaitGroup
		for k := range uint64(3) {
			group.Go(func() {
				r := rand.New(rand.NewPCG(seed, k))
				o := orchestrators[k]
				for first := 0; first < 60; {
					end := min(first+1+r.IntN(20), 60)
					if err := o.Handle(t.Context(), eventOf(first, end)); err == nil {
						first = end
					}
				}
			})
		}
		group.Wait()
		w.table.rows = inner.rows
		w.check(60)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// locked lets the in-memory table be used from several functions at once.
type locked struct {
	guard *sync.Mutex
	table *table
}

func (l locked) Upsert(ctx context.Context, m handoff.Message) (handoff.Answer, error) {
	l.guard.Lock()
	defer l.guard.Unlock()
	return l.table.Upsert(ctx, m)
}

// TestLedgerLost deletes and damages the ledger: it is rebuilt from the raw zone, or refused.
func TestLedgerLost(t *testing.T) {
	for _, landed := range []int{0, 10, 20, 50} {
		w := newWorld(t)
		w.deliver(0, landed, 10)
		key := w.chain().LedgerKey()
		api := s3Client(w.endpoint, nil)
		if _, err := api.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: aws.String(contractBucket), Key: &key}); err != nil {
			t.Fatal(err)
		}
		w.deliver(max(landed-10, 0), 60, 10)
		w.check(60)
	}
	w := newWorld(t)
	w.deliver(0, 10, 10)
	_, err := s3Client(w.endpoint, nil).PutObject(t.Context(), &awss3.PutObjectInput{
		Bucket: aws.String(contractBucket), Key: aws.String(w.chain().LedgerKey()), Body: strings.NewReader(`{"ordinal":3}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.orchestrator(nil).Handle(t.Context(), eventOf(10, 20)); err == nil || !strings.Contains(err.Error(), "delete") {
		t.Errorf("a damaged ledger was believed, or its error gives no advice: %v", err)
	}
}

// TestBadEvents: what is no Kinesis event fails as a whole, and the error holds nothing of it.
func TestBadEvents(t *testing.T) {
	w := newWorld(t)
	good := string(eventOf(0, 2))
	for name, event := range map[string]string{
		"not JSON":     `SECRET`,
		"no ids":       `{"Records":[{"kinesis":{"data":"U0VDUkVU"}}]}`,
		"bad base64":   `{"Records":[{"kinesis":{"data":"SECRET!"}}]}`,
		"wrong order":  strings.NewReplacer(sequence(0), sequence(1), sequence(1), sequence(0)).Replace(good),
		"another id":   strings.Replace(good, ":"+sequence(0), ":"+sequence(5), 1),
		"no array":     `{"Records":{"SECRET":1}}`,
		"wrong stream": strings.ReplaceAll(good, ":stream/", ":table/"),
	} {
		if err := w.orchestrator(nil).Handle(t.Context(), []byte(event)); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
