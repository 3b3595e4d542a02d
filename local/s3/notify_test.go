package s3

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

func queueConfiguration(id, queue, prefix, suffix string, events ...types.Event) types.QueueConfiguration {
	q := types.QueueConfiguration{Id: aws.String(id), QueueArn: aws.String(queue), Events: events}
	var rules []types.FilterRule
	if prefix != "" {
		rules = append(rules, types.FilterRule{Name: types.FilterRuleNamePrefix, Value: aws.String(prefix)})
	}
	if suffix != "" {
		rules = append(rules, types.FilterRule{Name: types.FilterRuleNameSuffix, Value: aws.String(suffix)})
	}
	if rules != nil {
		q.Filter = &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: rules}}
	}
	return q
}

func (s *stack) notify(queues ...types.QueueConfiguration) error {
	_, err := s.client.PutBucketNotificationConfiguration(s.t.Context(), &sdk.PutBucketNotificationConfigurationInput{
		Bucket: aws.String(testBucket), NotificationConfiguration: &types.NotificationConfiguration{QueueConfigurations: queues},
	})
	return err
}

func decodeEvent(t *testing.T, message string) eventRecord {
	t.Helper()
	var m eventMessage
	if err := json.Unmarshal([]byte(message), &m); err != nil || len(m.Records) != 1 {
		t.Fatalf("message %s: %v", message, err)
	}
	return m.Records[0]
}

// eventKeys are the keys that the messages speak of, "test" for a test event.
func eventKeys(t *testing.T, messages []string) []string {
	t.Helper()
	var keys []string
	for _, m := range messages {
		if strings.Contains(m, "s3:TestEvent") {
			keys = append(keys, "test")
			continue
		}
		keys = append(keys, decodeEvent(t, m).S3.Object.Key)
	}
	return keys
}

func TestNotifications(t *testing.T) {
	q := newInbox(t)
	s := start(t, Config{QueueEndpoint: q.http.URL}).bucket()
	created := types.Event("s3:ObjectCreated:*")
	if err := s.notify(queueConfiguration("land", testQueue, "kinesiscsv/", ".csv", created)); err != nil {
		t.Fatal(err)
	}
	key := "kinesiscsv/sensor-1/a b=c+é.csv"
	etag := s.put(key, "0123456789")
	s.put("other/x.csv", "")
	s.put("kinesiscsv/x.json", "")
	if _, err := s.client.CopyObject(t.Context(), &sdk.CopyObjectInput{
		Bucket: aws.String(testBucket), Key: aws.String("kinesiscsv/copy.csv"), CopySource: aws.String(testBucket + "/other/x.csv"),
	}); err != nil {
		t.Fatal(err)
	}
	id := s.begin("kinesiscsv/multi.csv")
	if _, err := s.complete("kinesiscsv/multi.csv", id, nil, s.part("kinesiscsv/multi.csv", id, 1, []byte("x"))); err != nil {
		t.Fatal(err)
	}
	s.put(key, "0123456789")
	flush(t, s)

	messages := q.all()
	want := []string{"test", "kinesiscsv/sensor-1/a+b%3Dc%2B%C3%A9.csv", "kinesiscsv/copy.csv", "kinesiscsv/multi.csv", "kinesiscsv/sensor-1/a+b%3Dc%2B%C3%A9.csv"}
	if diff := cmp.Diff(want, eventKeys(t, messages)); diff != "" {
		t.Fatalf("events (-want +got):\n%s", diff)
	}
	if q.urls[0] != q.http.URL+"/"+testAccount+"/snowpipe" {
		t.Errorf("queue URL is %s", q.urls[0])
	}
	first := decodeEvent(t, messages[1])
	for _, pair := range [][2]string{
		{first.EventName, "ObjectCreated:Put"}, {first.EventSource, "aws:s3"}, {first.EventVersion, "2.1"}, {first.AWSRegion, testRegion},
		{first.S3.Bucket.Name, testBucket}, {first.S3.Bucket.ARN, "arn:aws:s3:::" + testBucket}, {first.S3.ConfigurationID, "land"},
		{`"` + first.S3.Object.ETag + `"`, etag}, {fmt.Sprint(first.S3.Object.Size), "10"}, {first.RequestParameters["sourceIPAddress"], "127.0.0.1"},
		{decodeEvent(t, messages[2]).EventName, "ObjectCreated:Copy"}, {decodeEvent(t, messages[3]).EventName, "ObjectCreated:CompleteMultipartUpload"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("event has %q, want %q", pair[0], pair[1])
		}
	}
	if first.ResponseElements["x-amz-request-id"] == "" {
		t.Error("the event has no request id")
	}
	last := decodeEvent(t, messages[4])
	if a, b := first.S3.Object.Sequencer, last.S3.Object.Sequencer; len(a) != len(b) || a >= b {
		t.Errorf("sequencers %s and %s do not grow", a, b)
	}

	s.reopen()
	s.put(key, "0123456789")
	flush(t, s)
	messages = q.all()
	if len(messages) != 6 {
		t.Fatalf("after a restart: %v", eventKeys(t, messages))
	}
	if next := decodeEvent(t, messages[5]).S3.Object.Sequencer; next <= last.S3.Object.Sequencer {
		t.Errorf("sequencer %s of the next run is not behind %s", next, last.S3.Object.Sequencer)
	}
	got, err := s.client.GetBucketNotificationConfiguration(t.Context(), &sdk.GetBucketNotificationConfigurationInput{Bucket: aws.String(testBucket)})
	if err != nil || len(got.QueueConfigurations) != 1 || aws.ToString(got.QueueConfigurations[0].Id) != "land" ||
		len(got.QueueConfigurations[0].Filter.Key.FilterRules) != 2 || got.QueueConfigurations[0].Events[0] != created {
		t.Errorf("configuration: %+v, %v", got, err)
	}
	if err := s.notify(); err != nil {
		t.Fatal(err)
	}
	s.put(key, "")
	flush(t, s)
	if len(q.all()) != 6 {
		t.Error("an event came after the configuration was removed")
	}
}

