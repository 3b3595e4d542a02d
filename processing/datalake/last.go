package datalake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// The folder of an object comes from its first record, so nobody can name a shard's last object. What can be done is to ask
// each folder for what it has of the shard behind an ordinal: a request for each folder, whatever the objects in them.

// folders calls yield with each folder directly below a prefix, both with their slash at the end.
func (l *Lake) folders(ctx context.Context, prefix string, yield func(folder string) error) error {
	pages := s3.NewListObjectsV2Paginator(l.api, &s3.ListObjectsV2Input{Bucket: &l.bucket, Prefix: &prefix, Delimiter: aws.String("/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the folders of %s in bucket %s: %w", prefix, l.bucket, err)
		}
		for _, p := range page.CommonPrefixes {
			if err := yield(aws.ToString(p.Prefix)); err != nil {
				return err
			}
		}
	}
	return nil
}

// each calls do for each folder below a prefix, several at once.
func (l *Lake) each(ctx context.Context, prefix string, do func(ctx context.Context, folder string) error) error {
	var all []string
	err := l.folders(ctx, prefix, func(folder string) error {
		all = append(all, folder)
		return nil
	})
	if err != nil {
		return err
	}
	group, inside := errgroup.WithContext(ctx)
	group.SetLimit(l.parallel)
	for _, folder := range all {
		group.Go(func() error { return do(inside, folder) })
	}
	return group.Wait()
}

// eachOfRows is each for the folders of objects that landed in their turn.
func (l *Lake) eachOfRows(ctx context.Context, do func(ctx context.Context, folder string) error) error {
	return l.each(ctx, rawzone.Rows, func(ctx context.Context, folder string) error {
		if !rawzone.HasRows(folder) {
			return nil
		}
		return do(ctx, folder)
	})
}

// page is how many keys a listing's answer has at most.
const page = 1000

// name is the key of an object of rows and what it says.
type name struct {
	rawzone.Name
	key string
}

// look returns the first names of a chain in one folder behind an ordinal, at most a page of them, and whether there are more.
func (l *Lake) look(ctx context.Context, folder string, c rawzone.Chain, ordinal int64) (names []name, more bool, err error) {
	prefix := c.RowsIn(folder)
	out, err := l.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
		Bucket: &l.bucket, Prefix: &prefix, MaxKeys: aws.Int32(page), StartAfter: aws.String(rawzone.From(prefix, ordinal+1)),
	})
	if err != nil {
		return nil, false, fmt.Errorf("list %s in bucket %s: %w", prefix, l.bucket, err)
	}
	for _, o := range out.Contents {
		if n, ok := c.Name(aws.ToString(o.Key)); ok {
			names = append(names, name{n, aws.ToString(o.Key)})
		}
	}
	return names, aws.ToBool(out.IsTruncated), nil
}

// seek finds the last of a chain's names in one folder that is in front of a point and behind an ordinal: it returns all names of the
// folder in front of the point that are behind from. Where there are many pages it goes ahead in growing steps, and then halves its
// way: some forty requests, whatever there is.
func (l *Lake) seek(ctx context.Context, folder string, c rawzone.Chain, ordinal int64, before func(rawzone.Name) bool) (names []name, from int64, err error) {
	low, step, end := ordinal, int64(page), int64(-1)
	for middle := low; ; {
		found, more, err := l.look(ctx, folder, c, middle)
		n := len(found) - 1
		switch {
		case err != nil:
			return nil, 0, err
		case n < 0 || !before(found[0].Name):
			end = middle
		case !more || !before(found[n].Name):
			return slices.DeleteFunc(found, func(n name) bool { return !before(n.Name) }), middle, nil
		case found[n].Ordinal-1 <= low: // a page of names that were made void, of one ordinal
			next, _, err := l.look(ctx, folder, c, found[n].Ordinal)
			if err != nil || len(next) == 0 || !before(next[0].Name) {
				names, failed := l.within(ctx, folder, c, low, found[n].Ordinal)
				return names, low, cmp.Or(err, failed)
			}
			low = found[n].Ordinal
		default:
			low, step = found[n].Ordinal-1, step*2
		}
		switch {
		case end == low:
			return nil, low, nil
		case end < 0:
			middle = low + step
		case end-low <= page:
			middle = low
		default:
			middle = low + (end-low)/2
		}
	}
}

