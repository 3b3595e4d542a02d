package kinesis

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/snowstream/snowstream/local/kinesis/disk/sim"
)

// onSim opens a server whose data are on a simulated disk; only its lock is a real file.
func onSim(t testing.TB) (*sim.Disk, *Server) {
	t.Helper()
	dir := t.TempDir()
	fsys := sim.New(dir)
	return fsys, openOn(t, fsys, dir)
}

func openOn(t testing.TB, fsys *sim.Disk, dir string) *Server {
	t.Helper()
	s, err := open(Config{Dir: dir, Unlimited: true}, fsys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// F46: the power goes at any moment of putting, resharding, creating and deleting. What was acknowledged is there
// afterwards, once and under the same sequence number.
func TestPowerLoss(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		dir := t.TempDir()
		fsys := sim.New(dir)
		acknowledged := map[string]string{} // data by shard and sequence number
		s := openOn(t, fsys, dir)
		create(t, client(s), "s", 1)
		for round := range 4 {
			c := client(s)
			var mu sync.Mutex
			left := 20 + rnd.IntN(120) // operations until the power goes
			fsys.Fault(func(op, name string) error {
				if left--; left < 0 {
					return syscall.EIO
				}
				return nil
			})
			var wg sync.WaitGroup
			for w := range 3 {
				wg.Go(func() {
					for i := range 20 {
						data := fmt.Sprintf("%d-%d-%d", round, w, i)
						out, err := c.PutRecord(context.Background(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: &data, Data: []byte(data)})
						if err == nil {
							mu.Lock()
							acknowledged[*out.ShardId+*out.SequenceNumber] = data
							mu.Unlock()
						}
					}
				})
			}
			wg.Go(func() {
				for _, n := range []int32{2, 4, 3} {
					_, _ = c.UpdateShardCount(context.Background(), &kinesis.UpdateShardCountInput{StreamName: aws.String("s"), TargetShardCount: &n, ScalingType: "UNIFORM_SCALING"})
				}
				_, _ = c.CreateStream(context.Background(), &kinesis.CreateStreamInput{StreamName: aws.String("other"), ShardCount: aws.Int32(1)})
				_, _ = c.DeleteStream(context.Background(), &kinesis.DeleteStreamInput{StreamName: aws.String("other")})
			})
			wg.Wait()
			fsys = fsys.Crash(func(n int) int { return rnd.IntN(n + 1) })
			s.Close()
			s = openOn(t, fsys, dir)
			checkStored(t, fmt.Sprintf("seed %d round %d", seed, round), client(s), acknowledged)
		}
	}
}

func checkStored(t *testing.T, when string, c *kinesis.Client, acknowledged map[string]string) {
	t.Helper()
	missing := maps.Clone(acknowledged)
	for _, sh := range shards(t, c, "s", nil) {
		records, _ := drain(t, c, "s", *sh.ShardId)
		for _, r := range records {
			id := *sh.ShardId + *r.SequenceNumber
			if data, ok := acknowledged[id]; ok && data != string(r.Data) {
				t.Fatalf("%s: %s holds %q, acknowledged %q", when, id, r.Data, data)
			}
			delete(missing, id)
		}
	}
	checkRing(t, shards(t, c, "s", latest()))
	if len(missing) > 0 {
		t.Fatalf("%s: %d of %d acknowledged records are gone", when, len(missing), len(acknowledged))
	}
}

// A killed process leaves room that its busy shard had reserved: no record is lost, and it is no unfinished write.
func TestKilledWhileBusy(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Dir: dir, Unlimited: true})
	c := client(s)
	create(t, c, "s", 1)
	const calls, records = 6, 400
	entries := make([]types.PutRecordsRequestEntry, records)
	for i := range entries {
		entries[i] = types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), Data: bytes.Repeat([]byte{byte(i)}, 1000)}
	}
	for range calls {
		out, err := c.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: entries})
		if err != nil || *out.FailedRecordCount > 0 {
			t.Fatal(out, err)
		}
	}
	killed := t.TempDir()
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	name, content := logFile(t, killed)
	if content[len(content)-1] != 0 {
		t.Fatalf("%s of %d bytes has no reserve", name, len(content))
	}
	var said bytes.Buffer
	again := start(t, Config{Dir: killed, Unlimited: true, Log: slog.New(slog.NewTextHandler(&said, nil))})
	got, _ := drain(t, client(again), "s", firstShard)
	if len(got) != calls*records || said.Len() > 0 {
		t.Fatalf("%d records of %d; %s", len(got), calls*records, &said)
	}
	for i, r := range got {
		if !bytes.Equal(r.Data, entries[i%records].Data) {
			t.Fatalf("record %d is not what was put", i)
		}
	}
}

