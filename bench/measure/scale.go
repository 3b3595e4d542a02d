package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/processing/orchestrator"
	"github.com/snowstream/snowstream/processing/quarantine"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

const (
	scaleShards = 4
	// unsealedObjects lie behind the seals, in all shards together.
	unsealedObjects = 4000
	// listable is up to how many objects the audit without seals is run: beyond, it holds gigabytes.
	listable = 1_000_000
)

// scale measures what depends on how many objects a raw zone has: requests to S3, and the time and memory that they take here.
func scale(ctx context.Context, _ settings) ([]table, error) {
	t := table{
		text: fmt.Sprintf("A raw zone of %d shards and %d folders, made up by a server as it is asked for, with %d rows an object and %s objects behind the seals. "+
			"Requests to S3 / seconds / MiB of heap at most.", scaleShards, madeUpFolders, madeUpRows, strconv.Itoa(unsealedObjects)),
		head: []string{"objects", "a new shard's first batch", "a split", "a lost ledger", "a batch that was given up", "status", "audit, sealed", "a lost ledger, sealed", "audit, unsealed"},
		notes: []string{"Requests do not depend on the machine; times do. The tables are answers of a stand-in, so no time of a warehouse is in these.",
			"A lost ledger costs a request for each folder, and without a seal some forty for one of them. So does a look for the objects of a batch that was given up, here of the newest one, with another request for each folder."},
	}
	for _, objects := range []int64{10_000, 100_000, 1_000_000, 30_000_000} {
		row, err := scaleOf(ctx, objects)
		if err != nil {
			return nil, fmt.Errorf("%d objects: %w", objects, err)
		}
		t.rows = append(t.rows, row)
	}
	return []table{t}, nil
}