// TestRedelivery lets the queue fail, and everything that holds the messages vanish meanwhile.
func TestRedelivery(t *testing.T) {
	q := newInbox(t)
	s := start(t, Config{QueueEndpoint: q.http.URL}).bucket()
	q.fail(2)
	if err := s.notify(queueConfiguration("all", testQueue, "", "", "s3:ObjectCreated:Put")); err != nil {
		t.Fatal(err)
	}
	s.put("a", "1")
	flush(t, s)
	if diff := cmp.Diff([]string{"test", "a"}, eventKeys(t, q.all())); diff != "" {
		t.Errorf("after failures (-want +got):\n%s", diff)
	}

	q.fail(1 << 30)
	s.put("b", "1")
	s.put("b", "2")
	s.put("c", "1")
	if _, err := s.client.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: aws.String(testBucket), Key: aws.String("c")}); err != nil {
		t.Fatal(err)
	}
	s.reopen()
	s.put("d", "1")
	q.mu.Lock()
	q.partial = true
	q.mu.Unlock()
	q.fail(0)
	flush(t, s)
	if diff := cmp.Diff([]string{"test", "a", "b", "b", "c", "d"}, eventKeys(t, q.all())); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	s.reopen()
	flush(t, s)
	if len(q.all()) != 6 {
		t.Errorf("events delivered before the restart came again: %v", eventKeys(t, q.all()))
	}
	files, err := os.ReadDir(s.server.backend.disk.path(folderOutbox))
	if err != nil || len(files) != 1 {
		t.Errorf("the outbox still holds %v, %v", files, err)
	}
}

const goneQueue = "arn:aws:sqs:us-east-1:000000000000:gone"

