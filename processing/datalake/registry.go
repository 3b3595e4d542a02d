package datalake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/record/rawzone"
)

// ErrEnded means that a shard goes on in a later generation than the one that a writer knows: it must read the registry
// again. Nothing was changed.
var ErrEnded = errors.New("the generation has ended")

// Stream is a stream as a writer knows it.
type Stream struct {
	Name string
	// ARN and CreatedAt are empty and zero where nobody can say.
	ARN       string
	CreatedAt time.Time
}

// Registry are a stream's generations as they lay in the bucket when they were read or written.
type Registry struct {
	rawzone.Registry
	// etag names the version in the bucket; empty where there is no registry.
	etag string
}

// enrollTries bounds how often Enroll starts again because another writer was faster.
const enrollTries = 5

// Enroll returns the generations of a stream for a writer, and begins a new one where a life begins: with the first record,
// with a stream that was deleted and made again, and where the registry is gone. A stream whose name belongs to another
// stream is refused.
func (l *Lake) Enroll(ctx context.Context, s Stream) (Registry, error) {
	for range enrollTries {
		r, err := l.registry(ctx, s.Name)
		if err != nil {
			return r, err
		}
		next, err := l.next(ctx, r, s)
		if err != nil || next == nil {
			return r, err
		}
		out, err := l.register(ctx, r, *next)
		if !errors.Is(err, ErrFenced) {
			return out, err
		}
	}
	return Registry{}, fmt.Errorf("register stream %s: %w", s.Name, ErrFenced)
}

// next is what the registry must say for a stream, nil where it says it already.
func (l *Lake) next(ctx context.Context, r Registry, s Stream) (*rawzone.Registry, error) {
	born := rawzone.Generation{ARN: s.ARN, StreamCreatedAt: s.CreatedAt, BornAt: time.Now().UTC()}
	born.ID = rawzone.NewGeneration(born.BornAt, l.random())
	if r.etag == "" {
		found, err := l.discover(ctx, s)
		return &rawzone.Registry{Stream: s.Name, Generations: append(found, born)}, err
	}
	out := rawzone.Registry{Stream: s.Name, Generations: slices.Clone(r.Generations)}
	last := &out.Generations[len(out.Generations)-1]
	switch {
	case last.ARN != "" && s.ARN != "" && last.ARN != s.ARN:
		return nil, fmt.Errorf("bucket %s holds the rows of stream %s, and these records are of %s: give each stream a bucket or a name of its own; if the other stream is gone for good, rename %s, and its rows stay as they are",
			l.bucket, last.ARN, s.ARN, rawzone.RegistryKey(s.Name))
	case newer(s.CreatedAt, *last):
		for i := range out.Generations {
			out.Generations[i].Ended = true
		}
		out.Generations = append(out.Generations, born)
	case last.StreamCreatedAt.IsZero() && !s.CreatedAt.IsZero(), last.ARN == "" && s.ARN != "":
		last.ARN, last.StreamCreatedAt = s.ARN, s.CreatedAt
	default:
		return nil, nil
	}
	return &out, nil
}

// newer reports whether a stream that was created at a moment is another one than a generation's.
func newer(created time.Time, g rawzone.Generation) bool {
	switch {
	case created.IsZero():
		return false
	case g.StreamCreatedAt.IsZero():
		return created.Sub(g.BornAt) > patience
	}
	return created.Sub(g.StreamCreatedAt).Abs() > time.Second // Kinesis gives it as a float
}

// knows makes sure, before a shard begins in a registry's last generation, that the ledgers are in no other one: if an older copy of the
// registry was put back, the shard may have landed in a generation that it does not have.
func (l *Lake) knows(ctx context.Context, r Registry) error {
	return l.folders(ctx, rawzone.Ledgers+rawzone.Escape(r.Stream)+"/", func(folder string) error {
		id := path.Base(folder)
		if slices.ContainsFunc(r.Generations, func(g rawzone.Generation) bool { return g.ID == id }) {
			return nil
		}
		return fmt.Errorf("registry %s in bucket %s is older than the ledgers of generation %s, which it does not have: delete it to have it rebuilt from them: what is numbered goes on, and new shards get a new generation",
			rawzone.RegistryKey(r.Stream), l.bucket, id)
	})
}

// Registry returns the generations of a stream for a reader. Where there is no registry yet, or none any more, it is made up
// from the ledgers or the objects, and nothing is written.
func (l *Lake) Registry(ctx context.Context, stream string) (Registry, error) {
	r, err := l.registry(ctx, stream)
	if err == nil && r.etag == "" {
		r.Generations, err = l.discover(ctx, Stream{Name: stream})
		if len(r.Generations) == 0 {
			r.Generations = []rawzone.Generation{{Unclaimed: rawzone.AllShards}}
		}
	}
	return r, err
}

// Chains are all that a stream has or had a ledger of, or a claim.
func (l *Lake) Chains(ctx context.Context, stream string) ([]rawzone.Chain, error) {
	found := map[rawzone.Chain]bool{}
	err := l.List(ctx, rawzone.Ledgers+rawzone.Escape(stream)+"/", func(key string) error {
		if c, ok := rawzone.ChainOf(key, stream); ok {
			found[c] = true
		}
		return nil
	})
	return slices.SortedFunc(maps.Keys(found), rawzone.Chain.Compare), err
}

