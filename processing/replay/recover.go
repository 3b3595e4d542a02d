package replay

import (
	"context"
	"fmt"

	"github.com/snowstream/snowstream/record"
)

// Recover lands those of a shard's records, from one sequence number to another, that have no place: what a mapping that was
// made again has passed over, for example. It does with them what a collection does with those of a failure document; source
// says who asks for it. It returns how many Kinesis records had no place before.
func (c *Collector) Recover(ctx context.Context, shard, first, last, source string) (landed int64, err error) {
	p := pending{key: source}
	p.Batch.Shard, p.Batch.First, p.Batch.Last = shard, first, last
	fail := func(err error) (int64, error) {
		return 0, fmt.Errorf("land records %s to %s of %s: %w", first, last, shard, err)
	}
	var all []record.Record
	err = c.c.Reader.Range(ctx, shard, first, last, func(more []record.Record) error {
		all = append(all, more...)
		return nil
	})
	if err != nil || len(all) == 0 {
		return 0, err
	}
	p.Batch.Size = int64(len(all))
	l := c.landed()
	there, err := l.between(ctx, p.document, all)
	if err != nil {
		return fail(err)
	}
	if landed = int64(len(without(all, there))); landed == 0 || c.c.DryRun {
		return landed, nil
	}
	if _, err = c.land(ctx, l, p, all); err != nil {
		return fail(err)
	}
	return landed, nil
}
