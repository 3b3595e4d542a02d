package e2e

import (
	"context"
	"flag"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/snowstream/snowstream/internal/long"
)

var (
	chaos = flag.Duration("chaos", 3*time.Second, "how long each of the TestChaos tests makes trouble")
	seed  = flag.Uint64("seed", 0, "the seed of the TestChaos tests; 0 takes a new one")
)

// chance is the test's source of randomness. Processes and networks have a will of their own, so a seed repeats the
// test's decisions and not what comes of them.
func chance(t *testing.T) *rand.Rand {
	t.Helper()
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: go test ./e2e -run %s -seed %d", s, t.Name(), s)
	return rand.New(rand.NewPCG(s, 1))
}

// pause waits for a random time below the limit: the moment of what follows is what is random.
func pause(random *rand.Rand, limit time.Duration) {
	time.Sleep(time.Duration(random.Int64N(int64(limit))))
}

// quiet starts a stack whose own generator makes almost nothing, so that all records are a feed's.
func quiet(t *testing.T, dir string, args ...string) (*local, outside) {
	t.Helper()
	l := start(t, dir, append([]string{"--rate", "0.001", "--batch-window", "1s", "--batch-size", "20"}, args...)...)
	return l, join(t, l.ready(t, dir))
}

// TestChaosKill kills function processes with SIGKILL at random moments under load, up to ten for each of -kills, and
// then the whole stack, which starts again on the same folder.
func TestChaosKill(t *testing.T) {
	long.Test(t)
	for _, path := range rowPaths {
		t.Run(path, func(t *testing.T) { testChaosKill(t, path) })
	}
}

func testChaosKill(t *testing.T, path string) {
	random, dir, f := chance(t), t.TempDir(), &feed{}
	killed := map[string]int{}
	args := by(path)
	if path == "snowpipe wait" { // each batch waits most of a second for its commit: of 20 records the feed would be far ahead of them
		args = append(args, "--batch-size", "100")
	}
	for range *kills {
		l, o := quiet(t, dir, args...)
		f.during(t, o.kinesis, o.Stream, func() {
			for range 10 {
				pause(random, 300*time.Millisecond)
				if name := killOne(t, random, l.Process.Pid); name != "" {
					killed[name]++
				}
			}
			pause(random, 500*time.Millisecond)
			left := children(t, l.Process.Pid)
			l.Process.Kill()
			l.Wait()
			killed["stack"]++
			orphans(t, left)
		})
	}
	l, o := quiet(t, dir, args...)
	o.check(t, f, dir)
	l.stop(t).complete(t)
	t.Logf("killed %v", killed)
	if killed["orchestrator"] == 0 || killed["upsert"] == 0 {
		t.Error("no process of one of the functions was ever killed")
	}
}

// TestChaosStop lets a process of each function stand still past its time-out, and go on: whoever waits for it has given up by
// then, its connections are dead, and another one has taken its place.
func TestChaosStop(t *testing.T) {
	long.Test(t)
	for _, path := range rowPaths {
		t.Run(path, func(t *testing.T) { testChaosStop(t, path) })
	}
}

func testChaosStop(t *testing.T, path string) {
	dir, f := t.TempDir(), &feed{}
	l, o := quiet(t, dir, append(by(path), "--batch-size", "1000", "--commit-tick", "100ms")...) // a batch that waits for its commit takes a tick
	stopped := map[string]int{}
	f.during(t, o.kinesis, o.Stream, func() {
		o.until(t, 100, "SELECT LEAST(COUNT(*), 100) FROM "+bothTables[1])
		for pid, name := range children(t, l.Process.Pid) {
			if stopped[name] == 0 && syscall.Kill(pid, syscall.SIGSTOP) == nil {
				stopped[name] = pid
			}
		}
		time.Sleep(functionTimeout + 5*time.Second)
		for _, pid := range stopped {
			if p, _ := parentOf(pid); p == l.Process.Pid { // else the host has killed it, as it does at the time-out
				_ = syscall.Kill(pid, syscall.SIGCONT)
			}
		}
		time.Sleep(time.Second)
	})
	o.check(t, f, dir)
	l.stop(t).complete(t)
	t.Logf("stopped %v", stopped)
	if stopped["orchestrator"] == 0 || stopped["upsert"] == 0 {
		t.Error("no process of one of the functions was ever stopped")
	}
}

// functionTimeout is that of both functions of the local stack.
const functionTimeout = time.Minute

