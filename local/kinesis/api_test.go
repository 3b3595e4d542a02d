package kinesis

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const firstShard = "shardId-000000000000"

func put(t testing.TB, c *kinesis.Client, stream string, keys ...string) []types.PutRecordsResultEntry {
	t.Helper()
	in := &kinesis.PutRecordsInput{StreamName: &stream}
	for _, key := range keys {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte("data of " + key)})
	}
	out, err := c.PutRecords(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out.Records
}

func shards(t testing.TB, c *kinesis.Client, stream string, filter *types.ShardFilter) []types.Shard {
	t.Helper()
	out, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: &stream, ShardFilter: filter})
	if err != nil {
		t.Fatal(err)
	}
	return out.Shards
}

// numbers lists the numbers of shards.
func numbers(shards []types.Shard) (list []int) {
	for _, s := range shards {
		n, _ := parseShardID(*s.ShardId)
		list = append(list, n)
	}
	return list
}

func TestStreams(t *testing.T) {
	ctx := t.Context()
	c := client(start(t, Config{Region: "eu-west-1", AccountID: "123456789012"}))
	for _, name := range []string{"..", "a", "b.c", "d-e"} {
		create(t, c, name, 1)
	}
	_, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("od"),
		StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}, Tags: map[string]string{"k": "v"}, MaxRecordSizeInKiB: aws.Int32(2048)})
	wantCode(t, err, "")
	var names []string
	pages := kinesis.NewListStreamsPaginator(c, &kinesis.ListStreamsInput{Limit: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.StreamSummaries {
			names = append(names, *s.StreamName)
		}
	}
	if got := strings.Join(names, " "); got != ".. a b.c d-e od" {
		t.Errorf("streams %s", got)
	}
	sum, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamARN: aws.String("arn:aws:kinesis:eu-west-1:123456789012:stream/od")})
	if err != nil {
		t.Fatal(err)
	}
	d := sum.StreamDescriptionSummary
	if *d.OpenShardCount != 4 || d.StreamModeDetails.StreamMode != "ON_DEMAND" || d.StreamStatus != "ACTIVE" ||
		*d.RetentionPeriodHours != 24 || *d.MaxRecordSizeInKiB != 2048 || time.Since(*d.StreamCreationTimestamp).Abs() > time.Minute {
		t.Errorf("summary %+v", d)
	}
	limits, err := c.DescribeLimits(ctx, &kinesis.DescribeLimitsInput{})
	if err != nil || *limits.OpenShardCount != 8 || *limits.OnDemandStreamCount != 1 {
		t.Errorf("limits %+v, %v", limits, err)
	}
	_, err = c.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String(".."), EnforceConsumerDeletion: aws.Bool(true)})
	wantCode(t, err, "")
	_, err = c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("..")})
	wantCode(t, err, "ResourceNotFoundException")
	if !strings.Contains(err.Error(), "Stream .. under account 123456789012 not found.") {
		t.Errorf("message %v", err)
	}
}

// A stream made anew under an old name is another stream: empty, with other sequence numbers and iterators.
func TestRecreate(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	c := client(s)
	create(t, c, "s", 1)
	old := put(t, c, "s", "a")[0]
	it := iterator(t, c, "s", firstShard)
	if _, err := c.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	create(t, c, "s", 1)
	if _, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it}); err == nil {
		t.Error("iterator of the deleted stream is served")
	}
	if fresh := put(t, c, "s", "a")[0]; *fresh.SequenceNumber <= *old.SequenceNumber {
		t.Errorf("sequence number %s after %s of the deleted stream", *fresh.SequenceNumber, *old.SequenceNumber)
	}
	s.Close()
	if records, _ := drain(t, client(start(t, Config{Dir: dir})), "s", firstShard); len(records) != 1 {
		t.Errorf("%d records", len(records))
	}
}

