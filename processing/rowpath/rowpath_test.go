package rowpath

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

const shard = "shardId-000000000000"

// stub is a raw zone with three objects of two rows, and a service with one channel.
type stub struct {
	calls    []string
	state    State
	highest  int64
	appended []int64
	ledger   rawzone.Ledger
	failing  error
	// aside are ordinals that were put aside, in whatever object.
	aside []int64
}

func object(n int64) rawzone.Object {
	o := rawzone.Object{
		Key: string('a' + rune(n-1)), First: record.Position{Shard: shard}, FirstOrdinal: 2*n - 1, LastOrdinal: 2 * n, Rows: 2,
	}
	if n > 1 {
		o.Previous = string('a' + rune(n-2))
	}
	return o
}

func csvOf(o rawzone.Object) []byte {
	text := "_ORDINAL\n"
	for n := o.FirstOrdinal; n <= o.LastOrdinal; n++ {
		text += string('0'+rune(n)) + "\n"
	}
	return []byte(text)
}

func (s *stub) Ledger(context.Context, string, string) (datalake.Head, error) {
	return datalake.Head{Ledger: s.ledger}, nil
}
func (s *stub) Object(_ context.Context, key string) (rawzone.Object, error) {
	return object(int64(key[0]-'a') + 1), nil
}
func (s *stub) Previous(ctx context.Context, _ string, o rawzone.Object) (rawzone.Object, error) {
	return s.Object(ctx, o.Previous)
}
func (s *stub) Rows(_ context.Context, key string) (*record.CSVReader, error) {
	return record.NewCSVReader(csvOf(object(int64(key[0]-'a') + 1)))
}
func (s *stub) Behind(context.Context, datalake.Head, int64) ([]rawzone.Object, error) {
	return nil, errors.New("nothing is listed")
}
func (s *stub) Aside(_ context.Context, _ string, o rawzone.Object) (out []int64, err error) {
	for _, n := range s.aside {
		if o.FirstOrdinal <= n && n <= o.LastOrdinal {
			out = append(out, n)
		}
	}
	return out, nil
}
func (s *stub) Heads(context.Context, string) ([]datalake.Head, error) {
	return []datalake.Head{{Ledger: s.ledger}}, nil
}

func (s *stub) Open(context.Context, rawzone.Chain) (Channel, error) {
	s.calls = append(s.calls, "open")
	return s, nil
}
func (s *stub) States(_ context.Context, chains []rawzone.Chain) (map[rawzone.Chain]State, error) {
	return map[rawzone.Chain]State{chains[0]: s.state}, nil
}
func (s *stub) Highest(context.Context, rawzone.Chain) (int64, error) {
	s.calls = append(s.calls, "highest")
	return s.highest, nil
}
func (s *stub) Opened() State { return s.state }
func (s *stub) Append(_ context.Context, rows *record.CSVReader, skip func(int64) bool, _ int64) (sent int, err error) {
	s.calls = append(s.calls, "append")
	for {
		row, err := rows.Next()
		if err == io.EOF {
			return sent, s.failing
		}
		if n := int64(row[0].Text[0] - '0'); err == nil && !skip(n) {
			s.appended = append(s.appended, n)
			sent++
		}
	}
}

func applier(s *stub) *Applier {
	s.ledger.Shard, s.ledger.Ordinal, s.ledger.Object, s.ledger.UpdatedAt = shard, 6, "c", time.Now()
	return New(s, s, Deferred, slog.New(slog.DiscardHandler))
}

