package streaming

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// The states of a channel, and the codes of refusals.
const (
	codeSuccess       = "SUCCESS"
	codeMustReopen    = "ERR_CHANNEL_MUST_BE_REOPENED"
	codeGap           = "ERR_CHANNEL_MUST_BE_REOPENED_DUE_TO_ROW_SEQ_GAP"
	codeStale         = "STALE_CONTINUATION_TOKEN_SEQUENCER"
	codeBadToken      = "ERR_INVALID_CONTINUATION_TOKEN"
	codeUncommitted   = "ERR_CHANNEL_HAS_UNCOMMITTED_DATA"
	codeOpening       = "ERR_OPEN_CHANNEL_IN_PROGRESS"
	codeNoChannel     = "ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED"
	codeNoPipe        = "ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"
	codePaused        = "ERR_PIPE_IS_PAUSED"
	codeSaturated     = "ReceiverSaturated"
	codeBadRequest    = "INVALID_REQUEST"
	codeTooLarge      = "REQUEST_TOO_LARGE"
	codeUnauthorized  = "UNAUTHORIZED"
	codeRetry         = "ERR_GENERAL_EXCEPTION_RETRY_REQUEST"
	codeInvalidClient = "InvalidClientException"
)

// channelKey finds a channel: URLs do not tell capital letters from small ones.
type channelKey struct {
	pipe int64
	name string
}

func keyOf(pipe *Pipe, name string) channelKey { return channelKey{pipe.ID, strings.ToUpper(name)} }

// channel is one channel of a pipe. The server's mu covers it.
type channel struct {
	state
	// appends were acknowledged since the last commit, in order.
	appends []batch
	// next is the row sequencer that the next append must have: state.Row and those of appends.
	next int64
}

// state is what a commit makes durable.
type state struct {
	// ID is never used again, not even when the channel is dropped and made anew: no old continuation token fits.
	ID      int64
	PipeID  int64
	Pipe    dialect.Name
	TableID int64
	// Name is spelled as the first opening had it; the status asks for that spelling.
	Name    string
	Created time.Time
	// Client counts openings, Row the appends since the last one.
	Client, Row int64
	// Token is the offset token of the last committed append; nil before the first.
	Token                    *string
	Inserted, Parsed, Errors int64
	// ErrorToken, ErrorMessage and ErrorTime are of the last rejected row.
	ErrorToken, ErrorMessage *string
	ErrorTime                *time.Time
	// Used is when the channel was opened or committed last.
	Used time.Time
	Code string
	// Latency is a smoothed time from an append to its commit, in milliseconds.
	Latency int64
}

// batch is one append.
type batch struct {
	body    []byte  // NDJSON, unpacked
	end     *string // the offset token behind it; nil leaves the channel's
	arrived time.Time
}