// Every wrong request is refused with the service's name for it.
func TestRefusals(t *testing.T) {
	ctx := t.Context()
	c := client(start(t, Config{}))
	create(t, c, "s", 2)
	s := aws.String("s")
	records := func(n, size int) []types.PutRecordsRequestEntry {
		return slices.Repeat([]types.PutRecordsRequestEntry{{PartitionKey: aws.String("k"), Data: make([]byte, size)}}, n)
	}
	number := *put(t, c, "s", "k")[0].SequenceNumber
	iter := func(in kinesis.GetShardIteratorInput) func() error {
		return func() error {
			in.StreamName, in.ShardId = s, aws.String(firstShard)
			_, err := c.GetShardIterator(ctx, &in)
			return err
		}
	}
	type I = kinesis.GetShardIteratorInput
	for name, test := range map[string]struct {
		code string
		call func() error
	}{
		"create twice": {"ResourceInUseException", func() error {
			_, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: s, ShardCount: aws.Int32(1)})
			return err
		}},
		"bad name": {"ValidationException", func() error {
			_, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("a/b"), ShardCount: aws.Int32(1)})
			return err
		}},
		"no shards": {"ValidationException", func() error {
			_, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("x"), ShardCount: aws.Int32(0)})
			return err
		}},
		"no stream named": {"InvalidArgumentException", func() error {
			_, err := c.DescribeStream(ctx, &kinesis.DescribeStreamInput{})
			return err
		}},
		"name and ARN differ": {"InvalidArgumentException", func() error {
			_, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("t"), StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s")})
			return err
		}},
		"other account": {"ResourceNotFoundException", func() error {
			_, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamARN: aws.String("arn:aws:kinesis:us-east-1:999999999999:stream/s")})
			return err
		}},
		"501 records": {"ValidationException", func() error {
			_, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: s, Records: records(501, 1)})
			return err
		}},
		"no records": {"ValidationException", func() error {
			_, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: s, Records: records(0, 1)})
			return err
		}},
		"record with key too large": {"ValidationException", func() error {
			_, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: s, Records: append(records(1, 10), records(1, 1<<20)...)})
			return err
		}},
		"call too large": {"InvalidArgumentException", func() error {
			_, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: s, Records: records(11, 1<<20-10)})
			return err
		}},
		"request too large": {"RequestEntityTooLargeException", func() error {
			_, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: s, Records: records(20, 1<<20-10)})
			return err
		}},
		"empty key": {"ValidationException", func() error {
			_, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: s, PartitionKey: aws.String(""), Data: []byte("x")})
			return err
		}},
		"long key": {"ValidationException", func() error {
			_, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: s, PartitionKey: aws.String(strings.Repeat("é", 257)), Data: []byte("x")})
			return err
		}},
		"hash key of 2^128": {"InvalidArgumentException", func() error {
			_, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: s, PartitionKey: aws.String("k"), Data: []byte("x"), ExplicitHashKey: aws.String("340282366920938463463374607431768211456")})
			return err
		}},
		"garbage to order after": {"ValidationException", func() error {
			_, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: s, PartitionKey: aws.String("k"), Data: []byte("x"), SequenceNumberForOrdering: aws.String("x1")})
			return err
		}},
		"put to a missing stream": {"ResourceNotFoundException", func() error {
			_, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("t"), Records: records(1, 1)})
			return err
		}},
		"iterator of no kind":   {"ValidationException", iter(I{ShardIteratorType: "MIDDLE"})},
		"iterator at garbage":   {"ValidationException", iter(I{ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: aws.String("abc")})},
		"iterator at 12":        {"InvalidArgumentException", iter(I{ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: aws.String("12")})},
		"iterator at no number": {"InvalidArgumentException", iter(I{ShardIteratorType: "AFTER_SEQUENCE_NUMBER"})},
		"iterator past the end": {"InvalidArgumentException", iter(I{ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: aws.String("9" + number[1:])})},
		"iterator at no time":   {"InvalidArgumentException", iter(I{ShardIteratorType: "AT_TIMESTAMP"})},
		"iterator in future":    {"InvalidArgumentException", iter(I{ShardIteratorType: "AT_TIMESTAMP", Timestamp: aws.Time(time.Now().Add(time.Hour))})},
		"iterator of a missing shard": {"ResourceNotFoundException", func() error {
			_, err := c.GetShardIterator(ctx, &I{StreamName: s, ShardId: aws.String("shardId-000000000007"), ShardIteratorType: "LATEST"})
			return err
		}},
		"made-up iterator": {"InvalidArgumentException", func() error {
			_, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String("AAAA")})
			return err
		}},
		"changed iterator": {"InvalidArgumentException", func() error {
			it := []byte(*iterator(t, c, "s", firstShard))
			it[len(it)/2] ^= 1
			_, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String(string(it))})
			return err
		}},
		"limit of 10,001": {"ValidationException", func() error {
			_, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String("AAAA"), Limit: aws.Int32(10_001)})
			return err
		}},
		"paging token as iterator": {"InvalidArgumentException", func() error {
			out, err := c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: s, MaxResults: aws.Int32(1)})
			if err != nil {
				return err
			}
			_, err = c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: out.NextToken})
			return err
		}},
		"token and name": {"InvalidArgumentException", func() error {
			_, err := c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: s, NextToken: aws.String("AAAA")})
			return err
		}},
		"filter of no kind": {"ValidationException", func() error {
			_, err := c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: s, ShardFilter: &types.ShardFilter{Type: "SOME"}})
			return err
		}},
		"retention too short": {"InvalidArgumentException", func() error {
			_, err := c.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: s, RetentionPeriodHours: aws.Int32(23)})
			return err
		}},
		"decrease to more": {"InvalidArgumentException", func() error {
			_, err := c.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: s, RetentionPeriodHours: aws.Int32(25)})
			return err
		}},
		"split outside": {"InvalidArgumentException", func() error {
			_, err := c.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: s, ShardToSplit: aws.String(firstShard), NewStartingHashKey: aws.String("0")})
			return err
		}},
		"merge with itself": {"InvalidArgumentException", func() error {
			_, err := c.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: s, ShardToMerge: aws.String(firstShard), AdjacentShardToMerge: aws.String(firstShard)})
			return err
		}},
		"more than double": {"LimitExceededException", func() error {
			_, err := c.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{StreamName: s, TargetShardCount: aws.Int32(5), ScalingType: "UNIFORM_SCALING"})
			return err
		}},
		"tag without key": {"ValidationException", func() error {
			_, err := c.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: s, Tags: map[string]string{"": "v"}})
			return err
		}},
		"subscription of nobody": {"ResourceNotFoundException", func() error {
			_, err := c.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
				ConsumerARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/x:1"), ShardId: aws.String(firstShard),
				StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
			})
			return err
		}},
		"consumer without a name": {"ValidationException", func() error {
			_, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
				ConsumerName: aws.String("a/b"), StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s"),
			})
			return err
		}},
		"encryption without a key": {"ValidationException", func() error {
			_, err := c.StartStreamEncryption(ctx, &kinesis.StartStreamEncryptionInput{StreamName: s, EncryptionType: "NONE", KeyId: s})
			return err
		}},
		"split at the second key": {"InvalidArgumentException", func() error {
			_, err := c.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: s, ShardToSplit: aws.String(firstShard), NewStartingHashKey: aws.String("1")})
			return err
		}},
		"retention too long": {"InvalidArgumentException", func() error {
			_, err := c.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: s, RetentionPeriodHours: aws.Int32(8761)})
			return err
		}},
		"a number to begin at LATEST": {"InvalidArgumentException", func() error {
			_, err := c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: s, ShardId: aws.String(firstShard), ShardIteratorType: types.ShardIteratorTypeLatest, StartingSequenceNumber: aws.String("0")})
			return err
		}},
		"to order after a foreign number": {"InvalidArgumentException", func() error {
			_, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: s, PartitionKey: aws.String("k"), Data: []byte("x"), SequenceNumberForOrdering: aws.String("49590338271490256608559692538361571095921575989136588898")})
			return err
		}},
		"reserved tag": {"InvalidArgumentException", func() error {
			_, err := c.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: s, Tags: map[string]string{"aws:x": "y"}})
			return err
		}},
		"tag of odd characters": {"InvalidArgumentException", func() error {
			_, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s"), ConsumerName: s, Tags: map[string]string{"a*b": "y"}})
			return err
		}},
		"no policy": {"ResourceNotFoundException", func() error {
			_, err := c.GetResourcePolicy(ctx, &kinesis.GetResourcePolicyInput{ResourceARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s")})
			return err
		}},
		"dry run": {"InvalidArgumentException", func() error {
			_, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: s, Records: records(1, 1), DryRun: aws.Bool(true)})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, test.call(), test.code) })
	}
	if stored, _ := drain(t, c, "s", *put(t, c, "s", "k")[0].ShardId); len(stored) != 2 {
		t.Errorf("%d records stored, refused ones among them", len(stored))
	}
}

