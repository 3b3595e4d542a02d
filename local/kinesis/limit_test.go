package kinesis

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// inBubble runs f with a server whose clock is simulated.
func inBubble(t *testing.T, f func(t *testing.T, s *Server, c *kinesis.Client)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		f(t, s, client(s))
	})
}

// putSome puts n records of some bytes, with their key, and returns how many were refused.
func putSome(t *testing.T, c *kinesis.Client, n, bytes int) int {
	t.Helper()
	out, err := c.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"),
		Records: slices.Repeat([]types.PutRecordsRequestEntry{{PartitionKey: aws.String("k"), Data: make([]byte, bytes-1)}}, n)})
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, r := range out.Records {
		if r.ErrorCode == nil {
			if refused > 0 {
				t.Error("record stored behind a refused one of the same size")
			}
			continue
		}
		refused++
		if *r.ErrorCode != "ProvisionedThroughputExceededException" ||
			*r.ErrorMessage != "Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000." || r.SequenceNumber != nil {
			t.Fatalf("refused with %+v", r)
		}
	}
	if int(*out.FailedRecordCount) != refused {
		t.Errorf("FailedRecordCount %d, %d refused", *out.FailedRecordCount, refused)
	}
	return refused
}

func TestRecordsPerSecond(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, c *kinesis.Client) {
		create(t, c, "s", 1)
		for i, want := range []int{0, 0, 500} {
			if refused := putSome(t, c, 500, 10); refused != want {
				t.Errorf("call %d: %d refused, want %d", i, refused, want)
			}
		}
		time.Sleep(100 * time.Millisecond)
		if refused := putSome(t, c, 500, 10); refused != 400 {
			t.Errorf("after 0.1 s: %d refused", refused)
		}
		_, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"), Data: []byte{}})
		wantCode(t, err, "ProvisionedThroughputExceededException")
		time.Sleep(time.Hour)
		if refused := putSome(t, c, 500, 10) + putSome(t, c, 500, 10) + putSome(t, c, 500, 10); refused != 500 {
			t.Errorf("an hour saved up more than a second's worth: %d refused", refused)
		}
		if counts, err := s.Accepted("s"); err != nil || counts[firstShard] != 2100 {
			t.Errorf("accepted %v, %v", counts, err)
		}
	})
}

func TestBytesPerSecond(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, c *kinesis.Client) {
		create(t, c, "s", 1)
		if refused := putSome(t, c, 9, 128<<10); refused != 1 {
			t.Errorf("%d of 9 refused", refused)
		}
		time.Sleep(500 * time.Millisecond)
		if refused := putSome(t, c, 9, 128<<10); refused != 5 {
			t.Errorf("%d of 9 refused", refused)
		}
		time.Sleep(time.Second)
		if refused := putSome(t, c, 1, 1<<20); refused != 0 {
			t.Error("a record of 1 MiB does not fit into a full second")
		}
	})
}

// A record above 1 MiB waits for a whole second's worth and is paid off afterwards.
func TestLargeRecordIsPaidOff(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, c *kinesis.Client) {
		create(t, c, "s", 1)
		_, err := c.UpdateMaxRecordSize(t.Context(), &kinesis.UpdateMaxRecordSizeInput{
			StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s"), MaxRecordSizeInKiB: aws.Int32(10_240)})
		wantCode(t, err, "")
		if putSome(t, c, 1, 10<<20) != 0 || putSome(t, c, 1, 10) != 1 {
			t.Error("10 MiB do not use up the shard")
		}
		time.Sleep(8900 * time.Millisecond)
		if putSome(t, c, 1, 10) != 1 {
			t.Error("10 MiB were paid off too early")
		}
		time.Sleep(200 * time.Millisecond)
		if putSome(t, c, 1, 10) != 0 {
			t.Error("10 MiB were not paid off in time")
		}
	})
}

func TestReadsPerSecond(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, c *kinesis.Client) {
		create(t, c, "s", 1)
		it := iterator(t, c, "s", firstShard)
		read := func() error {
			_, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
			return err
		}
		for range 5 {
			wantCode(t, read(), "")
		}
		wantCode(t, read(), "ProvisionedThroughputExceededException")
		time.Sleep(200 * time.Millisecond)
		wantCode(t, read(), "")
		wantCode(t, read(), "ProvisionedThroughputExceededException")
		for range 5 { // one came back meanwhile
			iterator(t, c, "s", firstShard)
		}
		_, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: aws.String(firstShard), ShardIteratorType: "LATEST"})
		wantCode(t, err, "ProvisionedThroughputExceededException")
		if err != nil && !strings.Contains(err.Error(), firstShard) {
			t.Errorf("error does not name the shard: %v", err)
		}
	})
}

// A reply is cut at 10 MiB and then keeps the shard shut for five seconds.
func TestBytesOut(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, c *kinesis.Client) {
		create(t, c, "s", 1)
		for range 12 {
			if putSome(t, c, 1, 1<<20) != 0 {
				t.Fatal("refused")
			}
			time.Sleep(time.Second)
		}
		it := iterator(t, c, "s", firstShard)
		out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		if err != nil || len(out.Records) != 10 || *out.MillisBehindLatest < 1000 {
			t.Fatalf("%d records, %v", len(out.Records), err)
		}
		time.Sleep(4900 * time.Millisecond)
		_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: out.NextShardIterator})
		wantCode(t, err, "ProvisionedThroughputExceededException")
		time.Sleep(200 * time.Millisecond)
		out, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: out.NextShardIterator})
		if err != nil || len(out.Records) != 2 || *out.MillisBehindLatest != 0 {
			t.Errorf("%+v, %v", out, err)
		}
	})
}

// F07, F08: iterators last five minutes, also over a restart; records last as long as retention says and count on.
func TestExpiry(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		c := client(s)
		create(t, c, "s", 1)
		putSome(t, c, 10, 100)
		it := iterator(t, c, "s", firstShard)
		page, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("s"), MaxResults: aws.Int32(1)})
		wantCode(t, err, "")
		time.Sleep(tokenLife - time.Second)
		s.Close()
		if s, err = Open(Config{Dir: dir}); err != nil {
			t.Fatal(err)
		}
		defer func() { s.Close() }()
		c = client(s)
		_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		wantCode(t, err, "")
		time.Sleep(2 * time.Second)
		_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		wantCode(t, err, "ExpiredIteratorException")
		if page.NextToken != nil {
			t.Error("one shard needs no second page")
		}

		time.Sleep(12 * time.Hour)
		putSome(t, c, 5, 100)
		time.Sleep(12*time.Hour - 4*time.Minute)
		if records, _ := drain(t, c, "s", firstShard); len(records) != 5 {
			t.Errorf("%d records after 24 hours", len(records))
		}
		time.Sleep(13 * time.Hour)
		if records, _ := drain(t, c, "s", firstShard); len(records) != 0 {
			t.Errorf("%d records after 37 hours", len(records))
		}
		if counts, err := s.Accepted("s"); err != nil || counts[firstShard] != 15 {
			t.Errorf("accepted %v, %v", counts, err)
		}
		if start := s.streams["s"].shards[0].log.Start(); start != 10 {
			t.Errorf("log starts with record %d: the first segment is still there", start)
		}
	})
}
