package snowpipe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Retry is how a call is repeated: after First, then after twice as long each time, at most after Longest, each pause longer
// or shorter by up to a half. A Retry-After of the service is waited for. A call whose context would end before the next
// attempt returns at once.
type Retry struct {
	// Tries is how often a request is sent at most; 0 means 8, about a minute.
	Tries int
	// First is the first pause, 0 means 500 ms; Longest bounds all pauses, 0 means 15 s.
	First, Longest time.Duration
	// Timeout bounds each attempt; 0 means 30 s.
	Timeout time.Duration
	// Jitter draws from 0 to 1, where in its range a pause lies; nil draws at random. A simulation has its own.
	Jitter func() float64
}

func (r Retry) orDefault() Retry {
	if r.Tries <= 0 {
		r.Tries = 8
	}
	for value, standard := range map[*time.Duration]time.Duration{&r.First: 500 * time.Millisecond, &r.Longest: 15 * time.Second, &r.Timeout: 30 * time.Second} {
		if *value <= 0 {
			*value = standard
		}
	}
	if r.Jitter == nil {
		r.Jitter = rand.Float64
	}
	return r
}

// pause is how long to wait after a number of tries.
func (r Retry) pause(tries int, wanted time.Duration) time.Duration {
	d := r.First
	for range tries - 1 {
		if d *= 2; d >= r.Longest {
			break
		}
	}
	d = time.Duration(float64(min(d, r.Longest)) * (0.5 + r.Jitter()))
	return max(d, wanted)
}

// request is a call, which may take several attempts. All of them have the same id and the same bytes.
type request struct {
	// op is what is done, for errors.
	op           string
	method, path string
	// query is what stands in front of the request's id, in order, name and value.
	query  [][2]string
	body   []byte
	header map[string]string
	// login makes this a call to the account's host with a login token. form is the host that a token exchange is for.
	login bool
	form  string
	// patience is how long CodeUncommitted is waited out.
	patience time.Duration
	// rows says that the service's message may quote rows, and that the outcome of a failed attempt is unknown.
	rows bool
}

// answer is what came back from a call that has succeeded.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// maxAnswer bounds what is read of an answer. The longest real ones, the status of 100 channels, have some 60 KB.
const maxAnswer = 4 << 20

// idleLimit is how long by the wall clock a connection may have gone unused. Whoever stood still for longer has
// connections that the other side has given up, and would notice by a time-out.
const idleLimit = 20 * time.Second

// do sends a request until it has succeeded, cannot succeed, or must not be tried any more.
func (c *Client) do(ctx context.Context, r request) (answer, error) {
	id := uuid.NewString()
	began, renewed := time.Now(), false
	for tries := 1; ; tries++ {
		got, token, failure := c.attempt(ctx, r, id, tries-1)
		if failure == nil {
			return got, nil
		}
		failure.Op, failure.Tries, failure.quiet = r.op, tries, r.rows
		if failure.RequestID == "" {
			failure.RequestID = id
		}
		if (failure.Status == http.StatusUnauthorized || failure.Status == http.StatusForbidden) && !renewed && !ended(ctx) {
			renewed = true
			if !r.login {
				c.refuse(ctx, token)
			}
			continue
		}
		if failure.Action != TryAgain || failure.final || tries >= c.retry.Tries && failure.Code != CodeUncommitted || ended(ctx) {
			return answer{}, failure
		}
		pause := c.retry.pause(tries, retryAfter(got.header, time.Now()))
		if failure.Code == CodeUncommitted && time.Since(began)+pause > r.patience {
			return answer{}, failure
		}
		if !wait(ctx, pause) {
			return answer{}, failure
		}
	}
}

// wait reports whether a pause is over, and not the context. It does not begin one that the context would end.
func wait(ctx context.Context, pause time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt sends a request once.
func (c *Client) attempt(ctx context.Context, r request, id string, retries int) (got answer, token string, failure *Error) {
	host, kind, body := c.account, OAuthToken, r.body
	if r.login {
		login, err := c.login.Token(ctx)
		if err != nil {
			return got, "", &Error{Action: GiveUp, Err: fmt.Errorf("make a login token: %w", err)}
		}
		token, kind = login.Text, login.Type
		if r.form != "" {
			body = exchangeForm(login, r.form)
		}
	} else {
		a, err := c.access(ctx)
		if err != nil {
			return got, "", asError(err)
		}
		host, token = a.host, a.token
	}
	ctx, cancel := context.WithTimeout(ctx, c.retry.Timeout)
	defer cancel()
	in, err := http.NewRequestWithContext(ctx, r.method, host.String()+r.path+"?"+queryText(r.query, id, retries), bytes.NewReader(body))
	if err != nil {
		return got, token, &Error{Action: GiveUp, Err: errors.New("the request cannot be built")}
	}
	for name, value := range r.header {
		in.Header.Set(name, value)
	}
	in.Header.Set("User-Agent", c.agent)
	in.Header.Set("Accept", "application/json")
	in.Header.Set("Authorization", "Bearer "+token)
	in.Header.Set("X-Snowflake-Authorization-Token-Type", string(kind))
	if got, err = c.send(in); err != nil {
		return got, token, &Error{Action: TryAgain, Err: plain(err)}
	}
	if got.status/100 == 2 {
		return got, token, nil
	}
	e := &Error{Status: got.status}
	e.Code, e.Message = parseError(got.body)
	e.Message = strings.ReplaceAll(e.Message, token, "…")
	e.Action = judge(e.Status, e.Code)
	return got, token, e
}

// send sends a request and reads the whole answer.
func (c *Client) send(in *http.Request) (got answer, err error) {
	now := time.Now().UnixNano()
	if last := c.lastUse.Swap(now); now-last > int64(idleLimit) || now < last {
		c.http.CloseIdleConnections()
	}
	out, err := c.http.Do(in)
	if err != nil {
		return got, err
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	c.lastUse.Store(time.Now().UnixNano())
	return answer{out.StatusCode, out.Header, body}, err
}

// plain is the error of a request without its URL, which has tokens in it.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// asError is a failure in front of a call: that of the login.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return &Error{Code: e.Code, RequestID: e.RequestID, Action: loginAction(e.Action), Err: err, final: true}
	}
	return &Error{Action: GiveUp, Err: err, final: true}
}

// loginAction is what a failed login means for the call behind it. The login has been repeated already.
func loginAction(a Action) Action {
	if a == OpenAgain {
		return GiveUp // a conflict at a login is nothing that a channel could cure
	}
	return a
}

// queryText is the query in the official SDK's order.
func queryText(query [][2]string, id string, retries int) string {
	var b strings.Builder
	for _, q := range query {
		b.WriteString(q[0] + "=" + url.QueryEscape(q[1]) + "&")
	}
	b.WriteString("requestId=" + id + "&retryCount=" + strconv.Itoa(retries))
	return b.String()
}

// longestWish bounds what a Retry-After may ask for.
const longestWish = 5 * time.Minute

// retryAfter reads the header, in seconds or as a date; 0 if there is none.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if text == "" {
		return 0
	}
	var d time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), longestWish)
}
