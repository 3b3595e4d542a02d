package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/streaming"
	"github.com/snowstream/snowstream/processing/rowpath"
	"github.com/snowstream/snowstream/processing/upsert"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
	"github.com/snowstream/snowstream/snowpipe"
)

// service is Snowpipe Streaming with the behaviour that was observed: a token that was used before is answered with 200 and its
// rows are dropped, one from before a reopening is a 400, opening drops what is not committed, the token moves over rejected
// rows, and what was acknowledged may be lost until it is committed.
type service struct {
	w        *world
	commit   rowpath.Commit
	channels map[string]*simulated
	made     int64
	// refused are the identities of the rows that were rejected.
	refused map[string]bool
}

// late reports whether a row may come behind its order: it was rejected, and repaired later.
func (s *service) late(id string) bool { return s != nil && s.refused[id] }

// ordered is what rows are committed in order of: a key, and where rows are done before they are committed, its rows in a shard.
func (s *service) ordered(r row, key string) string {
	if s != nil && s.commit == rowpath.Deferred {
		return r["_SHARD"].text + " " + key
	}
	return key
}

// simulated is one channel.
type simulated struct {
	created           int64
	openings, sequels int
	committed         string
	rejected          int64
	buffer            []appendedRows
	used              time.Time
	// broken channels take nothing until they are opened again, stuck ones commit nothing.
	broken, stuck bool
}

type appendedRows struct {
	rows []row
	end  string
}

// byChannel has the rows of this run go by Snowpipe Streaming.
func (w *world) byChannel(seed uint64, commit rowpath.Commit) {
	w.service = &service{w: w, commit: commit, channels: map[string]*simulated{}, refused: map[string]bool{}}
	random := rand.New(rand.NewPCG(seed, 0xc4a))
	strength := [...]float64{0.3, 1, 1, 3}[random.IntN(4)]
	for f := channelFaults; f < operatorFaults; f++ {
		if random.IntN(10) < 7 {
			w.rates[f] = min(f.rate()*strength, 0.9)
		}
	}
}

// by gives a process's Upsert the row path of the run.
func (f *functions) by(u *upsert.Upsert, p *process) *upsert.Upsert {
	if f.w.service == nil {
		return u
	}
	channels, err := streaming.NewChannels(snowpipe.Config{
		URL: "https://snowflake.simulated", Login: snowpipe.ProgrammaticAccessToken("token", ""), Transport: channelWire{p},
		Retry: snowpipe.Retry{Tries: 4, Jitter: func() float64 {
			f.w.mu.Lock()
			defer f.w.mu.Unlock()
			return f.w.random.Float64()
		}},
	}, schema.Defaults(), f.schema, bucketName)
	if err != nil {
		panic(err)
	}
	lake := p.lake()
	path := upsert.NewPath(rowpath.New(lake, joined{channels, session{p}}, f.w.service.commit, quiet()), lake, streamName)
	if f.w.merging {
		path = path.Idle()
	}
	return u.By(path)
}

// joined is what cmd joins.
type joined struct {
	channels *streaming.Channels
	session  session
}

func reopen(err error) error {
	if err != nil && streaming.Void(err) {
		return fmt.Errorf("%w: %w", rowpath.ErrReopen, err)
	}
	return err
}

func (j joined) Open(ctx context.Context, c rawzone.Chain) (rowpath.Channel, error) {
	channel, err := j.channels.Open(ctx, c)
	if err != nil {
		return nil, reopen(err)
	}
	return joinedChannel{channel}, nil
}

func (j joined) States(ctx context.Context, chains []rawzone.Chain) (map[rawzone.Chain]rowpath.State, error) {
	all, err := j.channels.States(ctx, chains)
	out := map[rawzone.Chain]rowpath.State{}
	for c, s := range all {
		out[c] = rowpath.State(s)
	}
	return out, reopen(err)
}

func (j joined) Highest(ctx context.Context, c rawzone.Chain) (int64, error) {
	return j.channels.Highest(ctx, j.session, c)
}

type joinedChannel struct{ channel *streaming.Channel }

func (j joinedChannel) Opened() rowpath.State { return rowpath.State(j.channel.Opened()) }

func (j joinedChannel) Append(ctx context.Context, rows *record.CSVReader, skip func(int64) bool, last int64) (int, error) {
	sent, err := j.channel.Append(ctx, rows, skip, last)
	return sent, reopen(err)
}

// channelWire is a process's way to the service.
type channelWire struct{ *process }

// RoundTrip carries one request to the service and its answer back, or fails to.
func (c channelWire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	out, err := c.call(func() (*http.Response, error) { return c.exchange(r, body) })
	if out != nil {
		out.Request = r
	}
	return out, err
}