// feedClient is a producer's client, which meets the same faults.
func (r *rig) feedClient() *kinesis.Client {
	return kinesis.New(kinesis.Options{
		BaseEndpoint: aws.String(r.via("kinesis")), Region: r.Region, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
}

// TestChaosServices makes the services answer 5xx, reset, hang, lose answers, and take requests twice, torn or late:
// one fault after the other at all services, then all of them mixed, and at last each service is out of reach for a
// while.
func TestChaosServices(t *testing.T) {
	long.Test(t)
	random := chance(t)
	r, f := newRig(t, random), &feed{}
	f.during(t, r.feedClient(), r.Stream, func() {
		r.until(t, 100, "SELECT LEAST(COUNT(*), 100) FROM "+bothTables[1])
		kinds := all()
		random.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		for _, kind := range kinds {
			r.trouble(0.3, kind)
			time.Sleep(*chaos / 8)
		}
		r.trouble(0.1, kinds...)
		time.Sleep(*chaos / 2)
		for _, name := range slices.Sorted(maps.Keys(r.proxies)) {
			r.proxies[name].trouble(1, outage...)
			time.Sleep(*chaos / 8)
			r.proxies[name].trouble(0.1, kinds...)
		}
	})
	r.trouble(0)
	for _, p := range r.proxies {
		t.Log(p)
	}
	r.check(t, f, r.dir)
}

// TestChaosReshard splits and merges shards under load.
func TestChaosReshard(t *testing.T) {
	long.Test(t)
	random, dir, f := chance(t), t.TempDir(), &feed{}
	l, o := quiet(t, dir, "--shards", "2")
	splits, merges := 0, 0
	f.during(t, o.kinesis, o.Stream, func() {
		for over := time.Now().Add(*chaos); time.Now().Before(over); pause(random, time.Second) {
			open := o.openShards(t)
			i := random.IntN(len(open))
			if splits <= merges {
				o.split(t, open[i])
				splits++
			} else {
				i = min(i, len(open)-2) // the last one has no neighbour behind it
				o.merge(t, open[i], open[i+1])
				merges++
			}
		}
	})
	o.check(t, f, dir)
	l.stop(t).complete(t)
	t.Logf("%d splits, %d merges", splits, merges)
	if splits == 0 || merges == 0 {
		t.Error("the stream was not resharded both ways")
	}
}

// openShards are the shards that take records, by their hash keys, once the stream has come to rest.
func (o outside) openShards(t *testing.T) (open []types.Shard) {
	t.Helper()
	for {
		out, err := o.kinesis.DescribeStream(t.Context(), &kinesis.DescribeStreamInput{StreamName: &o.Stream})
		if err != nil {
			t.Fatal(err)
		}
		if out.StreamDescription.StreamStatus != types.StreamStatusActive {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		for _, s := range out.StreamDescription.Shards {
			if s.SequenceNumberRange.EndingSequenceNumber == nil {
				open = append(open, s)
			}
		}
		slices.SortFunc(open, func(a, b types.Shard) int {
			return number(a.HashKeyRange.StartingHashKey).Cmp(number(b.HashKeyRange.StartingHashKey))
		})
		return open
	}
}

func number(text *string) *big.Int {
	n, _ := new(big.Int).SetString(*text, 10)
	return n
}

func (o outside) split(t *testing.T, s types.Shard) {
	t.Helper()
	middle := new(big.Int).Add(number(s.HashKeyRange.StartingHashKey), number(s.HashKeyRange.EndingHashKey))
	if _, err := o.kinesis.SplitShard(t.Context(), &kinesis.SplitShardInput{
		StreamName: &o.Stream, ShardToSplit: s.ShardId, NewStartingHashKey: aws.String(middle.Rsh(middle, 1).String()),
	}); err != nil {
		t.Fatal(err)
	}
}

func (o outside) merge(t *testing.T, a, b types.Shard) {
	t.Helper()
	if _, err := o.kinesis.MergeShards(t.Context(), &kinesis.MergeShardsInput{
		StreamName: &o.Stream, ShardToMerge: a.ShardId, AdjacentShardToMerge: b.ShardId,
	}); err != nil {
		t.Fatal(err)
	}
}

// TestChaosTwins delivers every batch twice, and in pieces cut otherwise, while the event source mapping delivers it,
// too: three orchestrators work on one shard at once.
func TestChaosTwins(t *testing.T) {
	long.Test(t)
	random, dir, f := chance(t), t.TempDir(), &feed{}
	l, o := quiet(t, dir, "--shards", "2")
	twins := map[string]*twin{}
	var group sync.WaitGroup
	for _, s := range o.openShards(t) {
		w := &twin{outside: o, shard: *s.ShardId, random: rand.New(rand.NewPCG(random.Uint64(), 2))}
		twins[w.shard] = w
	}
	ctx, cancel := context.WithCancel(t.Context())
	f.during(t, o.kinesis, o.Stream, func() {
		for _, w := range twins {
			group.Go(func() { w.run(ctx) })
		}
		time.Sleep(*chaos)
	})
	cancel()
	group.Wait()
	o.check(t, f, dir)
	l.stop(t).complete(t)
	for id, w := range twins {
		t.Logf("%s: %d records delivered twice in %d invocations, %d of them stopped", id, w.records, w.calls.Load(), w.stopped.Load())
		if w.records == 0 {
			t.Errorf("nothing of %s was delivered twice", id)
		}
	}
}

// twin reads a shard as a second event source mapping would, in order and without a gap, and invokes the orchestrator
// twice at the same time with each batch until both have succeeded.
type twin struct {
	outside
	shard          string
	random         *rand.Rand
	records        int
	calls, stopped atomic.Int64
}

func (w *twin) run(ctx context.Context) {
	w.tail(ctx, w.shard, false, func(records []types.Record) {
		for len(records) > 0 && ctx.Err() == nil {
			n := min(1+w.random.IntN(60), len(records))
			var pair sync.WaitGroup
			for range 2 {
				pair.Go(func() { w.insist(ctx, records[:n]) })
			}
			pair.Wait()
			w.records += n
			records = records[n:]
		}
	})
}

func (w *twin) insist(ctx context.Context, records []types.Record) {
	for ctx.Err() == nil {
		w.calls.Add(1)
		if w.deliver(ctx, w.shard, records) == nil {
			return
		}
		w.stopped.Add(1)
	}
}