func (l *Lake) registry(ctx context.Context, stream string) (Registry, error) {
	key, empty := rawzone.RegistryKey(stream), Registry{Registry: rawzone.Registry{Stream: stream}}
	out, err := l.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &l.bucket, Key: &key})
	if is(err, "NoSuchKey") {
		return empty, nil
	}
	if err != nil {
		return empty, fmt.Errorf("read registry %s from bucket %s: %w", key, l.bucket, err)
	}
	defer out.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(out.Body); err != nil {
		return empty, fmt.Errorf("read registry %s from bucket %s: %w", key, l.bucket, err)
	}
	r, err := rawzone.DecodeRegistry(text.Bytes(), stream)
	if err != nil {
		return empty, fmt.Errorf("%w; delete %s in bucket %s to have it rebuilt from the ledgers and the raw zone: what is numbered goes on, and new shards get a new generation", err, key, l.bucket)
	}
	return Registry{r, aws.ToString(out.ETag)}, nil
}

// register replaces the registry that was read by the next one.
func (l *Lake) register(ctx context.Context, r Registry, next rawzone.Registry) (Registry, error) {
	key, text := rawzone.RegistryKey(next.Stream), next.Encode()
	in := &s3.PutObjectInput{Bucket: &l.bucket, Key: &key, Body: bytes.NewReader(text), ContentType: aws.String("application/json")}
	if r.etag == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &r.etag
	}
	out, err := l.api.PutObject(ctx, in)
	switch {
	case err == nil:
		return Registry{next, aws.ToString(out.ETag)}, nil
	case is(err, "PreconditionFailed"), is(err, "NoSuchKey"):
		return Registry{}, ErrFenced // if an answer was lost, the next look finds our own
	}
	return Registry{}, fmt.Errorf("write registry %s to bucket %s: %w", key, l.bucket, err)
}

// discover are the generations that lie in a bucket without a registry: those of the ledgers, and without any, those of the
// objects. It is asked once in a stream's life.
func (l *Lake) discover(ctx context.Context, s Stream) ([]rawzone.Generation, error) {
	found, err := l.ledgers(ctx, s)
	if err != nil || len(found) > 0 {
		return found, err
	}
	ids := map[string]bool{}
	var mu sync.Mutex
	err = l.each(ctx, rawzone.Rows, func(ctx context.Context, folder string) error {
		prefix := folder + rawzone.Escape(s.Name) + "/"
		return l.folders(ctx, prefix, func(below string) error {
			c, ok := rawzone.ChainOf(below+"any/any", s.Name)
			mu.Lock()
			defer mu.Unlock()
			ids[c.Generation] = ids[c.Generation] || ok
			return nil
		})
	})
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		found = append(found, rawzone.Generation{ID: id, ARN: s.ARN, BornAt: time.Now().UTC(), Unclaimed: rawzone.AllShards})
	}
	return found, err
}

// ledgers are the generations of which there are ledgers. They have ended if the stream is younger than all of them.
func (l *Lake) ledgers(ctx context.Context, s Stream) (found []rawzone.Generation, err error) {
	shards := map[string][]string{}
	var latest time.Time
	err = l.Entries(ctx, rawzone.Ledgers+rawzone.Escape(s.Name)+"/", func(key string, modified time.Time) error {
		if c, ok := rawzone.ChainOf(key, s.Name); ok {
			shards[c.Generation] = append(shards[c.Generation], c.Shard)
			if modified.After(latest) {
				latest = modified
			}
		}
		return nil
	})
	for _, id := range slices.Sorted(maps.Keys(shards)) { // ids sort by birth, and the oldest has none
		g := rawzone.Generation{ID: id, ARN: s.ARN, BornAt: time.Now().UTC(), Unclaimed: rawzone.AllShards}
		if id == "" {
			g.Unclaimed = rawzone.UnclaimedOf(shards[id])
		}
		g.Ended = !s.CreatedAt.IsZero() && s.CreatedAt.Sub(latest) > 0
		found = append(found, g)
	}
	return found, err
}

// stake claims a chain, and reports whether nobody had claimed it before. Claims are younger than the registry that names
// their generation: a rule that deletes what is old deletes the registry first, and a new one begins a new generation.
func (l *Lake) stake(ctx context.Context, c rawzone.Chain) (fresh bool, err error) {
	key, mine := c.ClaimKey(), fmt.Appendf(nil, "%016x %s\n", l.random(), time.Now().UTC().Format(time.RFC3339))
	_, err = l.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &l.bucket, Key: &key, Body: bytes.NewReader(mine), IfNoneMatch: aws.String("*"), ContentType: aws.String("text/plain"),
	})
	if err == nil {
		return true, nil
	}
	if !is(err, "PreconditionFailed") {
		return false, fmt.Errorf("claim %s in bucket %s: %w", key, l.bucket, err)
	}
	theirs, err := l.Read(ctx, key) // ours, if an answer was lost
	return bytes.Equal(theirs, mine), err
}

// Claimed reports whether a chain has begun.
func (l *Lake) Claimed(ctx context.Context, c rawzone.Chain) (bool, error) {
	_, err := l.Metadata(ctx, c.ClaimKey())
	if is(err, "NotFound") {
		return false, nil
	}
	return err == nil, err
}
