//go:build cgo

package stack

import (
	"context"
	"fmt"

	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/local/lambda"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Counts is how far records have come, box by box.
type Counts struct {
	// Accepted records lie in the stream.
	Accepted int64
	// Orchestrator and Upsert count invocations, Errors those of both that failed.
	Orchestrator, Upsert, Errors int64
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
	c.Errors += f.Errors
	switch f.Name {
	case Orchestrator:
		c.Orchestrator = f.Invocations
	case Upsert:
		c.Upsert = f.Invocations
	}
}

// Drain returns when every record that is in the stream now is where it belongs: no batching window is waited for.
func (s *Stack) Drain(ctx context.Context) error {
	if err := s.lambda.Drain(ctx); err != nil {
		return fmt.Errorf("hand over what is left in the stream: %w", err)
	}
	if err := s.s3.Flush(ctx); err != nil {
		return fmt.Errorf("deliver the last notifications: %w", err)
	}
	if err := s.warehouse.Idle(ctx); err != nil {
		return fmt.Errorf("load the last files: %w", err)
	}
	return nil
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
