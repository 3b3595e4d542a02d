package snowpipe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Channel is an open named channel. It is for one goroutine: its appends follow one another.
type Channel struct {
	pipe   Pipe
	name   string
	opened Status
	// token is the next append's, session the affinity that the last append's answer asked for.
	token, session string
	// void says why nothing can be appended any more.
	void error
	// packed is the memory of the last cut, ratio what it was compressed to.
	packed []byte
	ratio  float64
}

// OpenOptions says what becomes of rows that the channel's previous opener has appended and that are not committed yet.
type OpenOptions struct {
	// Wait is how long they may take to become committed. 0 drops them at once.
	Wait time.Duration
	// Keep refuses to drop them: after Wait, Open fails with CodeUncommitted. Without it they are dropped after Wait.
	Keep bool
}

// Open opens a channel, which is made if it does not exist. All earlier openers are locked out. Its status says from where on
// to append; rows of earlier openers that were not committed by now are gone and have to be appended again.
func (p Pipe) Open(ctx context.Context, name string, o OpenOptions) (*Channel, error) {
	c := &Channel{pipe: p, name: name}
	err := c.open(ctx, o.Wait > 0 || o.Keep, o.Wait)
	if CodeOf(err) == CodeUncommitted && !o.Keep {
		err = c.open(ctx, false, 0)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Channel) open(ctx context.Context, refuse bool, patience time.Duration) error {
	r := request{
		op: "open " + c.String(), method: http.MethodPut, path: c.path(""), header: jsonBody, patience: patience,
		body: []byte(`{"fail_on_uncommitted_rows":` + strconv.FormatBool(refuse) + `}`),
	}
	got, err := c.pipe.client.do(ctx, r)
	if err != nil {
		return err
	}
	token, status, err := parseOpened(got.body)
	if err != nil {
		return &Error{Op: r.op, Status: got.status, Action: TryAgain, Err: err}
	}
	if err := status.Err(); err != nil {
		var e *Error
		if errors.As(err, &e) && e.Action == OpenAgain {
			e.Action = TryAgain // it was just opened
		}
		return err
	}
	c.token, c.opened = token, status
	return nil
}

// Opened is the channel's status when it was opened.
func (c *Channel) Opened() Status { return c.opened }

// Name is the channel's name.
func (c *Channel) Name() string { return c.name }

// String is the channel's full name.
func (c *Channel) String() string { return "channel " + c.pipe.String() + "/" + c.name }

func (c *Channel) path(folder string) string {
	return c.pipe.path(folder) + "/channels/" + url.PathEscape(c.name)
}

// errNothing refuses an empty batch: the service would move no token for it.
var errNothing = errors.New("the batch has no rows")

// Append sends the batch's rows, cut so that no request has more than 4 MB on the wire, each with the tokens of its own first
// and last row. It returns once the service has received all of them; see Wait for when they are in the table. After an error
// of the service the channel is void, and rows of the batch may have been received.
func (c *Channel) Append(ctx context.Context, b *Batch) error {
	if c.void != nil {
		return &Error{Op: "append to " + c.String(), Action: ActionOf(c.void), Err: fmt.Errorf("the channel is void since an earlier call: %w", c.void)}
	}
	if b.Len() == 0 {
		return errNothing
	}
	for at := 0; at < b.Len(); {
		part, err := b.cut(at, c.pipe.client.packer, c.packed, c.ratio)
		if err != nil {
			return fmt.Errorf("append to %s: %w", c, err)
		}
		c.packed, c.ratio = part.packed, float64(len(part.packed))/float64(part.size)
		if err := c.send(ctx, part); err != nil {
			c.void = err
			return err
		}
		at = part.end
	}
	return nil
}

func (c *Channel) send(ctx context.Context, part cut) error {
	r := request{
		op: "append to " + c.String(), method: http.MethodPost, path: c.path("/data") + "/rows", rows: true, body: part.packed,
		query:  [][2]string{{"startOffsetToken", part.first}, {"endOffsetToken", part.last}, {"continuationToken", c.token}},
		header: rowsHeader(c.pipe.client.packer.how, part.size),
	}
	if c.session != "" {
		r.header["X-Snowflake-Session"] = c.session
	}
	got, err := c.pipe.client.do(ctx, r)
	if err != nil {
		return outcome(err)
	}
	if c.token, err = parseAppended(got.body); err != nil {
		return &Error{Op: r.op, Status: got.status, Action: OpenAgain, Err: err}
	}
	c.session = got.header.Get("X-Snowflake-Session")
	return nil
}

// rowsHeader describes a body of rows.
func rowsHeader(how Compression, size int) map[string]string {
	return map[string]string{
		"Content-Type": "application/x-ndjson", "Content-Encoding": string(how), "X-Snowflake-Uncompressed-Content-Length": strconv.Itoa(size),
	}
}

// outcome is the error of an append. What could be tried again has been: whether the rows were received is not known, and only
// opening the channel again tells.
func outcome(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Action == TryAgain {
		e.Action = OpenAgain
	}
	return err
}

// Drop removes a channel, open or not, with its committed token and its counts. With keep it fails with CodeUncommitted while
// rows are not committed; without it they may be lost.
func (p Pipe) Drop(ctx context.Context, name string, keep bool) error {
	c := &Channel{pipe: p, name: name}
	r := request{op: "drop " + c.String(), method: http.MethodDelete, path: c.path("")}
	if keep {
		r.body, r.header = []byte(`{"fail_on_uncommitted_rows":true}`), jsonBody
	}
	_, err := p.client.do(ctx, r)
	return err
}