func (c channelWire) exchange(r *http.Request, body []byte) (*http.Response, error) {
	w := c.w
	travel := w.between(time.Millisecond, 50*time.Millisecond)
	switch {
	case w.hit(channelLost):
		_ = w.pause(r.Context(), travel)
		return nil, errReset
	case w.hit(channelBusy):
		return answer([]int{429, 503}[w.random.IntN(2)], []byte(`{"code":"ReceiverSaturated"}`)), w.pause(r.Context(), travel)
	case w.hit(channelLogin):
		return answer(http.StatusUnauthorized, nil), w.pause(r.Context(), travel)
	case w.hit(channelLate):
		w.later(w.between(time.Second, 3*time.Minute), func() { w.service.apply(r, body) })
		_ = w.pause(r.Context(), travel)
		return nil, errReset
	}
	if err := w.pause(r.Context(), travel); err != nil {
		return nil, err
	}
	out := w.service.apply(r, body)
	if w.hit(channelAnswerLost) {
		return nil, errReset
	}
	return out, nil
}

// apply carries a request out.
func (s *service) apply(r *http.Request, body []byte) *http.Response {
	path := r.URL.Path
	_, name, _ := strings.Cut(path, "/channels/")
	name = strings.ToUpper(strings.TrimSuffix(name, "/rows")) // URLs ignore case
	s.misfortune(name)
	var out *http.Response
	switch {
	case strings.HasSuffix(path, "/hostname"):
		return answer(http.StatusOK, []byte("ingest.simulated"))
	case strings.HasSuffix(path, "/oauth/token"):
		return answer(http.StatusOK, []byte("scoped"))
	case strings.HasSuffix(path, ":bulk-channel-status"):
		out = s.statuses(body)
	case strings.HasSuffix(path, "/rows"):
		q := r.URL.Query()
		out = s.append(name, q.Get("continuationToken"), q.Get("endOffsetToken"), body)
	case r.Method == http.MethodPut:
		out = s.open(name, body)
	default:
		out = refused(http.StatusNotFound, "NO_SUCH_CALL")
	}
	s.w.step("service %s %s %s -> %d", r.Method, name, r.URL.Query().Get("endOffsetToken"), out.StatusCode)
	return out
}

// forgetful is after what time without an append a channel may be forgotten. The service takes 30 days; what counts is that it
// is longer than an invocation and its repetitions by the caller's SDK take.
const forgetful = 20 * time.Minute

// misfortune is what happens to a channel without anybody's doing.
func (s *service) misfortune(name string) {
	c := s.channels[name]
	switch {
	case c == nil:
	case s.w.hit(channelDropsRows):
		c.buffer, c.broken = nil, true
	case s.w.hit(channelInvalid):
		c.broken = true
	case s.w.hit(channelStuck):
		c.stuck = true
	case len(c.buffer) == 0 && time.Since(c.used) > forgetful && s.w.hit(channelForgotten):
		delete(s.channels, name)
	}
}

func refused(status int, code string) *http.Response {
	return answer(status, []byte(`{"code":"`+code+`","message":"simulated"}`))
}

func inJSON(v any) *http.Response {
	text, _ := json.Marshal(v)
	return answer(http.StatusOK, text)
}

func (s *service) status(name string) map[string]any {
	c := s.channels[name]
	out := map[string]any{"channel_name": name, "channel_status_code": "SUCCESS", "created_on_ms": c.created, "rows_error_count": c.rejected}
	if c.broken {
		out["channel_status_code"] = "ERR_CHANNEL_MUST_BE_REOPENED"
	}
	if c.committed != "" {
		out["last_committed_offset_token"] = c.committed
	}
	return out
}

func (s *service) statuses(body []byte) *http.Response {
	var in struct {
		Names []string `json:"channel_names"`
	}
	_ = json.Unmarshal(body, &in)
	all := map[string]any{}
	for _, name := range in.Names {
		if s.channels[name] != nil { // case counts here
			all[name] = s.status(name)
		}
	}
	return inJSON(map[string]any{"channel_statuses": all})
}