// Requests that no SDK would send.
func TestRawRequests(t *testing.T) {
	s := start(t, Config{})
	create(t, client(s), "s", 1)
	const signed = "AWS4-HMAC-SHA256 Credential=x"
	for name, test := range map[string]struct {
		method, target, auth, contentType, origin, body string
		status                                          int
		code                                            string
	}{
		"unsigned":      {"POST", "ListStreams", "", "", "", "{}", 400, "MissingAuthenticationTokenException"},
		"GET":           {"GET", "ListStreams", signed, "", "", "", 400, "UnknownOperationException"},
		"no target":     {"POST", "", signed, "", "", "{}", 400, "UnknownOperationException"},
		"unknown":       {"POST", "Subscribe\"", signed, "", "", "{}", 400, "UnknownOperationException"},
		"CBOR":          {"POST", "ListStreams", signed, cborType, "", "\xa0", 200, ""},
		"web page":      {"POST", "ListStreams", signed, "", "http://evil.example", "{}", 400, "AccessDeniedException"},
		"not JSON":      {"POST", "ListStreams", signed, "", "", "{", 400, "SerializationException"},
		"wrong type":    {"POST", "ListStreams", signed, "", "", `{"Limit":"secret-payload"}`, 400, "SerializationException"},
		"put not JSON":  {"POST", "PutRecords", signed, "", "", `{"Records":[{]}`, 400, "SerializationException"},
		"put no base64": {"POST", "PutRecords", signed, "", "", `{"StreamName":"s","Records":[{"PartitionKey":"k","Data":"secret-payload"}]}`, 400, "SerializationException"},
		"put no data":   {"POST", "PutRecords", signed, "", "", `{"StreamName":"s","Records":[{"PartitionKey":"k"}]}`, 400, "ValidationException"},
		"half a pair":   {"POST", "PutRecord", signed, "", "", `{"StreamName":"s","PartitionKey":"\ud800","Data":"YQ=="}`, 400, "SerializationException"},
		"not UTF-8":     {"POST", "PutRecord", signed, "", "", "{\"StreamName\":\"s\",\"PartitionKey\":\"\xff\",\"Data\":\"YQ==\"}", 400, "ValidationException"},
		"escapes":       {"POST", "PutRecord", signed, "", "", `{"StreamName":"s","PartitionKey":"\ud83d\ude00\"\u0001","Data":"YW\u0045=","ExplicitHashKey":null,"Other":[1,{"a":null}]}`, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, "/", strings.NewReader(test.body))
			for header, value := range map[string]string{"X-Amz-Target": targetPrefix + test.target, "Authorization": test.auth, "Content-Type": test.contentType, "Origin": test.origin} {
				if value != "" {
					r.Header.Set(header, value)
				}
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != test.status || (test.code != "" && !strings.Contains(w.Body.String(), `"__type":"`+test.code+`"`)) {
				t.Errorf("status %d, body %s", w.Code, w.Body)
			}
			if strings.Contains(w.Body.String(), "secret-payload") {
				t.Errorf("answer repeats the payload: %s", w.Body)
			}
		})
	}
	records, _ := drain(t, client(s), "s", firstShard)
	if len(records) != 1 || *records[0].PartitionKey != "😀\"\x01" || string(records[0].Data) != "aa" {
		t.Errorf("stored %+v", records)
	}
	s.Close()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("POST", "/", http.NoBody))
	if w.Code != 503 {
		t.Errorf("status %d after Close", w.Code)
	}
}

