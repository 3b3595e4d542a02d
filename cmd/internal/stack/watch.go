//go:build cgo

package stack

import (
	"context"
	"time"

	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/local/lambda"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Records is the schema of the stream's records.
func (s *Stack) Records() record.Schema { return s.schema }

// Counts is how far records have come, box by box.
type Counts struct {
	// Accepted records lie in the stream.
	Accepted int64
	// Orchestrator and Upsert count invocations, Errors those of both that failed.
	Orchestrator, Upsert, Errors     int64
	OrchestratorErrors, UpsertErrors int64
	// Objects lie in the raw zone.
	Objects int64
}

// Counts asks the services; it costs them nothing.
func (s *Stack) Counts() (Counts, error) {
	var c Counts
	accepted, err := s.kinesis.Accepted(s.Stream)
	if err != nil {
		return c, err
	}
	for _, n := range accepted {
		c.Accepted += n
	}
	for _, f := range s.lambda.Stats().Functions {
		c.count(f)
	}
	c.Objects, _, err = s.s3.Objects(s.Bucket, rawzone.Rows)
	return c, err
}

func (c *Counts) count(f lambda.FunctionStats) {
	switch f.Name {
	case Orchestrator:
		c.Orchestrator, c.OrchestratorErrors = f.Invocations, f.Errors
	case Upsert:
		c.Upsert, c.UpsertErrors = f.Invocations, f.Errors
	default: // somebody else's
		return
	}
	c.Errors += f.Errors
}

// Progress is how far one shard has come.
type Progress struct {
	Shard string
	// Accepted counts the Kinesis records that the shard has had.
	Accepted int64
	// Checkpoint is the last sequence number that is done: where it has moved, the shard's ledger has, before it.
	Checkpoint string
	// Behind is the age of the oldest record that was read and is not done.
	Behind time.Duration
}

// Progress asks the services about each shard; it costs them nothing.
func (s *Stack) Progress() ([]Progress, error) {
	accepted, err := s.kinesis.Accepted(s.Stream)
	if err != nil {
		return nil, err
	}
	shards := make(map[string]lambda.ShardStats, len(accepted))
	for _, m := range s.lambda.Stats().Mappings {
		if m.Function != Orchestrator { // a mapping of somebody else's function, or stream
			continue
		}
		for _, shard := range m.Shards {
			shards[shard.Shard] = shard
		}
	}
	out := make([]Progress, 0, len(accepted))
	for id, n := range accepted {
		out = append(out, Progress{id, n, shards[id].Checkpoint, shards[id].IteratorAge})
	}
	return out, nil
}

// Audit compares both tables with the ledgers and with the stream's own count.
func (s *Stack) Audit(ctx context.Context) (audit.Report, error) {
	expected, err := s.Landed(ctx)
	if err != nil {
		return audit.Report{}, err
	}
	accepted, err := s.kinesis.Accepted(s.Stream)
	if err != nil {
		return audit.Report{}, err
	}
	for id, e := range expected {
		e.Stream = accepted[id]
		expected[id] = e
	}
	return audit.Run(ctx, s.Admin, s.Names(), expected)
}

// Budgets is what each stage took since Start.
func (s *Stack) Budgets() map[Stage]Budget {
	s.stages.mu.Lock()
	defer s.stages.mu.Unlock()
	out := map[Stage]Budget{}
	for stage, h := range s.stages.took {
		out[stage] = Budget{Mean: h.Mean(), P99: h.Quantile(0.99)}
	}
	return out
}

// Changes moves when the streaming table or the micro-batch table may have changed.
func (s *Stack) Changes() [2]int64 {
	statements, loads := s.warehouse.Changes()
	return [2]int64{statements, loads}
}
