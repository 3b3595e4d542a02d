package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/snowstream/snowstream/local/kinesis/disk"
	"github.com/snowstream/snowstream/local/kinesis/log"
)

const putRecords = 500 // records of a PutRecords call

// putBody is a PutRecords call of sensor records, about 57 KB.
func putBody(stream string, records int) []byte {
	random := rand.New(rand.NewPCG(seed, 1))
	body := []byte(`{"StreamName":"` + stream + `","Records":[`)
	for i := range records {
		if i > 0 {
			body = append(body, ',')
		}
		data := fmt.Sprintf(`{"sensorId": %d,"currentTemperature": %d,"status": "OK"}`, random.IntN(50), 10+random.IntN(140))
		body = fmt.Appendf(body, `{"Data":"%s","PartitionKey":"%d"}`, base64.StdEncoding.EncodeToString([]byte(data)), random.Int64N(1e12))
	}
	return append(body, `]}`...)
}

// signature has the form of one; none of these servers verifies it.
const signature = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"

// call makes one Kinesis call.
func call(ctx context.Context, url, operation string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
	r.Header.Set("Authorization", signature)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || bytes.Contains(text, []byte(`"ErrorCode":"`))) {
		err = fmt.Errorf("%s answers %d %.200s", operation, answer.StatusCode, text)
	}
	return err
}

// contestant is a server that takes PutRecords.
type contestant struct {
	name  string
	start func() (*process, error)
	// calls is how many calls it is measured with.
	calls int
	// perSecond and perCPU are records in each round.
	perSecond, perCPU []float64
}

// kinesisServer measures PutRecords over HTTP with four connections, and the log's group commit below it.
func kinesisServer(ctx context.Context, s settings) ([]table, error) {
	dir, err := os.MkdirTemp("", "snowstream-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ours := &contestant{name: "snowstream", calls: 400, start: func() (*process, error) {
		return startServe(ctx, "kinesis", filepath.Join(dir, strconv.FormatInt(time.Now().UnixNano(), 10)))
	}}
	nothing := &contestant{name: "a handler that decodes nothing", calls: 400, start: func() (*process, error) {
		return startServe(ctx, "nothing", "")
	}}
	all := []*contestant{ours, nothing}
	peers, notes := kinesisPeers(ctx, dir)
	all = append(all, peers...)
	for range min(s.rounds, 5) {
		for _, c := range slices.Clone(all) {
			err := c.round(ctx)
			if err != nil && !slices.Contains(peers, c) {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if err != nil {
				notes = append(notes, fmt.Sprintf("%s: not run to its end (%v).", c.name, err))
				all = slices.DeleteFunc(all, func(other *contestant) bool { return other == c })
			}
		}
	}
	t := table{
		text: "PutRecords of 500 sensor records (57 KB), four connections, the same client; one shard, its limits lifted; each server in its own process.",
		head: []string{"", "records/s", "records per CPU second of the server", "snowstream: × records/s", "× per CPU second"},
		notes: append([]string{"Of these, only snowstream has the records on disk, flushed, when it answers. The handler that decodes nothing reads the body and sends an answer of the same size.",
			"Per CPU second is as exact as the kernel's clock tick of 10 ms."}, notes...),
	}
	for _, c := range all {
		t.rows = append(t.rows, []string{c.name, spreadOf(c.perSecond).String(), spreadOf(c.perCPU).String(),
			roundRatios(ours.perSecond, c.perSecond).String(), roundRatios(ours.perCPU, c.perCPU).String()})
	}
	group, err := groupCommit(ctx, s, dir)
	return []table{t, group}, err
}

// roundRatios of a to b, round by round.
func roundRatios(a, b []float64) spread {
	var out []float64
	for i := range a {
		out = append(out, a[i]/b[i])
	}
	return spreadOf(out)
}