// nextMillisecond waits until the clock shows another millisecond.
func nextMillisecond() time.Time {
	for before := time.Now().UnixMilli(); ; time.Sleep(100 * time.Microsecond) {
		if now := time.Now(); now.UnixMilli() > before {
			return now
		}
	}
}

func TestIterators(t *testing.T) {
	ctx := t.Context()
	c := client(start(t, Config{Unlimited: true}))
	create(t, c, "s", 1)
	put(t, c, "s", "0", "1", "2")
	middle := nextMillisecond()
	results := put(t, c, "s", "3", "4")
	end := nextMillisecond()
	get := func(in kinesis.GetShardIteratorInput, limit int32) string {
		t.Helper()
		in.StreamName, in.ShardId = aws.String("s"), aws.String(firstShard)
		it, err := c.GetShardIterator(ctx, &in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator, Limit: &limit})
		if err != nil {
			t.Fatal(err)
		}
		keys := ""
		for _, r := range out.Records {
			keys += *r.PartitionKey
		}
		if atTip := strings.HasSuffix(keys, "4") || keys == ""; atTip != (*out.MillisBehindLatest == 0) {
			t.Errorf("read %q, %d ms behind", keys, *out.MillisBehindLatest)
		}
		return keys
	}
	fourth := results[0].SequenceNumber
	below := aws.String((*fourth)[:50] + "000000") // between the third record and the fourth
	above := aws.String((*fourth)[:50] + "999999")
	type I = kinesis.GetShardIteratorInput
	for _, test := range []struct {
		in   I
		want string
	}{
		{I{ShardIteratorType: "TRIM_HORIZON"}, "01234"},
		{I{ShardIteratorType: "LATEST"}, ""},
		{I{ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: fourth}, "34"},
		{I{ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: fourth}, "4"},
		{I{ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: results[1].SequenceNumber}, ""},
		{I{ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: below}, "34"},
		{I{ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: below}, "34"},
		{I{ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: above}, "4"},
		{I{ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: above}, "4"},
		{I{ShardIteratorType: "AT_TIMESTAMP", Timestamp: aws.Time(middle)}, "34"},
		{I{ShardIteratorType: "AT_TIMESTAMP", Timestamp: aws.Time(time.Unix(0, 0))}, "01234"},
		{I{ShardIteratorType: "AT_TIMESTAMP", Timestamp: aws.Time(end)}, ""},
	} {
		if got := get(test.in, 10_000); got != test.want {
			t.Errorf("%s %s: %q, want %q", test.in.ShardIteratorType, aws.ToString(test.in.StartingSequenceNumber), got, test.want)
		}
	}
	if got := get(I{ShardIteratorType: "TRIM_HORIZON"}, 2); got != "01" {
		t.Errorf("limit 2: %q", got)
	}
}