// refusal is an answer other than 200.
type refusal struct {
	status  int
	code    string
	message string
	// after is the Retry-After header, in seconds; 0 for none.
	after int
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

func refuse(status int, code, format string, args ...any) error {
	return &refusal{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// token is a continuation token: which channel, which opening of it, which append.
type token struct{ channel, client, row int64 }

func (t token) String() string {
	return strconv.FormatInt(t.channel, 10) + "_" + strconv.FormatInt(t.client, 10) + "_" + strconv.FormatInt(t.row, 10)
}

func parseToken(text string) (t token, err error) {
	parts := strings.Split(text, "_")
	if len(parts) != 3 {
		return t, refuse(http.StatusBadRequest, codeBadToken, "The continuation token is not one of this server: open the channel.")
	}
	for i, to := range []*int64{&t.channel, &t.client, &t.row} {
		n, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil || n < 0 {
			return t, refuse(http.StatusBadRequest, codeBadToken, "The continuation token is not one of this server: open the channel.")
		}
		*to = n
	}
	return t, nil
}

func (c *channel) token() token { return token{c.ID, c.Client, c.next} }

// maxBuffered is how much may be appended and not committed, of all channels; more is refused until the next commit.
// commitAt is how much makes a commit begin before its time.
const (
	maxBuffered = 128 << 20
	commitAt    = 16 << 20
)

// append takes rows to a channel and returns the next continuation token, as the service was seen to do it.
func (s *Server) append(pipe *Pipe, name string, t token, b batch) (token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[keyOf(pipe, name)]
	switch {
	case pipe.Paused:
		return t, refuse(http.StatusConflict, codePaused, "The pipe is paused.")
	case s.closed:
		return t, refuse(http.StatusServiceUnavailable, codeRetry, "The warehouse is stopping.")
	case c == nil:
		return t, refuse(http.StatusConflict, codeNoChannel, "The channel does not exist: open it.")
	case t.channel != c.ID || t.client < c.Client:
		return t, refuse(http.StatusBadRequest, codeStale, "The channel was opened again after this continuation token was given.")
	case c.Code != codeSuccess:
		return t, refuse(http.StatusConflict, c.Code, "The channel must be opened again.")
	case t.client > c.Client:
		return t, refuse(http.StatusBadRequest, codeBadToken, "The continuation token is not one of this server: open the channel.")
	case t.row < c.next:
		return c.token(), nil // used before: the rows are dropped without a word
	case t.row > c.next:
		// Appends that were acknowledged went with a former process.
		return t, refuse(http.StatusConflict, codeGap, "Appends before this one are missing: open the channel again and replay from the committed offset token.")
	case s.buffered+len(b.body) > maxBuffered:
		s.hurry()
		return t, &refusal{http.StatusTooManyRequests, codeSaturated, "Too much is appended and not committed yet: try again.", 1}
	}
	c.appends = append(c.appends, b)
	c.next++
	if s.buffered += len(b.body); s.buffered > commitAt {
		s.hurry()
	}
	return c.token(), nil
}

// hurry makes the next commit begin now. The caller holds mu.
func (s *Server) hurry() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// discard drops what a channel has not committed. The caller holds mu.
func (s *Server) discard(c *channel) {
	for _, b := range c.appends {
		s.buffered -= len(b.body)
	}
	c.appends, c.next = nil, c.Row
}

// opening is how a channel is opened.
type opening struct {
	// offset replaces the committed offset token.
	offset *string
	// keep refuses to open a channel that has uncommitted rows, instead of dropping them.
	keep bool
}

// open opens a channel, which is made if it is not there, and makes every earlier continuation token void.
func (s *Server) open(ctx context.Context, pipe *Pipe, name string, o opening) (channel, error) {
	key := keyOf(pipe, name)
	if err := s.beginOpening(key); err != nil {
		return channel{}, err
	}
	defer s.endOpening(key)
	s.committing.Lock() // a commit under way is waited for: its rows count
	defer s.committing.Unlock()
	s.mu.Lock()
	next := channel{state: state{PipeID: pipe.ID, Pipe: pipe.Name, TableID: pipe.TableID, Name: name, Created: time.Now()}}
	known := s.channels[key]
	if known != nil {
		if o.keep && len(known.appends) > 0 && known.Code == codeSuccess {
			s.mu.Unlock()
			return channel{}, refuse(http.StatusConflict, codeUncommitted, "The channel has rows that are not committed yet.")
		}
		next.state = known.state
	}
	s.mu.Unlock()
	next.Client, next.Row, next.Code, next.Used = next.Client+1, 0, codeSuccess, time.Now()
	if o.offset != nil {
		next.Token = o.offset
	}
	if err := s.store(ctx, &next.state); err != nil {
		return channel{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known != nil {
		s.discard(known) // also what was appended while the opening was stored: its token was void already
	}
	opened := next
	s.channels[key] = &opened
	return next, nil
}

func (s *Server) beginOpening(key channelKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opening[key] {
		return refuse(http.StatusConflict, codeOpening, "The channel is being opened by somebody else.")
	}
	s.opening[key] = true
	return nil
}

func (s *Server) endOpening(key channelKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.opening, key)
}

// drop ends a channel, with its offset token and its counters. Dropping one that is not there is no error.
func (s *Server) drop(ctx context.Context, pipe *Pipe, name string, keep bool) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	s.mu.Lock()
	c := s.channels[keyOf(pipe, name)]
	if c == nil {
		s.mu.Unlock()
		return nil
	}
	if keep && len(c.appends) > 0 {
		s.mu.Unlock()
		return refuse(http.StatusConflict, codeUncommitted, "The channel has rows that are not committed yet.")
	}
	id := c.ID
	s.mu.Unlock()
	if err := s.forget(ctx, id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.discard(c)
	delete(s.channels, keyOf(pipe, name))
	return nil
}

// ErrNoChannel means that a pipe has no channel of that name.
var ErrNoChannel = errors.New("the channel does not exist")

// Invalidate makes a channel refuse appends until it is opened again, as the service does when it has lost its place.
// What is not committed is dropped. The name is spelled as it was when the channel was made.
func (s *Server) Invalidate(ctx context.Context, pipe *Pipe, name string) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	s.mu.Lock()
	c := s.channels[keyOf(pipe, name)]
	if c == nil || c.Name != name {
		s.mu.Unlock()
		return ErrNoChannel
	}
	next := c.state
	s.mu.Unlock()
	next.Code = codeMustReopen
	if err := s.store(ctx, &next); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.state = next
	s.discard(c)
	return nil
}
