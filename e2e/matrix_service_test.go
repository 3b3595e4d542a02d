package e2e

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/snowstream/snowstream/internal/long"
)

// More lines of the matrix: what is done to the services between the boxes.

// mapping is the only event source mapping.
func (o outside) mapping(t *testing.T) lambdatypes.EventSourceMappingConfiguration {
	t.Helper()
	all, err := o.lambda.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
	if err != nil || len(all.EventSourceMappings) != 1 {
		t.Fatalf("%d mappings, %v", len(all.EventSourceMappings), err)
	}
	return all.EventSourceMappings[0]
}

// unmap deletes the mapping and waits until it is gone.
func (o outside) unmap(t *testing.T) lambdatypes.EventSourceMappingConfiguration {
	t.Helper()
	old := o.mapping(t)
	if _, err := o.lambda.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: old.UUID}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		all, err := o.lambda.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
		if err == nil && len(all.EventSourceMappings) == 0 {
			return old
		}
		if time.Now().After(deadline) {
			t.Fatalf("the mapping is not gone after a minute: %v", err)
		}
	}
}

// mapAgain makes a mapping like one that is gone, at another position.
func (o outside) mapAgain(t *testing.T, like lambdatypes.EventSourceMappingConfiguration, at lambdatypes.EventSourcePosition) {
	t.Helper()
	_, err := o.lambda.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		EventSourceArn: like.EventSourceArn, FunctionName: aws.String("SnowflakeOrchestrator"), BatchSize: like.BatchSize, StartingPosition: at,
		MaximumBatchingWindowInSeconds: like.MaximumBatchingWindowInSeconds, FunctionResponseTypes: like.FunctionResponseTypes,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestMappingMadeAgain deletes the event source mapping and makes it again, at LATEST, which skips records until a repair brings
// them, and at TRIM_HORIZON, which brings all of the stream again, those that were skipped among them.
func TestMappingMadeAgain(t *testing.T) {
	long.Test(t)
	dir, l, o := sixty(t)
	skip := func(from int) {
		t.Helper()
		old := o.unmap(t)
		o.put(t, batchOf(from, 50))
		o.mapAgain(t, old, lambdatypes.EventSourcePositionLatest)
		o.put(t, batchOf(from+50, 30))
		o.exact(t, int64(from)+30)
	}
	skip(60)
	var p proof
	if code := audit(t, dir, &p); code != 1 {
		t.Errorf("50 records were skipped: exit %d, %+v", code, p)
	}
	repairTwice(t, dir)
	o.exact(t, 140)
	skip(140)
	old := o.unmap(t)
	o.mapAgain(t, old, lambdatypes.EventSourcePositionTrimHorizon)
	o.exact(t, 220)
	o.put(t, batchOf(220, 20))
	o.exact(t, 240)
	repairTwice(t, dir)
	o.exact(t, 240)
	l.stop(t).complete(t)
}

// TestTwoMappings: a second host has the same functions and a mapping of its own on the same stream, beside the first one. A
// process of it stands still, longer than the first host gives an invocation, and goes on with what it knew before.
func TestTwoMappings(t *testing.T) {
	long.Test(t)
	r, f := newRig(t, chance(t)), &feed{}
	second := r.openLambda(t, r.settings, "lambda-too", 5*time.Minute)
	front := httptest.NewServer(second)
	t.Cleanup(func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
		front.Close()
	})
	var pids []int
	f.during(t, r.kinesis, r.Stream, func() {
		r.until(t, 100, "SELECT LEAST(COUNT(*), 100) FROM "+both[0])
		before := children(t, r.PID)
		too := r.outside
		too.lambda = lambda.New(lambda.Options{BaseEndpoint: &front.URL, Region: r.Region, Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")})
		too.subscribe(t)
		time.Sleep(2 * time.Second) // of load for both
		for pid, name := range children(t, r.PID) {
			if before[pid] == "" && name == "orchestrator" && syscall.Kill(pid, syscall.SIGSTOP) == nil {
				pids = append(pids, pid)
			}
		}
	})
	time.Sleep(3 * rigTimeout)
	stopped := 0
	f.during(t, r.kinesis, r.Stream, func() {
		for _, pid := range pids {
			if p, _ := parentOf(pid); p == r.PID && syscall.Kill(pid, syscall.SIGCONT) == nil {
				stopped++
			}
		}
		time.Sleep(time.Second)
	})
	r.saveSettings(t)
	r.check(t, f, r.dir)
	repairTwice(t, r.dir)
	if stopped == 0 {
		t.Error("no process of the second host was stopped and went on")
	}
	t.Logf("%d processes were stopped and went on", stopped)
}

// TestObjectUnreadable: objects lie in cold storage, where nobody can read them, while rows of one of them and of another
// object are missing. A repair mends what it can, names what it cannot read, and does the rest once it can.
func TestObjectUnreadable(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l, o := quiet(t, dir)
	for n := range 5 {
		o.put(t, batchOf(20*n, 20))
		o.exact(t, int64(20*n+20))
	}
	first, keys := o.ranges(t)
	if len(first) < 5 {
		t.Fatalf("objects begin at %d", first)
	}
	cold := keys[first[1]]
	body, out := o.object(t, cold)
	store := func(class s3types.StorageClass) {
		t.Helper()
		if _, err := o.s3.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &o.Bucket, Key: &cold, Body: bytes.NewReader(body), Metadata: out.Metadata, StorageClass: class}); err != nil {
			t.Fatal(err)
		}
	}
	store(s3types.StorageClassGlacier)
	for _, ordinal := range []int64{first[1] + 1, first[3] + 1} {
		o.exec(t, fmt.Sprintf(`DELETE FROM %s WHERE "_ORDINAL" = %d`, both[0], ordinal))
	}
	for n := range 2 {
		var r repaired
		if code := audit(t, dir, &r, "--repair", "--yes"); code != 1 || len(r.Repaired.Left) == 0 || n == 0 && r.Repaired.HandedOver != 1 || n > 0 && r.Repaired.HandedOver != 0 {
			t.Errorf("repair %d: exit %d, %+v", n, code, r.Repaired)
		}
		if !slices.ContainsFunc(r.After.Findings, func(f finding) bool { return f.Kind == "unreadable" && f.Object == cold }) || len(r.After.Findings) != 2 {
			t.Errorf("repair %d leaves %+v", n, r.After.Findings)
		}
		o.until(t, 99, "SELECT COUNT(*) FROM "+both[0])
	}
	o.put(t, batchOf(100, 20)) // nothing waits for it
	o.until(t, 120, "SELECT COUNT(*) FROM "+both[1])
	store(s3types.StorageClassStandard)
	repairTwice(t, dir)
	o.exact(t, 120)
	l.stop(t).complete(t)
}