func TestSettings(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	c := client(s)
	create(t, c, "s", 1)
	name, arn := aws.String("s"), aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s")
	for _, call := range []func() error{
		func() error {
			_, err := c.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: aws.Int32(8760)})
			return err
		},
		func() error {
			_, err := c.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamARN: arn, RetentionPeriodHours: aws.Int32(48)})
			return err
		},
		func() error {
			_, err := c.UpdateMaxRecordSize(ctx, &kinesis.UpdateMaxRecordSizeInput{StreamARN: arn, MaxRecordSizeInKiB: aws.Int32(10_240)})
			return err
		},
		func() error {
			_, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String("k"), Data: make([]byte, 10<<20-1)})
			return err
		},
		func() error {
			_, err := c.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: name, Tags: map[string]string{"a": "1", "b": "2"}})
			return err
		},
		func() error {
			_, err := c.TagResource(ctx, &kinesis.TagResourceInput{ResourceARN: arn, Tags: map[string]string{"a": "3", "c": "", "d": "4"}})
			return err
		},
		func() error {
			_, err := c.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{StreamName: name, TagKeys: []string{"b"}})
			return err
		},
		func() error {
			_, err := c.UntagResource(ctx, &kinesis.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"d", "x"}})
			return err
		},
		func() error {
			_, err := c.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{StreamARN: arn, StreamModeDetails: &types.StreamModeDetails{StreamMode: "ON_DEMAND"}})
			return err
		},
	} {
		wantCode(t, call(), "")
	}
	s.Close()
	c = client(start(t, Config{Dir: dir}))
	d, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
	if err != nil {
		t.Fatal(err)
	}
	if d := d.StreamDescriptionSummary; *d.RetentionPeriodHours != 48 || *d.MaxRecordSizeInKiB != 10_240 || d.StreamModeDetails.StreamMode != "ON_DEMAND" {
		t.Errorf("after restart %+v", d)
	}
	tags, err := c.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{StreamName: name, Limit: aws.Int32(1)})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Value != "3" || !*tags.HasMoreTags {
		t.Errorf("tags %+v, %v", tags, err)
	}
	all, err := c.ListTagsForResource(ctx, &kinesis.ListTagsForResourceInput{ResourceARN: arn})
	if err != nil || len(all.Tags) != 2 {
		t.Errorf("tags %+v, %v", all, err)
	}
	records, _ := drain(t, c, "s", firstShard)
	if len(records) != 1 || len(records[0].Data) != 10<<20-1 {
		t.Errorf("%d records", len(records))
	}
}