// tail returns the last of a chain's names in front of a point and behind an ordinal, over all folders: all of them that are behind
// from, the last one included. It costs a request for each folder, because each begins to look where others have come to.
func (l *Lake) tail(ctx context.Context, c rawzone.Chain, ordinal int64, before func(rawzone.Name) bool) (names []name, from int64, err error) {
	from, top := ordinal, ordinal
	var mu, far sync.Mutex // far is held by the one who goes far
	err = l.eachOfRows(ctx, func(ctx context.Context, folder string) error {
		mu.Lock()
		start := top
		mu.Unlock()
		found, more, err := l.look(ctx, folder, c, start)
		if n := len(found) - 1; err == nil && more && n >= 0 && before(found[n].Name) {
			far.Lock()
			defer far.Unlock()
			mu.Lock()
			start = max(top, found[n].Ordinal-1)
			mu.Unlock()
			found, start, err = l.seek(ctx, folder, c, start, before)
		}
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		from = max(from, start)
		for _, n := range found {
			if before(n.Name) {
				names, top = append(names, n), max(top, n.Ordinal-1)
			}
		}
		return nil
	})
	names = slices.DeleteFunc(names, func(n name) bool { return n.Ordinal <= from })
	return sorted(names), from, err
}

// stretch returns a chain's names with ordinals behind one and up to another, the highest ones first.
func (l *Lake) stretch(ctx context.Context, c rawzone.Chain, after, upTo int64) (names []name, err error) {
	var mu sync.Mutex
	err = l.eachOfRows(ctx, func(ctx context.Context, folder string) error {
		found, err := l.within(ctx, folder, c, after, upTo)
		mu.Lock()
		defer mu.Unlock()
		names = append(names, found...)
		return err
	})
	return sorted(names), err
}

// within is stretch for one folder, the lowest ones first.
func (l *Lake) within(ctx context.Context, folder string, c rawzone.Chain, after, upTo int64) (names []name, err error) {
	prefix := c.RowsIn(folder)
	err = l.EntriesAfter(ctx, prefix, rawzone.From(prefix, after+1), func(key string, _ time.Time) error {
		n, ok := c.Name(key)
		if ok && n.Ordinal > upTo {
			return fs.SkipAll
		}
		if ok {
			names = append(names, name{n, key})
		}
		return nil
	})
	return names, err
}

func sorted(names []name) []name {
	slices.SortFunc(names, func(a, b name) int { return cmp.Or(cmp.Compare(b.Ordinal, a.Ordinal), cmp.Compare(b.Turn, a.Turn)) })
	return names
}

// window is how many ordinals backward looks at first behind what tail has found: one look at each folder, as long as none has more
// than a page of names there.
const window = 1 << 14

// backward yields a chain's names of objects that landed in their turn, void ones among them, from the last one in front of a point
// down to the first one behind an ordinal. What it costs depends on the folders, and on how far back it is asked, not on how
// many objects there are.
func (l *Lake) backward(ctx context.Context, c rawzone.Chain, ordinal int64, before func(rawzone.Name) bool) iter.Seq2[name, error] {
	return func(yield func(name, error) bool) {
		names, from, err := l.tail(ctx, c, ordinal, before)
		for wide := int64(window); err == nil; wide *= 16 {
			for _, n := range names {
				if !yield(n, nil) {
					return
				}
			}
			if from == ordinal {
				return
			}
			next := max(ordinal, from-wide)
			names, err = l.stretch(ctx, c, next, from)
			from = next
		}
		yield(name{}, err)
	}
}

// everything is in front of a chain's end.
func everything(rawzone.Name) bool { return true }

// Since returns the keys of a chain's objects that landed in their turn, in order and void ones among them, from the last one on that
// begins in front of a Kinesis record: no other has that record, or one behind it.
func (l *Lake) Since(ctx context.Context, c rawzone.Chain, base int64, sequence string) (keys []string, err error) {
	after := base
	for n, err := range l.backward(ctx, c, base, func(n rawzone.Name) bool { return record.CompareSequence(n.First.Sequence, sequence) < 0 }) {
		if err == nil {
			_, err = l.Object(ctx, n.key)
		}
		if errors.Is(err, rawzone.ErrVoid) {
			continue
		}
		if err != nil {
			return nil, err
		}
		after = n.Ordinal - 1
		break
	}
	names, err := l.stretch(ctx, c, after, math.MaxInt64)
	for _, n := range slices.Backward(names) {
		keys = append(keys, n.key)
	}
	return keys, err
}