// TestPipePaused: a repair leaves to a paused pipe what that will load, and nothing is there twice once it goes on. The same where
// the objects' notices were lost before, so that the pipe does not know of them.
func TestPipePaused(t *testing.T) {
	long.Test(t)
	dir, l, o := sixty(t)
	pause := func(on bool) {
		t.Helper()
		o.exec(t, "ALTER PIPE SNOWSTREAM_PIPE SET PIPE_EXECUTION_PAUSED = "+strings.ToUpper(fmt.Sprint(on)))
	}
	leaves := func(n int64) {
		t.Helper()
		for range 2 {
			var r repaired
			if code := audit(t, dir, &r, "--repair", "--yes", "--wait", "2s"); code != 1 || r.Repaired.Loaded+r.Repaired.Inserted > 0 || len(r.Repaired.Left) == 0 {
				t.Errorf("behind a paused pipe: exit %d, %+v", code, r.Repaired)
			}
			if got := o.number(t, "SELECT COUNT(*) FROM "+both[1]); got != n {
				t.Errorf("%d rows behind a paused pipe, want %d", got, n)
			}
		}
	}
	pause(true)
	o.put(t, batchOf(60, 40))
	o.until(t, 100, "SELECT COUNT(*) FROM "+both[0])
	leaves(60)
	pause(false)
	o.exact(t, 100)
	repairTwice(t, dir)
	o.deaf(t, func() {
		o.put(t, batchOf(100, 20))
		o.until(t, 120, "SELECT COUNT(*) FROM "+both[0])
		untilLedger(t, dir, 120)
	})
	pause(true)
	leaves(100)
	pause(false)
	repairTwice(t, dir)
	o.put(t, batchOf(120, 10))
	o.exact(t, 130)
	repairTwice(t, dir)
	o.exact(t, 130)
	l.stop(t).complete(t)
}