// F45 through the API: cut the newest log file at every byte behind the last acknowledged put.
func TestTornLogAtEveryOffset(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	c := client(s)
	create(t, c, "s", 1)
	put(t, c, "s", "a", "b", "c")
	name, before := logFile(t, dir)
	put(t, c, "s", "d", "e")
	_, after := logFile(t, dir)
	s.Close()
	for size := len(before); size <= len(after); size++ {
		if err := os.WriteFile(name, after[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		// A power cut may forget how far the log was acknowledged; a log that knows takes the same for damage.
		if err := os.RemoveAll(filepath.Join(filepath.Dir(name), "acknowledged")); err != nil {
			t.Fatal(err)
		}
		s, err := Open(Config{Dir: dir, Unlimited: true})
		if err != nil {
			t.Fatalf("cut at %d: %v", size, err)
		}
		c := client(s)
		if records, _ := drain(t, c, "s", firstShard); len(records) < 3 || string(records[2].Data) != "data of c" {
			t.Fatalf("cut at %d: %d records", size, len(records))
		}
		put(t, c, "s", "f")
		s.Close()
	}
}

func logFile(t *testing.T, dir string) (name string, content []byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "streams", "s@*", firstShard, "*.log"))
	if err != nil || len(names) != 1 {
		t.Fatalf("log files %v, %v", names, err)
	}
	content, err = os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	return names[0], content
}

// F47: a damaged record is refused, those before and after it are served.
func TestDamagedRecord(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	create(t, client(s), "s", 1)
	put(t, client(s), "s", "a")
	put(t, client(s), "s", "b")
	after := put(t, client(s), "s", "c", "d")[0]
	s.Close()
	name, content := logFile(t, dir)
	content[70] ^= 1 // in the second block, behind 24 + 18 + 1 + 9 bytes
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	c := client(start(t, Config{Dir: dir}))
	out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator(t, c, "s", firstShard)})
	if err != nil || len(out.Records) != 1 || *out.MillisBehindLatest == 0 {
		t.Fatalf("before the damage: %+v, %v", out, err)
	}
	_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: out.NextShardIterator})
	wantCode(t, err, "InternalFailure")
	it, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: aws.String(firstShard),
		ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: after.SequenceNumber})
	wantCode(t, err, "")
	out, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
	if err != nil || len(out.Records) != 2 {
		t.Fatalf("behind the damage: %+v, %v", out, err)
	}
}

// F47 for the last put before a kill: what was acknowledged and is damaged is no torn tail, and its sequence numbers never
// come again.
func TestDamagedLastPutKeepsItsNumbers(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	create(t, client(s), "s", 1)
	put(t, client(s), "s", "a")
	acknowledged := put(t, client(s), "s", "b", "c", "d")
	killed := t.TempDir()
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	name, content := logFile(t, killed)
	_, whole := logFile(t, dir)
	content[42+10+5] ^= 1 // in the header of the second block, behind 24 + 18 + 1 + 9 bytes
	if len(content) != len(whole) || os.WriteFile(name, content, 0o600) != nil {
		t.Fatal("the log was not copied")
	}
	var said bytes.Buffer
	again := start(t, Config{Dir: killed, Log: slog.New(slog.NewTextHandler(&said, nil))})
	next := put(t, client(again), "s", "e")[0]
	if last := acknowledged[2]; len(*next.SequenceNumber) != len(*last.SequenceNumber) || *next.SequenceNumber <= *last.SequenceNumber {
		t.Errorf("number %s was given after %s was acknowledged", *next.SequenceNumber, *last.SequenceNumber)
	}
	if counts, err := again.Accepted("s"); err != nil || counts[firstShard] != 5 {
		t.Errorf("accepted %v, %v", counts, err)
	}
	if !strings.Contains(said.String(), "acknowledged records are damaged") {
		t.Errorf("log: %s", &said)
	}
}

// F43, F44: a full disk refuses and recovers; a failed sync shuts the shard for good.
func TestDiskFaults(t *testing.T) {
	fsys, s := onSim(t)
	c := client(s)
	create(t, c, "s", 1)
	put(t, c, "s", "a")
	fsys.Space(10)
	for _, r := range put(t, c, "s", "b", "c") {
		if aws.ToString(r.ErrorCode) != "InternalFailure" || r.SequenceNumber != nil {
			t.Errorf("full disk: %+v", r)
		}
	}
	fsys.Space(-1)
	put(t, c, "s", "d")
	if records, _ := drain(t, c, "s", firstShard); len(records) != 2 {
		t.Errorf("%d records", len(records))
	}
	fsys.Fault(func(op, _ string) error {
		if op == "sync" {
			return syscall.EIO
		}
		return nil
	})
	put(t, c, "s", "e")
	fsys.Fault(nil)
	_, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("f"), Data: []byte{1}})
	wantCode(t, err, "InternalFailure")
	if records, _ := drain(t, c, "s", firstShard); len(records) != 2 {
		t.Errorf("%d records after a failed sync", len(records))
	}
}
