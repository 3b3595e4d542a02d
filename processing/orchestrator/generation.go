package orchestrator

import (
	"context"
	"fmt"
	"time"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// lifeMemory is how long a process takes a stream for the same one without asking. A process that is wrong meanwhile
// numbers a new stream's first records in the old one's generation: each still lands once, because the next generation
// of a shard begins where the last one was ended.
const lifeMemory = 10 * time.Minute

// enrolled are a stream's generations, and when they were asked for.
type enrolled struct {
	datalake.Registry
	at time.Time
}

// Serve says which stream the function is for: Handle refuses the records of any other before it has written anything.
// An empty arn takes any stream. created asks when a stream was made, which is how a new stream under an old name is
// noticed; without it, or while it fails, the stream is taken for the one that it was.
func (o *Orchestrator) Serve(arn string, created func(ctx context.Context, arn string) (time.Time, error)) {
	o.arn, o.created = arn, created
}

// own refuses a batch that is not of the function's stream.
func (o *Orchestrator) own(b shardBatch) error {
	if o.arn == "" || b.arn == o.arn {
		return nil
	}
	return fmt.Errorf("the event has records of stream %s, and this function is for %s: nothing was written; remove the mapping or the test event, and give each stream a deployment of its own", b.arn, o.arn)
}

// enroll returns a stream's generations.
func (o *Orchestrator) enroll(ctx context.Context, stream, arn string) (datalake.Registry, error) {
	if known, ok := o.enrolled[stream]; ok && time.Since(known.at) < lifeMemory && (arn == "" || known.Last().ARN == "" || known.Last().ARN == arn) {
		return known.Registry, nil
	}
	s := datalake.Stream{Name: stream, ARN: arn}
	if arn != "" && o.created != nil {
		var err error
		if s.CreatedAt, err = o.created(ctx, arn); err != nil {
			if ctx.Err() != nil {
				return datalake.Registry{}, err
			}
			o.log.Warn("the stream does not say when it was made: a new stream under this name would not be noticed", "stream", stream, "error", err.Error())
		}
	}
	r, err := o.lake.Enroll(ctx, s)
	if err == nil {
		o.enrolled[stream] = enrolled{r, time.Now()}
	}
	return r, err
}

// end ends the generations in front of the one in which a shard begins: whatever they have open is handed over, and a
// writer that does not know yet is refused by the swap. It returns the ledger of the one that had come furthest. A record that such
// a writer has landed already does not land again.
func (o *Orchestrator) end(ctx context.Context, r datalake.Registry, shard string) (last rawzone.Ledger, err error) {
	for _, c := range r.Ended(shard) {
		head, err := o.lake.Past(ctx, c)
		if err != nil {
			return last, err
		}
		if !head.Ended {
			if head, err = o.close(ctx, head); err != nil {
				return last, err
			}
		}
		if record.CompareSequence(head.Sequence, last.Sequence) > 0 {
			last = head.Ledger
		}
	}
	return last, nil
}

// close ends one ledger.
func (o *Orchestrator) close(ctx context.Context, head datalake.Head) (datalake.Head, error) {
	if head.Open != "" {
		if err := o.resolve(ctx, &head); err != nil {
			return head, err
		}
	}
	if head.Doubtful {
		if err := o.rebuild(ctx, &head); err != nil {
			return head, err
		}
	}
	over := head.Ledger
	over.Ended, over.UpdatedAt = true, time.Now().UTC()
	return o.lake.Advance(ctx, head, over)
}
