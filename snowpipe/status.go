package snowpipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Status is what the service says of a channel.
type Status struct {
	Channel string
	// Code is SUCCESS for a channel that works; see Err.
	Code string
	// CommittedToken is the offset token up to which rows are in the table. Committed is false if nothing with a token has
	// been committed: a token that is empty cannot be told from none.
	CommittedToken string
	Committed      bool
	// Created is when the channel was made. It changes when a channel is dropped and made again, and its counts begin anew.
	Created time.Time
	// RowsInserted, RowsParsed and RowErrors count over the channel's life. A row that the table does not take counts
	// as an error, and the committed token moves over it.
	RowsInserted, RowsParsed, RowErrors int64
	// LastErrorToken is the end token of the append that the last such row was in, LastErrorMessage the reason, which may
	// quote the row's values.
	LastErrorToken, LastErrorMessage string
	LastErrorAt                      time.Time
	// Latency is the service's own average from append to commit.
	Latency time.Duration
}

// Err is nil if the channel works, and otherwise an *Error whose action is OpenAgain.
func (s Status) Err() error {
	if s.Code == "SUCCESS" || s.Code == "ACTIVE" {
		return nil
	}
	action := OpenAgain
	if a, ok := actions[s.Code]; ok && a != TryAgain {
		action = a
	}
	return &Error{Op: "channel " + s.Channel, Code: s.Code, Status: http.StatusOK, Action: action}
}

// wireStatus is a status as the service sends it. The names of the counts differ between the documentation and the service.
type wireStatus struct {
	Channel      string  `json:"channel_name"`
	Code         string  `json:"channel_status_code"`
	Token        *string `json:"last_committed_offset_token"`
	Created      int64   `json:"created_on_ms"`
	Inserted     int64   `json:"rows_inserted"`
	Parsed       int64   `json:"rows_parsed"`
	Errors       int64   `json:"rows_error_count"`
	ErrorsDoc    int64   `json:"rows_errors"`
	ErrorToken   *string `json:"last_error_offset_upper_bound"`
	ErrorMessage *string `json:"last_error_message"`
	ErrorTime    *int64  `json:"last_error_timestamp_ms"`
	Latency      *int64  `json:"snowflake_avg_processing_latency_ms"`
}

func (w wireStatus) status() Status {
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	s := Status{
		Channel: w.Channel, Code: w.Code, CommittedToken: text(w.Token), Committed: text(w.Token) != "", Created: time.UnixMilli(w.Created),
		RowsInserted: w.Inserted, RowsParsed: w.Parsed, RowErrors: max(w.Errors, w.ErrorsDoc),
		LastErrorToken: text(w.ErrorToken), LastErrorMessage: printable(text(w.ErrorMessage), maxMessage),
	}
	if w.ErrorTime != nil {
		s.LastErrorAt = time.UnixMilli(*w.ErrorTime)
	}
	if w.Latency != nil {
		s.Latency = time.Duration(*w.Latency) * time.Millisecond
	}
	return s
}

// parseOpened reads the answer to an open.
func parseOpened(body []byte) (token string, s Status, err error) {
	var out struct {
		Token  *string     `json:"next_continuation_token"`
		Status *wireStatus `json:"channel_status"`
	}
	if json.Unmarshal(body, &out) != nil || out.Token == nil || out.Status == nil || out.Status.Code == "" {
		return "", s, errors.New("the answer has no continuation token or no status")
	}
	return *out.Token, out.Status.status(), nil
}

// parseAppended reads the answer to an append.
func parseAppended(body []byte) (token string, err error) {
	var out struct {
		Token *string `json:"next_continuation_token"`
	}
	if json.Unmarshal(body, &out) != nil || out.Token == nil {
		return "", errors.New("the answer has no continuation token")
	}
	return *out.Token, nil
}

// parseStatuses reads the answer to a bulk status.
func parseStatuses(body []byte) (map[string]Status, error) {
	var out struct {
		Statuses map[string]wireStatus `json:"channel_statuses"`
	}
	if json.Unmarshal(body, &out) != nil || out.Statuses == nil {
		return nil, errors.New("the answer has no channel_statuses")
	}
	all := make(map[string]Status, len(out.Statuses))
	for name, w := range out.Statuses {
		s := w.status()
		s.Channel = name
		all[name] = s
	}
	return all, nil
}

// maxNames is how many channels one request may ask for.
const maxNames = 100

// Statuses asks for channels, whether this client has them open or not, with one request for each 100 names. Names are
// case-sensitive here. A channel that does not exist has no entry.
func (p Pipe) Statuses(ctx context.Context, names ...string) (map[string]Status, error) {
	all := make(map[string]Status, len(names))
	for part := range slices.Chunk(names, maxNames) {
		body, err := json.Marshal(map[string][]string{"channel_names": part})
		if err != nil {
			return nil, fmt.Errorf("ask for channels of %s: %w", p, err)
		}
		r := request{
			op: fmt.Sprintf("ask for %d channels of %s", len(part), p), method: http.MethodPost, path: p.path("") + ":bulk-channel-status",
			body: body, header: jsonBody,
		}
		got, err := p.client.do(ctx, r)
		if err != nil {
			return nil, err
		}
		some, err := parseStatuses(got.body)
		if err != nil {
			return nil, &Error{Op: r.op, Status: got.status, Action: TryAgain, Err: err}
		}
		for name, s := range some {
			all[name] = s
		}
	}
	return all, nil
}

var jsonBody = map[string]string{"Content-Type": "application/json"}

// pollEvery is how often Wait asks.
const pollEvery = time.Second

// Wait asks for the channel's status until reached says so of the committed token, and returns the last one. It ends with an
// error if the channel does not work any more, is gone, or if the context ends.
func (c *Channel) Wait(ctx context.Context, reached func(committed string) bool) (Status, error) {
	op := fmt.Sprintf("wait for a commit of %s", c)
	var last Status
	for {
		all, err := c.pipe.Statuses(ctx, c.name)
		if err != nil {
			return last, err
		}
		s, ok := all[c.name]
		if !ok {
			return last, &Error{Op: op, Status: http.StatusOK, Action: OpenAgain, Err: errors.New("there is no such channel any more")}
		}
		last = s
		if s.Committed && reached(s.CommittedToken) {
			return s, nil
		}
		if err := s.Err(); err != nil {
			return s, err
		}
		if !wait(ctx, pollEvery) {
			err := context.Cause(ctx)
			if err == nil {
				err = context.DeadlineExceeded
			}
			return s, &Error{Op: op, Action: TryAgain, Err: err}
		}
	}
}

// Pipe is where rows go: a streaming pipe of a table. It is a value, made without asking the service.
type Pipe struct {
	client                 *Client
	database, schema, name string
}

// Pipe returns a pipe by its names as Snowflake stores them, mostly in upper case.
func (c *Client) Pipe(database, schema, name string) Pipe { return Pipe{c, database, schema, name} }

// DefaultPipe is the pipe that each table has without anybody creating it. It finds columns by their names.
func (c *Client) DefaultPipe(database, schema, table string) Pipe {
	return c.Pipe(database, schema, table+"-STREAMING")
}

// String is the pipe's full name.
func (p Pipe) String() string { return p.database + "." + p.schema + "." + p.name }

// path is where the pipe is, below /v2/streaming and a further folder.
func (p Pipe) path(folder string) string {
	return "/v2/streaming" + folder + "/databases/" + url.PathEscape(p.database) + "/schemas/" + url.PathEscape(p.schema) + "/pipes/" + url.PathEscape(p.name)
}