func scaleOf(ctx context.Context, objects int64) ([]string, error) {
	m := newMadeUp(scaleShards, objects)
	server := httptest.NewServer(m)
	defer server.Close()
	lake := datalake.New(s3.New(s3.Options{
		Region: "us-east-2", BaseEndpoint: &server.URL, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}), "raw")
	m.settle()
	o, err := orchestrator.New(record.Sensor(), lake, taken{}, rawzone.None, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	batch := func(shard int) error {
		event := bytes.ReplaceAll(kinesisEvent(100), []byte("shardId-000000000006"), fmt.Appendf(nil, "shardId-%012d", shard))
		return o.Handle(ctx, event)
	}
	row := []string{strconv.FormatInt(objects, 10)}
	for _, step := range []func() error{
		func() error { return batch(10) },
		func() error { return errors.Join(batch(11), batch(12)) },
		func() error {
			m.forget(m.shards[2].LedgerKey())
			return batch(2)
		},
		func() error {
			c := m.shards[1]
			keys, err := lake.Since(ctx, c, record.Base(c.Shard), position(c, m.perShard-1, 0).Sequence)
			if err == nil && len(keys) != 2 {
				err = fmt.Errorf("%d objects since the last one", len(keys))
			}
			return err
		},
		func() error { return status(ctx, lake) },
		func() error { return m.audit(ctx, lake, m.seal()) },
		func() error {
			m.forget(m.shards[3].LedgerKey())
			return batch(3)
		},
		func() error {
			if objects > listable {
				return errNotRun
			}
			return m.audit(ctx, lake, nil)
		},
	} {
		cell, err := m.measured(step)
		if err != nil {
			return nil, err
		}
		row = append(row, cell)
	}
	return row, nil
}

var errNotRun = errors.New("not run")

// measured runs a step and says what it took.
func (m *madeUp) measured(step func() error) (string, error) {
	m.counted()
	stop, most := make(chan struct{}), make(chan uint64)
	runtime.GC()
	go func() { // ends with the step
		var peak uint64
		for {
			var s runtime.MemStats
			runtime.ReadMemStats(&s)
			peak = max(peak, s.HeapAlloc)
			select {
			case <-stop:
				most <- peak
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	start := time.Now()
	err := step()
	took := time.Since(start)
	close(stop)
	peak := <-most
	if errors.Is(err, errNotRun) {
		return "not run", nil
	}
	return fmt.Sprintf("%d / %.2f s / %d", m.counted(), took.Seconds(), peak>>20), err
}

// settle writes the registry, the ledgers and the claims of the shards that are made up.
func (m *madeUp) settle() {
	registry := rawzone.Registry{Stream: madeUpStream, Generations: []rawzone.Generation{
		{ID: m.shards[0].Generation, ARN: "arn:aws:kinesis:us-east-2:123456789012:stream/kdEntry", BornAt: began},
	}}
	m.put(rawzone.RegistryKey(madeUpStream), registry.Encode(), began)
	for _, c := range m.shards {
		l := m.ledger(c)
		m.put(c.LedgerKey(), l.Encode(), l.UpdatedAt)
		m.put(c.ClaimKey(), []byte("claimed\n"), began)
	}
}

// status is what `snowstream status` asks of the bucket.
func status(ctx context.Context, lake *datalake.Lake) error {
	if _, err := quarantine.Replayed(ctx, lake, madeUpStream); err != nil {
		return err
	}
	if _, _, err := lake.Seals(ctx, madeUpStream); err != nil {
		return err
	}
	_, err := lake.Heads(ctx, madeUpStream)
	return err
}

// seal writes seals of all but the last objects.
func (m *madeUp) seal() *rawzone.Seals {
	seals := rawzone.Seals{Stream: madeUpStream}
	for _, c := range m.shards {
		last := m.object(c, m.perShard-1-unsealedObjects/scaleShards)
		s := rawzone.Seal{
			Generation: c.Generation, Shard: c.Shard, First: m.first(c, 0), Ordinal: record.Base(c.Shard), Begin: last.FirstOrdinal, Object: last.Key, LandedAt: began,
			Sequence: last.Last.Sequence, Objects: last.TotalObjects, Records: last.TotalRecords, At: began, By: "bench",
		}
		for s.Ordinal < last.LastOrdinal {
			_, _, end := s.Slice(s.Ordinal + 1)
			end = min(end, last.LastOrdinal)
			rows, sum := stretch(s.Ordinal+1, end)
			s, _ = s.Add(end, rows, sum, strconv.FormatInt(rows, 10))
		}
		seals = seals.With(s)
	}
	m.put(rawzone.SealsKey(madeUpStream), seals.Encode(), time.Now())
	return &seals
}

// stretch is how many ordinals there are from one to another, and their sum.
func stretch(first, last int64) (int64, string) {
	n := last - first + 1
	sum := new(big.Int).Add(big.NewInt(first), big.NewInt(last))
	return n, sum.Mul(sum, big.NewInt(n)).Rsh(sum, 1).String()
}

// audit proves the shards that are made up, with seals or without.
func (m *madeUp) audit(ctx context.Context, lake *datalake.Lake, seals *rawzone.Seals) error {
	if seals == nil {
		m.forget(rawzone.SealsKey(madeUpStream))
	}
	p, err := audit.New(audit.Config{
		Session: whole{}, Names: schema.Defaults(), Schema: record.Sensor(), Lake: lake, Stream: madeUpStream,
		Landed: func(context.Context, []string, rawzone.Seals) (map[string]audit.Landed, error) {
			out := map[string]audit.Landed{}
			for _, c := range m.shards {
				out[c.Shard] = audit.Landed{Ledger: m.ledger(c)}
			}
			for _, id := range []int{2, 3, 10, 11, 12} { // those that got batches while that was measured
				head, err := lake.Ledger(ctx, madeUpStream, fmt.Sprintf("shardId-%012d", id))
				if err != nil {
					return nil, err
				}
				out[head.Shard] = audit.Landed{Ledger: head.Ledger}
			}
			return out, nil
		},
	}).Audit(ctx)
	if err == nil && !p.OK {
		for _, f := range p.Findings[:min(len(p.Findings), 3)] {
			err = errors.Join(err, fmt.Errorf("%+v", f))
		}
	}
	return err
}

// taken takes every row as a new one.
type taken struct{}

func (taken) Upsert(_ context.Context, m handoff.Message) (handoff.Answer, error) {
	return handoff.Answer{Rows: m.Rows, Inserted: int64(m.Rows)}, nil
}

// whole is a session with tables in which nothing is missing: each run of ordinals has all its rows, with the print 1 each.
type whole struct{}

// Query implements audit.Session.
func (whole) Query(_ context.Context, row func(scan func(into ...any) error) error, query string, args ...any) error {
	var runs [][]any
	d := json.NewDecoder(strings.NewReader(args[0].(string)))
	d.UseNumber()
	if err := d.Decode(&runs); err != nil {
		return err
	}
	number := func(v any) int64 {
		n, _ := strconv.ParseInt(fmt.Sprint(v), 10, 64)
		return n
	}
	for _, r := range runs {
		var line []any
		switch {
		case strings.Contains(query, `AS "LANDED"`):
			first, last := number(r[3])+1, number(r[2])
			rows, sum := stretch(first, last)
			if rows == 0 {
				continue
			}
			line = []any{r[0], false, sql.NullString{}, rows, rows, rows, first, last, sum, strconv.FormatInt(rows, 10)}
		case strings.HasPrefix(query, `SELECT l."N", COUNT(*), SUM(t."_ORDINAL")`):
			rows, sum := stretch(number(r[1]), number(r[2]))
			line = []any{number(r[0]), rows, sum}
		case strings.HasPrefix(query, `SELECT l."N", COUNT(*)`):
			rows, _ := stretch(number(r[1]), number(r[2]))
			line = []any{number(r[0]), rows, strconv.FormatInt(rows, 10)}
		default:
			return fmt.Errorf("nothing is off, and an audit asks %s", query)
		}
		if err := row(func(into ...any) error { return fill(line, into) }); err != nil {
			return err
		}
	}
	return nil
}

func fill(line, into []any) error {
	if len(line) != len(into) {
		return fmt.Errorf("%d columns for %d", len(line), len(into))
	}
	for i, v := range line {
		switch to := into[i].(type) {
		case *int64:
			*to, _ = v.(int64)
		case *string:
			*to, _ = v.(string)
		case *bool:
			*to, _ = v.(bool)
		case *sql.NullString:
			*to, _ = v.(sql.NullString)
		}
	}
	return nil
}
