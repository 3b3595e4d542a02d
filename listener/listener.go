// Package listener is Kinesis seen from the client's side: it puts records into a stream, reads them back, measures
// the lag of a reader and creates the stream where there is none. It owns the Kinesis SDK.
//
//   - [Writer] turns entries into PutRecords calls, sends again what a call did not take, and says what became of
//     each entry (writer.go). It can keep shards apart and pack the records of each into few (route.go).
//   - [Reader] lists the shards, reads a shard to its present end and tells how far behind a position is (reader.go,
//     shards.go).
//   - [EnsureStream] creates a stream, or refuses one of another size (stream.go).
//
// A put whose answer is lost is sent again, because nobody can know whether it was stored. The stream then holds
// such a record twice, under two sequence numbers: to everything downstream these are two records.
//
// Writers and readers own all their retries (retry.go): they switch the SDK's off, so that no record is sent again
// uncounted.
package listener

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/snowstream/snowstream/internal/plainbody"
)

const (
	// DefaultMaxElapsed is how long writers and readers go on without any success.
	DefaultMaxElapsed = 2 * time.Minute
	// DefaultMinDelay and DefaultMaxDelay bound the pauses between retries.
	DefaultMinDelay = 100 * time.Millisecond
	DefaultMaxDelay = 5 * time.Second

	// callTimeout ends a call that gets no answer; it is then one of unknown outcome.
	callTimeout = 30 * time.Second
)

// once is the call option that leaves retrying to us, and no answer to chance.
func once(o *kinesis.Options) {
	o.Retryer = aws.NopRetryer{}
	o.APIOptions = append(o.APIOptions, plainbody.Add)
}

// sleep waits, and fails if ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
