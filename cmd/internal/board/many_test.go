package board

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskinesis "github.com/aws/aws-sdk-go-v2/service/kinesis"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/dashboard"
	"github.com/snowstream/snowstream/local/kinesis"
	"github.com/snowstream/snowstream/local/s3"
	"github.com/snowstream/snowstream/record/rawzone"
)

const (
	thousand   = 1000
	splitShard = "shardId-000000000000"
)

// many is a stream of a thousand shards that have all landed something, and one more pair behind a split one, with a count of what
// its two services were asked.
type many struct {
	place     stack.Settings
	s3, asked atomic.Int64
}

func openMany(t *testing.T) *many {
	t.Helper()
	if testing.Short() {
		t.Skip("not run: -short leaves out a thousand shards")
	}
	m := &many{}
	serve := func(s interface {
		http.Handler
		Close() error
	}, err error, count *atomic.Int64) string {
		if err != nil {
			t.Fatal(err)
		}
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			count.Add(1)
			s.ServeHTTP(w, r)
		}))
		t.Cleanup(func() { front.Close(); _ = s.Close() })
		return front.URL
	}
	dir := t.TempDir()
	k, err := kinesis.Open(kinesis.Config{Dir: filepath.Join(dir, "kinesis"), Region: stack.Region, AccountID: stack.AccountID})
	m.place = stack.Settings{Region: stack.Region, Stream: stack.Stream, Bucket: stack.Bucket, Kinesis: serve(k, err, &m.asked)}
	bucket, err := s3.Open(s3.Config{Dir: filepath.Join(dir, "s3"), Region: stack.Region, AccountID: stack.AccountID})
	m.place.S3 = serve(bucket, err, &m.s3)
	if _, err := m.place.S3Client().CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String(stack.Bucket)}); err != nil {
		t.Fatal(err)
	}
	m.fill(t)
	return m
}

func (m *many) chain(shard string) rawzone.Chain {
	return rawzone.Chain{Stream: stack.Stream, Generation: "g0000000abcdefgh", Shard: shard}
}

