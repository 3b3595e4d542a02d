package quarantine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Withheld says whether an entry is a row that its table did not take: it lies in its object of rows already, and is
// brought from there.
func (e Entry) Withheld() bool { return rawzone.IsWithheld(e.Key) }

// Withheld are the rows of an object of rows that must be in no table: those that were withheld, and not brought since.
func Withheld(ctx context.Context, lake *datalake.Lake, stream, key string) (ordinals []int64, err error) {
	if strings.HasPrefix(key, rawzone.Replayed) {
		return nil, nil // they were made from what is in quarantine; their objects say no range
	}
	described, err := lake.Object(ctx, key)
	if err != nil {
		return nil, err
	}
	err = lake.List(ctx, rawzone.WithheldPrefix(stream, described), func(key string) error {
		o := object{key: key}
		if o.records, err = lake.Rejected(ctx, key); err != nil {
			return err
		}
		if err := o.readLifted(ctx, lake); err != nil {
			return err
		}
		for _, r := range o.records {
			if !o.replayed[r.Ordinal] {
				ordinals = append(ordinals, r.Ordinal)
			}
		}
		return nil
	})
	return ordinals, err
}

// readLifted reads which of a withheld object's records were brought since.
func (o *object) readLifted(ctx context.Context, lake *datalake.Lake) error {
	o.replayed = map[int64]bool{}
	return lake.List(ctx, rawzone.LiftedPrefix(o.key), func(key string) error {
		_, ordinal, ok := rawzone.LiftedOrdinal(key)
		if !ok {
			return fmt.Errorf("object %s is not a note of ours: delete it", key)
		}
		o.replayed[ordinal] = true
		return nil
	})
}

// lift hands the rows of a withheld object over that are not in the table yet, each from its object of rows, and notes
// those that the table has taken. There is no new object: the pipe may still load the old one, and would load a row in
// both of them twice.
func (r *Replayer) lift(ctx context.Context, o *object) error {
	metadata, err := r.lake.Metadata(ctx, o.key)
	if err != nil {
		return err
	}
	var waiting []int64
	for _, one := range o.records {
		if !o.replayed[one.Ordinal] {
			waiting = append(waiting, one.Ordinal)
		}
	}
	for len(waiting) > 0 {
		m := handoff.Message{Object: metadata["object"], Rows: len(waiting), Only: waiting}
		answer, err := r.upsert.Upsert(ctx, m)
		if err == nil {
			err = answer.Complete(m)
		}
		if err != nil {
			return err
		}
		refused := map[int64]bool{}
		for _, one := range answer.Refused {
			refused[one.Ordinal] = true
		}
		waiting = slices.DeleteFunc(waiting, func(n int64) bool { return refused[n] })
		if answer.More && len(refused) == 0 {
			return errors.New("upsert has more refused rows and names none")
		}
		if answer.More {
			continue // the others were perhaps not looked at
		}
		for _, n := range waiting {
			if err := r.lake.Note(ctx, rawzone.LiftedKey(o.key, n), []byte("{}\n")); err != nil {
				return err
			}
			o.replayed[n] = true
		}
		return nil
	}
	return nil
}

// countLifted counts the notes of lifted rows by shard.
func countLifted(ctx context.Context, lake *datalake.Lake, stream string, into map[string]int64) error {
	return lake.List(ctx, rawzone.Lifted+rawzone.Escape(stream)+"/", func(key string) error {
		if shard, _, ok := rawzone.LiftedOrdinal(key); ok {
			into[shard]++
		}
		return nil
	})
}