// round starts the server, fills a stream, and ends it.
func (c *contestant) round(ctx context.Context) error {
	p, err := c.start()
	if err != nil {
		return err
	}
	defer p.end()
	if err := call(ctx, p.url, "CreateStream", []byte(`{"StreamName":"s","ShardCount":1}`)); err != nil {
		return err
	}
	// Peers make a stream in a moment; ours has it at once.
	for try := 0; ; try++ {
		err := call(ctx, p.url, "PutRecords", putBody("s", 1))
		if err == nil {
			break
		}
		if try > 100 {
			return fmt.Errorf("its stream does not become active: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	body := putBody("s", putRecords)
	before, err := usage(p.command.Process.Pid)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := fourAtOnce(c.calls, func() error { return call(ctx, p.url, "PutRecords", body) }); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := usage(p.command.Process.Pid)
	records := float64(c.calls * putRecords)
	c.perSecond = append(c.perSecond, records/took.Seconds())
	c.perCPU = append(c.perCPU, records/max(after-before, 10*time.Millisecond).Seconds())
	return err
}

// fourAtOnce does work n times in all, four at a time.
func fourAtOnce(n int, work func() error) error {
	var left atomic.Int64
	left.Store(int64(n))
	var group sync.WaitGroup
	errs := make(chan error, 4)
	for range 4 {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if err := work(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(errs)
	return <-errs
}

// kinesisPeers are those of the peers that an environment variable names.
func kinesisPeers(ctx context.Context, dir string) (peers []*contestant, notes []string) {
	const kinesalite, kinesisLocal = "SNOWSTREAM_KINESALITE", "SNOWSTREAM_KINESIS_LOCAL"
	if path := os.Getenv(kinesalite); path != "" {
		peers = append(peers, &contestant{name: "kinesalite, in memory", calls: 10, start: func() (*process, error) {
			return startPeer(ctx, 4567, nil, "node", path, "--port", "4567", "--createStreamMs", "1", "--shardLimit", "100")
		}})
		notes = append(notes, "kinesalite keeps the records in memory. It listens on all interfaces while it is measured.")
	} else {
		notes = append(notes, "kinesalite: not run (`"+kinesalite+"` names its cli.js).")
	}
	if path := os.Getenv(kinesisLocal); path != "" {
		peers = append(peers, &contestant{name: "kinesis-local", calls: 2, start: func() (*process, error) {
			return startPeer(ctx, 4568, []string{"KINESIS_MOCK_PLAIN_PORT=4568", "KINESIS_MOCK_TLS_PORT=4569", "SHARD_LIMIT=100",
				"KINESIS_MOCK_CERT_PATH=" + filepath.Join(filepath.Dir(path), "server.json"), "CREATE_STREAM_DURATION=1ms", "LOG_LEVEL=ERROR"}, "node", path)
		}})
	} else {
		notes = append(notes, "kinesis-local: not run (`"+kinesisLocal+"` names its main.js).")
	}
	return peers, notes
}

// groupCommit measures the log: how much more 64 producers store than one, each waiting for its own commit.
func groupCommit(ctx context.Context, s settings, dir string) (table, error) {
	t := table{
		text: "The log below it: each producer appends one record of 100 bytes and waits until it is flushed.",
		head: []string{"producers", "records/s", "× one producer"},
	}
	counts := []int{1, 16, 64, 256}
	series := make([][]float64, len(counts))
	for range min(s.rounds, 5) {
		for i, producers := range counts {
			perSecond, err := appendTogether(ctx, dir, producers, 4*s.slice)
			if err != nil {
				return t, err
			}
			series[i] = append(series[i], perSecond)
		}
	}
	for i, producers := range counts {
		t.rows = append(t.rows, []string{strconv.Itoa(producers), spreadOf(series[i]).String(), roundRatios(series[i], series[0]).String()})
	}
	return t, nil
}

func appendTogether(ctx context.Context, dir string, producers int, during time.Duration) (perSecond float64, err error) {
	l, _, err := log.Open(log.Config{FS: disk.OS{}, Dir: filepath.Join(dir, fmt.Sprintf("log-%d-%d", producers, time.Now().UnixNano()))})
	if err != nil {
		return 0, err
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	var stored atomic.Int64
	var group sync.WaitGroup
	errs := make(chan error, producers)
	began := time.Now()
	for range producers {
		group.Go(func() {
			data := bytes.Repeat([]byte{'x'}, 100)
			for ctx.Err() == nil {
				_, commit, err := l.Append([]log.Entry{{Arrival: time.Now().UnixMilli(), Key: data[:10], Data: data}})
				if err == nil {
					err = commit.Wait()
				}
				if err != nil {
					errs <- err
					return
				}
				stored.Add(1)
			}
		})
	}
	group.Wait()
	close(errs)
	return float64(stored.Load()) / time.Since(began).Seconds(), <-errs
}
