package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/snowstream/snowstream/record/rawzone"
)

// Sealing is what an audit has sealed.
type Sealing struct {
	// Shards are those whose seals were made or lengthened.
	Shards []SealedRun `json:"shards"`
	// Left says which shards were not sealed any further, and why.
	Left []string `json:"left"`
	// Tagged objects may expire from now on.
	Tagged int64 `json:"objects_tagged"`
}

// SealedRun is a run of ordinals that a seal covers now.
type SealedRun struct {
	Shard   string `json:"shard"`
	First   int64  `json:"first_ordinal"`
	Last    int64  `json:"last_ordinal"`
	New     int64  `json:"new_records"`
	Retired bool   `json:"retired,omitempty"`
}

// Seal audits, and seals what was proved of the shards in which nothing is wrong: up to the last object that is older than the
// grace and whose rows are in both tables. It needs the stream, because what that has and nobody else would be lost behind a seal. Where the
// bucket has a rule that lets sealed objects expire, their tags are set once the seal is durable.
func (a *Auditor) Seal(ctx context.Context, by string) (Proof, Sealing, error) {
	done := Sealing{Shards: []SealedRun{}, Left: []string{}}
	if a.c.Reader == nil {
		return Proof{}, done, errors.New("a seal needs the stream: without it nobody knows whether a record never landed")
	}
	p, err := a.Audit(ctx)
	if err != nil {
		return p, done, err
	}
	next := a.seals
	for _, id := range slices.Sorted(maps.Keys(a.shards)) {
		s := a.shards[id]
		before, _ := a.seals.Of(a.chain(s))
		seal, reason, err := a.seal(ctx, s, by)
		if err != nil {
			return p, done, fmt.Errorf("seal shard %s: %w", id, err)
		}
		switch {
		case reason != "":
			done.Left = append(done.Left, id+": "+reason)
		case seal.Ordinal > before.Ordinal || seal.Retired && !before.Retired || a.opened[id]:
			done.Shards = append(done.Shards, SealedRun{id, seal.First, seal.Ordinal, seal.Ordinal - max(before.Ordinal, seal.First-1), seal.Retired})
			next = next.With(seal)
		}
	}
	if len(done.Shards) > 0 {
		if a.version, err = a.c.Lake.Seal(ctx, a.version, next); err != nil {
			return p, done, err
		}
		a.seals = next
	}
	done.Tagged, err = a.tag(ctx)
	return p, done, err
}

// seal is a shard's seal as far as this audit has proved it, or why it is not.
func (a *Auditor) seal(ctx context.Context, s *shard, by string) (seal rawzone.Seal, reason string, err error) {
	before, sealed := a.seals.Of(a.chain(s))
	end := s.Ledger.Ordinal // of an object that is still open, too: once its rows are there, handing it over changes nothing
	for _, f := range a.found {
		switch {
		case f.Shard != s.id && f.Shard != "":
		case f.Kind != Pending:
			return seal, "something is wrong with it, so it is not proved", nil
		default:
			end = min(end, f.First-1)
		}
	}
	if sealed && end < before.Ordinal {
		return seal, "less of it is proved now than was sealed before", nil
	}
	seal = before // whose objects may be gone
	at := s.proved(end, time.Now().Add(-a.c.Grace))
	var o rawzone.Object
	for ; at >= 0 && s.lastOf(at) > before.Ordinal; at-- {
		if o, err = a.described(ctx, s.objects[at].key); err != nil {
			return seal, "", err
		}
		if o.Inside == "" { // a seal does not end inside a Kinesis record
			break
		}
	}
	if at >= 0 && s.lastOf(at) > before.Ordinal {
		last := s.objects[at]
		if o.LastOrdinal != s.lastOf(at) {
			return seal, "object " + o.Key + " does not end where the next one begins", nil
		}
		seal.Ordinal, seal.Begin, seal.Object, seal.LandedAt = o.LastOrdinal, o.FirstOrdinal, o.Key, last.modified
		seal.Sequence, seal.Subsequence = o.Passed.Sequence, o.Passed.Subsequence
		seal.Objects, seal.Records = o.TotalObjects, o.TotalRecords
	} else if !sealed {
		return seal, "no object of it is old enough, or it has none", nil
	} else if s.seal != nil { // nothing is new behind the seal
		return a.retire(s, before), "", nil
	}
	return a.compute(ctx, s, seal, by)
}

// compute fills a seal that says where it ends: what is new is asked once more, and all of it where no seal was believed.
func (a *Auditor) compute(ctx context.Context, s *shard, ends rawzone.Seal, by string) (seal rawzone.Seal, reason string, err error) {
	last := ends.Ordinal
	seal = ends
	seal.Generation, seal.Shard, seal.First, seal.At, seal.By = s.Ledger.Generation, s.id, s.first(), a.began, by
	seal.Ordinal, seal.Rows, seal.Sum, seal.Slices, seal.Rejected = s.Ledger.Base(), 0, "", nil, 0
	if s.seal != nil {
		seal.Ordinal, seal.Rows, seal.Sum, seal.Slices, seal.Rejected = s.seal.Ordinal, s.seal.Rows, s.seal.Sum, s.seal.Slices, s.seal.Rejected
	}
	from, _ := s.rejection(seal.Ordinal + 1)
	to, _ := s.rejection(last + 1)
	seal.Rejected += int64(to - from)
	for seal.Ordinal < last {
		_, _, end := seal.Slice(seal.Ordinal + 1)
		if seal, reason, err = a.lengthen(ctx, s, seal, min(end, last)); err != nil || reason != "" {
			return seal, reason, err
		}
	}
	return a.retire(s, seal), "", nil
}