func TestApply(t *testing.T) {
	known := func(c int64) State { return State{Committed: c, Known: true, Created: 1} }
	for name, c := range map[string]struct {
		stub     stub
		fresh    bool
		known    rawzone.Channel
		calls    string
		appended []int64
		fails    string
	}{
		"from the committed ordinal on":                 {stub: stub{state: known(3)}, calls: "open append append", appended: []int64{4, 5, 6}},
		"all is committed":                              {stub: stub{state: known(6)}, calls: "open"},
		"no token, and nobody can have appended it":     {fresh: true, known: rawzone.Channel{Committed: 4}, calls: "open append", appended: []int64{5, 6}},
		"no token: the table is asked, behind the open": {stub: stub{highest: 2}, fresh: true, calls: "open highest append append", appended: []int64{3, 4, 5, 6}},
		"no token, and the call may be a second one":    {stub: stub{highest: 5}, known: rawzone.Channel{Committed: 4}, calls: "open highest append", appended: []int64{6}},
		"the table is empty":                            {known: rawzone.Channel{Committed: 2, Created: 9}, calls: "open highest", fails: "no row of the shard"},
		"rows were merged behind the token":             {stub: stub{state: known(1)}, fresh: true, known: rawzone.Channel{Committed: 4, Merged: true}, calls: "open append", appended: []int64{5, 6}},
		"a former channel was further, before the table was dropped": {stub: stub{state: known(1)}, fresh: true, known: rawzone.Channel{Committed: 4, Created: 9},
			calls: "open append append append", appended: []int64{2, 3, 4, 5, 6}},
		"the channel is ahead of the raw zone":  {stub: stub{state: known(9)}, calls: "open", fails: "raw zone ends at 6"},
		"the table is ahead of the raw zone":    {stub: stub{highest: 9}, calls: "open highest", fails: "table has a row"},
		"void, again and again":                 {stub: stub{state: known(4), failing: ErrReopen}, calls: "open append open append open append", appended: []int64{5, 6, 5, 6, 5, 6}, fails: "void"},
		"rows that were put aside are left out": {stub: stub{state: known(1), aside: []int64{2, 4}}, calls: "open append append append", appended: []int64{3, 5, 6}},
		"any other error":                       {stub: stub{state: known(4), failing: errors.New("no")}, calls: "open append", appended: []int64{5, 6}, fails: "no"},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.stub
			a := applier(&s)
			_, _, err := a.Apply(t.Context(), Rows{Stream: "s", Object: object(3), CSV: csvOf(object(3)), Fresh: c.fresh, Known: c.known})
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("err = %v, want %q", err, c.fails)
			}
			if got := strings.Join(s.calls, " "); got != c.calls || !slices.Equal(s.appended, c.appended) {
				t.Errorf("%s %v, want %s %v", got, s.appended, c.calls, c.appended)
			}
			if err != nil && len(a.chains) != 0 {
				t.Error("the channel is kept after an error")
			}
		})
	}
}

// TestBeyond has an object handed over that the shard has left behind: its channel is another process's.
func TestBeyond(t *testing.T) {
	s := stub{state: State{Committed: 1, Known: true, Created: 1}}
	a := applier(&s)
	if _, _, err := a.Apply(t.Context(), Rows{Stream: "s", Object: object(2)}); err != nil || len(s.calls) != 0 {
		t.Errorf("%v, %v", err, s.calls)
	}
}

func TestSweep(t *testing.T) {
	s := stub{state: State{Committed: 2, Known: true, Created: 1}}
	sweeper := NewSweeper(applier(&s))
	look := func() Pending {
		t.Helper()
		all, err := sweeper.Sweep(t.Context(), "s", false)
		if err != nil || len(all) != 1 || all[0].Err != nil {
			t.Fatal(all, err)
		}
		return all[0]
	}
	if p := look(); p.Again || p.Committed != 2 || p.Last != 6 {
		t.Errorf("a young one: %+v", p)
	}
	s.ledger.UpdatedAt = time.Now().Add(-time.Hour)
	s.state.Committed = 4
	if p := look(); p.Again {
		t.Errorf("one that moves: %+v", p)
	}
	if p := look(); !p.Again || !slices.Equal(s.appended, []int64{5, 6}) {
		t.Errorf("one that stands still: %+v, %v", p, s.appended)
	}
	s.appended = nil
	if all, err := sweeper.Sweep(t.Context(), "s", true); err != nil || all[0].Again || all[0].Last != 6 || len(s.appended) > 0 {
		t.Errorf("a look: %+v, %v, %v", all, err, s.appended)
	}
	s.aside = []int64{5, 6} // nothing of the last object is wanted: there is nothing to wait for
	if p := look(); p.Again || p.Committed != p.Last {
		t.Errorf("all that is left was put aside: %+v", p)
	}
	s.aside, s.state.Committed = nil, 6
	if p := look(); p.Again || p.Committed != p.Last {
		t.Errorf("all is visible: %+v", p)
	}
}