func (s *service) open(name string, body []byte) *http.Response {
	var in struct {
		Refuse bool   `json:"fail_on_uncommitted_rows"`
		Token  string `json:"offset_token"`
	}
	_ = json.Unmarshal(body, &in)
	c := s.channels[name]
	if c == nil {
		s.made++
		c = &simulated{created: s.made, used: time.Now()}
		s.channels[name] = c
	}
	if in.Refuse && len(c.buffer) > 0 {
		return refused(http.StatusConflict, "ERR_CHANNEL_HAS_UNCOMMITTED_DATA")
	}
	if in.Token != "" {
		c.committed = in.Token
	}
	c.openings, c.sequels, c.buffer, c.broken, c.stuck = c.openings+1, 0, nil, false, false
	return inJSON(map[string]any{"next_continuation_token": s.token(c), "channel_status": s.status(name)})
}

// token is a channel's present one. No token fits a channel that was made anew.
func (s *service) token(c *simulated) string {
	return fmt.Sprintf("%d:%d:%d", c.created, c.openings, c.sequels)
}

func (s *service) append(name, token, end string, body []byte) *http.Response {
	c := s.channels[name]
	var created int64
	var openings, sequel int
	_, err := fmt.Sscanf(token, "%d:%d:%d", &created, &openings, &sequel)
	switch {
	case c == nil:
		return refused(http.StatusNotFound, "ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED")
	case err != nil || created != c.created || openings != c.openings:
		return refused(http.StatusBadRequest, "STALE_CONTINUATION_TOKEN_SEQUENCER")
	case c.broken:
		return refused(http.StatusConflict, "ERR_CHANNEL_MUST_BE_REOPENED")
	case sequel < c.sequels: // used before: the rows are dropped without a word
		return inJSON(map[string]any{"next_continuation_token": s.token(c)})
	}
	rows, err := rowsOf(body)
	if err != nil {
		return refused(http.StatusBadRequest, "ROWS_ARE_NOT_READABLE")
	}
	c.sequels++
	c.used = time.Now()
	c.buffer = append(c.buffer, appendedRows{rows, end})
	wait := s.w.between(time.Second, 9*time.Second)
	if s.w.hit(channelSlow) {
		wait = s.w.between(10*time.Second, 4*time.Minute)
	}
	s.w.later(wait, func() { s.commitOf(c, openings) })
	return inJSON(map[string]any{"next_continuation_token": s.token(c)})
}

// drop drops all channels, as dropping their table does, with what they hold.
func (s *service) drop() {
	for _, c := range s.channels {
		c.openings++
	}
	clear(s.channels)
}

// commitOf puts a channel's rows into the table, together with its token.
func (s *service) commitOf(c *simulated, openings int) {
	if c.openings != openings || c.broken || c.stuck {
		return
	}
	for _, a := range c.buffer {
		for _, r := range a.rows {
			if s.w.streaming.refuses(r) || s.w.hit(channelRejects) {
				c.rejected++
				s.refused[r.id()] = true
				continue
			}
			s.w.streaming.insert(r)
		}
		if a.end != "" {
			c.committed = a.end
		}
	}
	s.w.step("service commits %s", c.committed)
	c.buffer = nil
}

// rowsOf reads NDJSON as the default pipe does, for the columns of the table.
func rowsOf(body []byte) (rows []row, err error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	text, err := d.DecodeAll(body, nil)
	if err != nil {
		return nil, err
	}
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(line, &members); err != nil {
			return nil, err
		}
		r := row{}
		for _, c := range wide().TableColumns() {
			r[c.Name] = value{null: true}
		}
		for name, raw := range members {
			var s string
			switch {
			case string(raw) == "null":
				r[name] = value{null: true}
			case json.Unmarshal(raw, &s) == nil:
				r[name] = value{text: s}
			default:
				r[name] = value{text: string(raw)}
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// sweep has Upsert look after what was appended, as the schedule does once a minute.
func (w *world) sweep() {
	if w.stopped > 0 {
		return
	}
	w.mu.Unlock()
	done := func() <-chan *http.Response {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.functions.start([]byte(`{"sweep":true}`))
	}()
	out := <-done
	w.mu.Lock()
	text, _ := io.ReadAll(out.Body)
	w.swept = string(text)
}

// settle sweeps without faults until all that was handed over is visible.
func (w *world) settle() {
	for range 30 {
		w.mu.Lock()
		w.later(time.Minute, w.sweep)
		w.mu.Unlock()
		w.group.Wait()
		var a struct {
			Pending []struct {
				Shard           string
				Committed, Last int64
				Error           string
			}
			ErrorType string
		}
		if err := json.Unmarshal([]byte(w.swept), &a); err != nil || a.ErrorType != "" {
			continue
		}
		done := true
		for _, p := range a.Pending {
			done = done && (p.Committed >= p.Last || w.mergedLast(p.Shard)) && p.Error == ""
		}
		if done {
			return
		}
	}
	w.find(broken, "rows do not become visible: %s", w.swept)
}