// proved is the last object that ends no later than an ordinal and was written before a moment, as all in front of it were.
func (s *shard) proved(end int64, before time.Time) (at int) {
	for at = 0; at < len(s.objects) && s.lastOf(at) <= end && s.objects[at].ordinal <= s.Ledger.Ordinal && !s.objects[at].modified.After(before); {
		at++
	}
	return at - 1
}

// lengthen asks both tables once more for a run that follows the seal, and adds it where they agree on all of it.
func (a *Auditor) lengthen(ctx context.Context, s *shard, seal rawzone.Seal, last int64) (rawzone.Seal, string, error) {
	first := seal.Ordinal + 1
	var got [2]aggregate
	for i, place := range tables() {
		pieces, err := a.buckets(ctx, place, s.id, first, last, last-first+1)
		if err != nil {
			return seal, "", err
		}
		if got[i] = pieces[first]; got[i].rows == 0 {
			got[i].sum, got[i].print = "0", "0"
		}
		if !s.complete(first, last, got[i]) {
			return seal, "rows of it have changed since the audit began", nil
		}
	}
	if got[0].print != got[1].print {
		return seal, "rows of it have changed since the audit began", nil
	}
	seal, err := seal.Add(last, got[0].rows, got[0].sum, got[0].print)
	return seal, "", err
}

// settled is how long a closed shard's ledger must have stood still: what is written in the same second could not be told apart.
const settled = time.Minute

// retire marks the seal of a shard to which nothing can come any more.
func (a *Auditor) retire(s *shard, seal rawzone.Seal) rawzone.Seal {
	seal.Retired = s.Closed && s.Ledger.Open == "" && seal.Ordinal == s.Ledger.Ordinal && s.tally.Accepted == s.tally.Landed &&
		!s.LedgerAt.IsZero() && a.began.Sub(s.LedgerAt) > settled
	if seal.LedgerAt = s.LedgerAt; !seal.Retired {
		seal.LedgerAt = time.Time{}
	}
	return seal
}

// tagging is how many objects get their tags at once.
const tagging = 16

// tag sets the tags of sealed objects, where a rule of the bucket asks for them. The last object of each chain gets none: a ledger
// that is lost is rebuilt from it. Nor do objects of which rows were put aside: these may come back from quarantine, and are read from
// there then. Nor do names of which there are several for one ordinal, because all but one are void, and
// objects that did not land in their turn, which tell that their records have landed.
func (a *Auditor) tag(ctx context.Context) (n int64, err error) {
	if len(a.seals.Chains) == 0 {
		return 0, nil
	}
	if wanted, err := a.c.Lake.Expires(ctx); err != nil || !wanted {
		return 0, err
	}
	seals, keys := map[rawzone.Chain]rawzone.Seal{}, map[rawzone.Chain]map[int64][]string{}
	for _, seal := range a.seals.Chains {
		if seal.Tagged < seal.Begin-1 {
			seals[seal.Chain(a.c.Stream)] = seal
		}
	}
	behind := func(c rawzone.Chain) int64 {
		if seal, ok := seals[c]; ok {
			return seal.Tagged
		}
		return 1<<63 - 1
	}
	err = a.c.Lake.Unsealed(ctx, a.c.Stream, behind, func(key string, _ time.Time) error {
		c, _ := rawzone.ChainOf(key, a.c.Stream)
		if name, ok := c.Name(key); ok && name.Ordinal < seals[c].Begin {
			if keys[c] == nil {
				keys[c] = map[int64][]string{}
			}
			keys[c][name.Ordinal] = append(keys[c][name.Ordinal], key)
		}
		return nil
	})
	if err != nil || len(seals) == 0 {
		return 0, err
	}
	group, inside := errgroup.WithContext(ctx)
	group.SetLimit(tagging)
	next := a.seals
	for c, seal := range seals {
		aside, err := a.aside(ctx, c, seal)
		if err != nil {
			return 0, errors.Join(err, group.Wait())
		}
		for ordinal, names := range keys[c] {
			if len(names) == 1 && !aside[ordinal] {
				n++
				group.Go(func() error { return a.c.Lake.Tag(inside, names[0]) })
			}
		}
		seal.Tagged = seal.Begin - 1
		next = next.With(seal)
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	if a.version, err = a.c.Lake.Seal(ctx, a.version, next); err == nil {
		a.seals = next
	}
	return n, err
}

// aside are the first ordinals of a chain's objects of which rows were put aside, as far as the next tags go.
func (a *Auditor) aside(ctx context.Context, c rawzone.Chain, seal rawzone.Seal) (map[int64]bool, error) {
	out := map[int64]bool{}
	err := a.c.Lake.EntriesAfter(ctx, c.Quarantined(), rawzone.From(c.Quarantined(), seal.Tagged+1), func(key string, _ time.Time) error {
		ordinal, ok := c.RejectedBy(key)
		if ok && ordinal >= seal.Begin {
			return fs.SkipAll
		}
		if ok && rawzone.IsWithheld(key) {
			out[ordinal] = true
		}
		return nil
	})
	return out, err
}