// TestSettleForgotten: where a channel has no token any more, what the ledger knows of it is not believed: the table is asked.
// One that was emptied takes the first rows only.
func TestSettleForgotten(t *testing.T) {
	settle := func(highest, ordinal int64) (*stub, error) {
		s := &stub{highest: highest, state: State{Created: 7}}
		s.ledger.Channel = &rawzone.Channel{Committed: 4, Created: 3}
		return s, NewSweeper(applier(s)).Settle(t.Context(), "s", shard, ordinal)
	}
	if s, err := settle(6, 4); err != nil || strings.Join(s.calls, " ") != "open highest" {
		t.Errorf("all is in the table: %v, %v", s.calls, err)
	}
	if s, err := settle(0, 2); !errors.Is(err, ErrEmptied) || strings.Join(s.calls, " ") != "open highest" {
		t.Errorf("nothing is in the table: %v, %v", s.calls, err)
	}
	for _, c := range []struct {
		n     int64
		aside []int64
		want  bool
	}{{1, nil, true}, {2, nil, false}, {3, nil, false}, {2, []int64{1, 2}, true}, {3, []int64{1, 2}, false}, {3, []int64{3, 4}, false}} {
		s := &stub{aside: c.aside}
		if first, err := NewSweeper(applier(s)).First(t.Context(), "s", object(c.n)); err != nil || first != c.want {
			t.Errorf("object %d with %v aside: %v, %v", c.n, c.aside, first, err)
		}
	}
}

// TestMergedLast: where rows were merged last, the channel holds nothing to wait for, and nothing is appended. What the table lacks of
// them is pending; what was put aside behind its highest is not.
func TestMergedLast(t *testing.T) {
	for _, c := range []struct {
		highest, committed int64
		aside              []int64
	}{{4, 4, nil}, {6, 6, nil}, {5, 5, nil}, {5, 6, []int64{6}}} {
		s := &stub{highest: c.highest, aside: c.aside, state: State{Committed: 1, Known: true, Created: 7}}
		s.ledger.Channel = &rawzone.Channel{Committed: 2, Created: 7, Merged: true}
		sweeper := NewSweeper(applier(s))
		if err := sweeper.Settle(t.Context(), "s", shard, 6); err != nil || len(s.calls) > 0 {
			t.Errorf("%v, %v", s.calls, err)
		}
		for range 2 {
			all, err := sweeper.Sweep(t.Context(), "s", false)
			if err != nil || len(all) != 1 || all[0].Err != nil || all[0].Again || all[0].Committed != c.committed || all[0].Last != 6 {
				t.Errorf("the table ends at %d: %+v, %v", c.highest, all, err)
			}
		}
		if want := map[bool]int{true: 1, false: 2}[c.committed == 6]; len(s.appended) > 0 || strings.Count(strings.Join(s.calls, " "), "highest") != want {
			t.Errorf("the table ends at %d: %v, %v appended", c.highest, s.calls, s.appended)
		}
	}
}

// TestSettleWaitsForItsOwnChannel: a table was dropped and has its first rows again. How far the former channel was says nothing of
// what the new one still holds.
func TestSettleWaitsForItsOwnChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{highest: 2, state: State{Created: 7}}
		s.ledger.Channel = &rawzone.Channel{Committed: 6, Created: 3}
		sweeper := NewSweeper(applier(s))
		settled := func(ordinal int64) bool {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			return sweeper.Settle(ctx, "s", shard, ordinal) == nil
		}
		if !settled(2) || settled(4) || !slices.Equal(s.appended, []int64{3, 4, 5, 6}) {
			t.Errorf("nothing is committed, %v was appended", s.appended)
		}
		s.state.Committed, s.state.Known = 4, true
		if !settled(4) || settled(6) {
			t.Error("ordinal 4 is committed, and not 6")
		}
	})
}