// A queue that does not exist is refused at the call. Where a folder owes it notifications nonetheless, because an older
// version accepted it, validation was skipped or it was deleted later, they are let go and said: no flush hangs.
func TestUnknownQueue(t *testing.T) {
	q := newInbox(t)
	s := start(t, Config{}).bucket()
	err := s.notify(queueConfiguration("all", goneQueue, "", "", "s3:ObjectCreated:*")) // nobody to ask
	if err != nil {
		t.Fatal(err)
	}
	s.put("a", "1")
	s.put("b", "1")
	var said []string
	s.config.QueueEndpoint, s.config.Say = q.http.URL, func(text string) { said = append(said, text) }
	s.reopen()
	flush(t, s)
	if len(said) != 1 || !strings.Contains(said[0], goneQueue) {
		t.Errorf("said %q", said)
	}
	s.put("c", "1")
	flush(t, s)
	s.reopen()
	flush(t, s)
	if len(said) != 1 || len(q.all()) != 0 {
		t.Errorf("said %q, %d messages", said, len(q.all()))
	}
	err = s.notify(queueConfiguration("all", goneQueue, "", "", "s3:ObjectCreated:*"))
	wantCode(t, "unknown queue", err, "InvalidArgument")
	if !strings.Contains(err.Error(), "Unable to validate the following destination configurations") {
		t.Error(err)
	}
	if err := s.notify(queueConfiguration("all", testQueue, "", "", "s3:ObjectCreated:*")); err != nil {
		t.Fatal(err)
	}
	s.put("d", "1")
	flush(t, s)
	if diff := cmp.Diff([]string{"test", "d"}, eventKeys(t, q.all())); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// A flush says what it waits for, and why that does not come.
func TestFlushNamesWhatItWaitsFor(t *testing.T) {
	q := newInbox(t)
	s := start(t, Config{QueueEndpoint: q.http.URL}).bucket()
	if err := s.notify(queueConfiguration("all", testQueue, "", "", "s3:ObjectCreated:*")); err != nil {
		t.Fatal(err)
	}
	if what := s.server.Waiting(); what != "" {
		t.Errorf("nobody waits, yet %q", what)
	}
	q.fail(1 << 30)
	s.put("a", "1")
	done := make(chan error)
	go func() { done <- s.server.Flush(t.Context()) }()
	for what := ""; !strings.Contains(what, testQueue) || !strings.Contains(what, "status 500"); {
		what = s.server.Waiting()
		runtime.Gosched()
	}
	q.fail(0)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWithoutEndpoint(t *testing.T) {
	s := start(t, Config{}).bucket()
	if err := s.server.Flush(t.Context()); err != nil {
		t.Errorf("flush of an empty outbox: %v", err)
	}
	if err := s.notify(queueConfiguration("all", testQueue, "", "", "s3:ObjectCreated:*")); err != nil {
		t.Fatal(err)
	}
	s.put("a", "1")
	if err := s.server.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "2 notifications wait") {
		t.Errorf("flush without an endpoint: %v", err)
	}
	q := newInbox(t)
	s.config.QueueEndpoint = q.http.URL
	s.reopen()
	flush(t, s)
	if diff := cmp.Diff([]string{"test", "a"}, eventKeys(t, q.all())); diff != "" {
		t.Errorf("after an endpoint appeared (-want +got):\n%s", diff)
	}
}

func TestNotificationRefusals(t *testing.T) {
	s := start(t, Config{}).bucket()
	every, put, copied := types.Event("s3:ObjectCreated:*"), types.Event("s3:ObjectCreated:Put"), types.Event("s3:ObjectCreated:Copy")
	for _, tt := range []struct {
		name   string
		queues []types.QueueConfiguration
		code   string
	}{
		{"same filter", []types.QueueConfiguration{queueConfiguration("1", testQueue, "a/", "", every), queueConfiguration("2", testQueue, "a/", "", put)}, "InvalidArgument"},
		{"nested prefixes", []types.QueueConfiguration{queueConfiguration("1", testQueue, "a/", "", put), queueConfiguration("2", testQueue, "a/b/", "", put)}, "InvalidArgument"},
		{"overlapping suffixes", []types.QueueConfiguration{queueConfiguration("1", testQueue, "a/", ".csv", put), queueConfiguration("2", testQueue, "a/b/", "v", put)}, "InvalidArgument"},
		{"same id", []types.QueueConfiguration{queueConfiguration("1", testQueue, "a/", "", put), queueConfiguration("1", testQueue, "b/", "", put)}, "InvalidArgument"},
		{"other region", []types.QueueConfiguration{queueConfiguration("1", "arn:aws:sqs:eu-west-1:000000000000:q", "", "", put)}, "InvalidArgument"},
		{"no queue", []types.QueueConfiguration{queueConfiguration("1", "arn:aws:sns:us-east-1:000000000000:q", "", "", put)}, "InvalidArgument"},
		{"path in the name", []types.QueueConfiguration{queueConfiguration("1", "arn:aws:sqs:us-east-1:000000000000:q/../x", "", "", put)}, "InvalidArgument"},
		{"removal", []types.QueueConfiguration{queueConfiguration("1", testQueue, "", "", "s3:ObjectRemoved:*")}, "NotImplemented"},
		{"unknown event", []types.QueueConfiguration{queueConfiguration("1", testQueue, "", "", "s3:ObjectCreated:Never")}, "InvalidArgument"},
		{"apart by prefix", []types.QueueConfiguration{queueConfiguration("1", testQueue, "a/", "", every), queueConfiguration("2", testQueue, "b/", "", every)}, ""},
		{"apart by suffix", []types.QueueConfiguration{queueConfiguration("1", testQueue, "", ".csv", every), queueConfiguration("2", testQueue, "", ".json", every)}, ""},
		{"apart by event", []types.QueueConfiguration{queueConfiguration("1", testQueue, "", "", put), queueConfiguration("2", testQueue, "", "", copied)}, ""},
	} {
		wantCode(t, tt.name, s.notify(tt.queues...), tt.code)
	}
	for element, want := range map[string]string{
		"TopicConfiguration": "NotImplemented", "CloudFunctionConfiguration": "NotImplemented", "EventBridgeConfiguration": "NotImplemented",
	} {
		document := fmt.Sprintf("<NotificationConfiguration><%s></%s></NotificationConfiguration>", element, element)
		_, answer := s.raw(http.MethodPut, "/"+testBucket+"?notification", nil, strings.NewReader(document))
		if !strings.Contains(answer, want) || !strings.Contains(answer, strings.TrimPrefix(element, "CloudFunction")) {
			t.Errorf("%s: %s", element, answer)
		}
	}
	_, answer := s.raw(http.MethodPut, "/"+testBucket+"?notification", nil, strings.NewReader("<Notif"))
	if !strings.Contains(answer, "MalformedXML") {
		t.Errorf("broken XML: %s", answer)
	}
	_, err := s.client.GetBucketNotificationConfiguration(t.Context(), &sdk.GetBucketNotificationConfigurationInput{Bucket: aws.String("missing")})
	wantCode(t, "missing bucket", err, "NoSuchBucket")
}

func FuzzParseRules(f *testing.F) {
	f.Add(`<NotificationConfiguration><QueueConfiguration><Id>1</Id><Queue>` + testQueue + `</Queue><Event>s3:ObjectCreated:*</Event>` +
		`<Filter><S3Key><FilterRule><Name>prefix</Name><Value>a/</Value></FilterRule></S3Key></Filter></QueueConfiguration></NotificationConfiguration>`)
	f.Add(`<NotificationConfiguration/>`)
	f.Fuzz(func(t *testing.T, document string) {
		rules, err := parseRules([]byte(document), testRegion)
		if err != nil {
			return
		}
		// What was accepted survives its own answer.
		var out strings.Builder
		writeXML(&out, formatRules(rules))
		again, err := parseRules([]byte(out.String()), testRegion)
		if err != nil || len(again) != len(rules) {
			t.Fatalf("%q: %d rules, then %d, %v", document, len(rules), len(again), err)
		}
		for i, r := range rules {
			if _, ok := parseARN(r.Queue); !ok || len(r.Events) == 0 {
				t.Errorf("accepted %+v", r)
			}
			if diff := cmp.Diff(r, again[i]); diff != "" && !strings.Contains(out.String(), "\uFFFD") {
				t.Errorf("(-first +second):\n%s", diff)
			}
		}
	})
}

// TestWithdrawal fails a write that had its place in the outbox. It must not hold up those behind it.
func TestWithdrawal(t *testing.T) {
	q := newInbox(t)
	s := start(t, Config{QueueEndpoint: q.http.URL}).bucket()
	if err := s.notify(queueConfiguration("all", testQueue, "", "", "s3:ObjectCreated:*")); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	s.server.backend.disk.flush = func(*os.File) error { return syscall.ENOSPC }
	_, err := s.client.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String(testBucket), Key: aws.String("lost"), Body: strings.NewReader("x")})
	wantCode(t, "put on a full disk", err, "InternalError")
	s.server.backend.disk.flush = (*os.File).Sync
	s.put("stored", "x")
	flush(t, s)
	if diff := cmp.Diff([]string{"test", "stored"}, eventKeys(t, q.all())); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