// fill makes the stream, splits its first shard, and writes the ledgers.
func (m *many) fill(t *testing.T) {
	t.Helper()
	ctx, api := t.Context(), m.place.KinesisClient()
	if _, err := api.CreateStream(ctx, &awskinesis.CreateStreamInput{StreamName: &m.place.Stream, ShardCount: aws.Int32(thousand)}); err != nil {
		t.Fatal(err)
	}
	_, err := api.SplitShard(ctx, &awskinesis.SplitShardInput{
		StreamName: &m.place.Stream, ShardToSplit: aws.String(splitShard), NewStartingHashKey: aws.String("100000"),
	})
	if err != nil {
		t.Fatal(err)
	}
	shards, err := m.place.Reader().Shards(ctx)
	if err != nil || len(shards) != thousand+2 {
		t.Fatalf("%d shards, %v", len(shards), err)
	}
	r := rawzone.Registry{Stream: stack.Stream, Generations: []rawzone.Generation{{ID: m.chain("").Generation, BornAt: time.Now()}}}
	m.put(t, rawzone.RegistryKey(stack.Stream), r.Encode())
	var group errgroup.Group
	group.SetLimit(32)
	for _, s := range shards {
		group.Go(func() error {
			l := rawzone.Start(m.chain(s.ID))
			l.Ordinal, l.Records, l.Objects, l.UpdatedAt = l.Ordinal+10, 10, 1, time.Now()
			l.Object = rawzone.Rows + "sensor-1/" + s.ID
			m.put(t, m.chain(s.ID).LedgerKey(), l.Encode())
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (m *many) put(t *testing.T, key string, text []byte) {
	t.Helper()
	if err := m.place.Lake().Note(context.Background(), key, text); err != nil {
		t.Error(err)
	}
}

// retire seals the shard that was split to its end.
func (m *many) retire(t *testing.T) {
	t.Helper()
	origins, err := m.place.Origins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := m.chain(splitShard)
	seal := rawzone.Seal{
		Generation: c.Generation, Shard: c.Shard, First: 1, Begin: 1, Object: "o", Sequence: "1", Objects: 1, Records: 10,
		At: time.Now(), By: "test", Retired: true, LedgerAt: origins[splitShard].Written[c],
	}
	if seal, err = seal.Add(10, 10, "55", "1"); err != nil {
		t.Fatal(err)
	}
	m.put(t, rawzone.SealsKey(stack.Stream), rawzone.Seals{Stream: stack.Stream}.With(seal).Encode())
}

// counted is how many requests S3 and the stream got while f ran.
func (m *many) counted(f func()) (bucket, stream int64) {
	m.s3.Store(0)
	m.asked.Store(0)
	f()
	return m.s3.Load(), m.asked.Load()
}

// TestManyShards: of a thousand shards, status and the page's audit ask each ledger once and each shard's lag once, a look at the
// page asks some of them, and a retired shard is not asked at all, counts in the sums and is no line.
func TestManyShards(t *testing.T) {
	m := openMany(t)
	m.retire(t)
	ctx := t.Context()
	began := time.Now()
	bucket, stream := m.counted(func() {
		expected, err := m.place.Landed(ctx)
		if err != nil || len(expected) != thousand+2 || !expected[splitShard].Retired {
			t.Fatalf("%d shards, %+v, %v", len(expected), expected[splitShard], err)
		}
		if lags, err := m.place.Lags(ctx, expected); err != nil || len(lags) != thousand+1 {
			t.Fatalf("%d lags, %v", len(lags), err)
		}
	})
	t.Logf("status: %d requests to S3, %d to the stream, %s", bucket, stream, time.Since(began).Round(time.Millisecond))
	if bucket > 2*thousand+20 || stream > 4*thousand+20 { // a ledger and its late rejections
		t.Errorf("status: %d requests to S3, %d to the stream", bucket, stream)
	}
	s := &Source{place: m.place, ledgers: newLedgers(m.place.Lake(), stack.Stream), rejects: newRejects(m.place.Lake(), stack.Stream)}
	o := newOutside(m.place)
	var look dashboard.Look
	var most int64
	for n := range 5 {
		bucket, stream := m.counted(func() {
			err := s.ledgers.retire(ctx, m.place)
			found, failed := o.count(ctx, s.ledgers)
			if err == nil {
				err = s.ledgers.read(ctx, found.shards)
			}
			if err == nil {
				err = s.rejects.read(ctx, s.ledgers)
			}
			if err != nil || failed != nil {
				t.Fatal(err, failed)
			}
			look = dashboard.Look{}
			s.sum(&look, found.shards)
		})
		if most = max(most, bucket+stream); bucket > 2*ledgersPerLook+10 || stream > 4*lagsPerLook+4 {
			t.Errorf("look %d: %d requests to S3, %d to the stream", n, bucket, stream)
		}
	}
	t.Logf("a look at the page: at most %d requests", most)
	if look.Retired != 1 || len(look.Shards) != thousand+1 || look.Landed != 10*(5*ledgersPerLook+1) {
		t.Errorf("%d retired of %d shards, %d landed", look.Retired, len(look.Shards), look.Landed)
	}
	if known := s.ledgers.of(splitShard); known.Ordinal != 10 {
		t.Errorf("the retired shard's ledger: %+v", known)
	}
	m.put(t, m.chain(splitShard).LedgerKey(), rawzone.Start(m.chain(splitShard)).Encode()) // it was written again: no seal speaks for it
	s.ledgers.asked = time.Time{}
	if err := s.ledgers.retire(ctx, m.place); err != nil || s.ledgers.retired(splitShard) {
		t.Errorf("a ledger that moved on is still retired, %v", err)
	}
}
