package simulation

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/record/rawzone"
)

// pipe is Snowpipe: it hears of objects late, twice or never, loads each name once, and takes the object as it is at
// that moment.
type pipe struct {
	w      *world
	loaded map[string]bool
	table  *table
	// history is COPY_HISTORY: when objects were loaded, by whichever pipe. created is when this one was made.
	history map[string]time.Time
	created time.Time
	// paused keeps the notices in held; pending counts those that are on their way.
	paused bool
	// deaf means that nobody tells it of new objects.
	deaf bool
	held []string
	// leftOut are the rows that the table did not take.
	leftOut []row
	pending int64
}

func newPipe(w *world) *pipe {
	return &pipe{w: w, loaded: map[string]bool{}, table: newTable(), history: map[string]time.Time{}, created: time.Now()}
}

var _ audit.Pipe = (*pipe)(nil)

// State implements audit.Pipe.
func (p *pipe) State(context.Context) (audit.PipeState, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	// What a paused pipe was told while it stood still waits in a queue that it does not read, and is in no count.
	state := audit.PipeState{State: "RUNNING", Pending: p.pending, Created: p.created}
	if p.paused {
		state.State = "PAUSED"
	}
	return state, nil
}

// Known implements audit.Pipe: the history goes 13 days back.
func (p *pipe) Known(_ context.Context, keys []string) (map[string]time.Time, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	out := map[string]time.Time{}
	for _, key := range keys {
		if at, there := p.history[key]; there && time.Since(at) < 13*24*time.Hour {
			out[key] = at
		}
	}
	return out, nil
}

// Refresh implements audit.Pipe: objects of the last seven days.
func (p *pipe) Refresh(_ context.Context, keys []string) error {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	for _, key := range keys {
		if o, there := p.w.bucket.objects[key]; there && time.Since(o.modified) < 7*24*time.Hour {
			p.load(key)
		}
	}
	return nil
}

// resume loads what was noticed meanwhile.
func (p *pipe) resume() {
	p.paused = false
	held := p.held
	p.held = nil
	for _, key := range held {
		p.load(key)
	}
}

// replace is CREATE OR REPLACE PIPE: the new one knows nothing.
func (p *pipe) replace() {
	p.loaded, p.created, p.held = map[string]bool{}, time.Now(), nil
}

// notice is S3's word that an object was written.
func (p *pipe) notice(key string) {
	w := p.w
	if p.deaf || w.hit(noticeLost) {
		return
	}
	times := 1
	if w.hit(noticeRepeated) {
		times = 2 + w.random.IntN(3)
	}
	for range times {
		wait := w.between(time.Second, 20*time.Second)
		if w.hit(noticeLate) {
			wait = w.between(time.Minute, time.Hour)
		}
		p.pending++
		w.later(wait, func() { p.pending--; p.load(key) })
	}
}

// refresh is ALTER PIPE ... REFRESH: it loads what lies in the stage and was never loaded.
func (p *pipe) refresh() {
	for _, key := range p.w.bucket.keys(rawzone.Rows) {
		p.load(key)
	}
}

func (p *pipe) load(key string) {
	if p.paused {
		p.held = append(p.held, key)
		return
	}
	if p.loaded[key] {
		return
	}
	p.loaded[key], p.history[key] = true, time.Now()
	rows, err := readRows(key, p.w.bucket.objects[key].body)
	if err != nil {
		p.w.find(broken, "Snowpipe skips %s: %v", key, err)
		return
	}
	rows = slices.DeleteFunc(rows, func(r row) bool { // ON_ERROR = CONTINUE
		out := p.table.refuses(r)
		if out {
			p.leftOut = append(p.leftOut, r)
		}
		return out
	})
	p.w.step("pipe loads %d rows of %s", len(rows), key)
	p.table.insert(rows...)
}

// readCSV reads a file as Snowflake does with the landing zone's file format: header by name, comma, fields
// optionally in double quotes, an empty field without quotes is NULL, and each of CR, LF and CRLF ends a line unless
// it is in quotes. A bare \N is NULL, which our format switches off and Snowflake's default does not: the files mean
// the same under both. It shares no code with the writer.
func readCSV(text []byte) ([]row, error) {
	var header []value
	var rows []row
	for len(text) > 0 {
		line, rest, err := readLine(text)
		if err != nil {
			return nil, err
		}
		text = rest
		if header == nil {
			header = line
			continue
		}
		if len(line) != len(header) {
			return nil, errors.New("a line has not as many fields as the header")
		}
		r := row{}
		for i, v := range line {
			r[header[i].text] = v
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func readLine(text []byte) (line []value, rest []byte, err error) {
	for {
		var v value
		if v, text, err = readField(text); err != nil {
			return nil, nil, err
		}
		line = append(line, v)
		switch {
		case len(text) == 0:
			return line, nil, nil
		case text[0] == ',':
			text = text[1:]
		case len(text) > 1 && text[0] == '\r' && text[1] == '\n':
			return line, text[2:], nil
		case text[0] == '\n' || text[0] == '\r':
			return line, text[1:], nil
		default:
			return nil, nil, errors.New("text after a closing quote")
		}
	}
}

func readField(text []byte) (value, []byte, error) {
	if len(text) == 0 || text[0] != '"' {
		n := 0
		for n < len(text) && text[n] != ',' && text[n] != '\n' && text[n] != '\r' {
			n++
		}
		field := string(text[:n])
		return value{text: field, null: field == "" || field == `\N`}, text[n:], nil
	}
	var out []byte
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '"':
			out = append(out, text[i])
		case i+1 < len(text) && text[i+1] == '"':
			out = append(out, '"')
			i++
		default:
			return value{text: string(out)}, text[i+1:], nil
		}
	}
	return value{}, nil, errors.New("a quote is never closed")
}