// A second server on the same folder would mix up the logs.
func TestFolderIsLocked(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	if _, err := Open(Config{Dir: dir}); err == nil {
		t.Fatal("two servers on one folder")
	}
	s.Close()
	start(t, Config{Dir: dir})
}

func TestPaging(t *testing.T) {
	ctx := t.Context()
	c := client(start(t, Config{}))
	create(t, c, "s", 7)
	var got []string
	in := &kinesis.ListShardsInput{StreamName: aws.String("s"), MaxResults: aws.Int32(3), ExclusiveStartShardId: aws.String(firstShard)}
	for {
		out, err := c.ListShards(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range out.Shards {
			got = append(got, *s.ShardId)
		}
		if out.NextToken == nil {
			break
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken, MaxResults: aws.Int32(2)}
	}
	var want []string
	for i := 1; i < 7; i++ {
		want = append(want, fmt.Sprintf("shardId-%012d", i))
	}
	if !slices.Equal(got, want) {
		t.Errorf("shards %v", got)
	}
	out, err := c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("s"), Limit: aws.Int32(2), ExclusiveStartShardId: &want[4]})
	if err != nil || len(out.StreamDescription.Shards) != 1 || *out.StreamDescription.HasMoreShards {
		t.Errorf("described %+v, %v", out, err)
	}
}

// A record goes to the shard whose range holds the MD5 of its key, in streams of one shard and of more.
func TestRouting(t *testing.T) {
	c := client(start(t, Config{Unlimited: true}))
	for n := int32(1); n <= 4; n++ {
		name := "of-" + strconv.Itoa(int(n))
		create(t, c, name, n)
		var keys []string
		for i := range 50 {
			keys = append(keys, "key "+strconv.Itoa(i))
		}
		for i, r := range put(t, c, name, keys...) {
			sum := md5.Sum([]byte(keys[i]))
			want := shardID(int(uint64(binary.BigEndian.Uint32(sum[:])) * uint64(n) >> 32)) // no key lies close to a border
			if *r.ShardId != want {
				t.Errorf("%d shards: %q went to %s, want %s", n, keys[i], *r.ShardId, want)
			}
		}
	}
}
