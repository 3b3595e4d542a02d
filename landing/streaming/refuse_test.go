package streaming

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/record"
)

// choosy is a table that takes some rows.
type choosy struct {
	refuses func(status string) error
	// sent are how many rows each statement had, longest its longest bind, there the ordinals that were committed.
	sent    []int
	longest int
	there   []string
}

func (c *choosy) Exec(_ context.Context, _ string, args ...any) (sql.Result, error) {
	text := args[0].(string)
	c.longest = max(c.longest, len(text))
	var rows [][]*string
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, err
	}
	c.sent = append(c.sent, len(rows))
	lowest := fmt.Sprint(args[1])
	for _, r := range rows {
		if err := c.refuses(*r[2]); err != nil {
			return nil, err
		}
		if len(*r[6]) < len(lowest) {
			return nil, fmt.Errorf("ordinal %s is below %s", *r[6], lowest)
		}
	}
	for _, r := range rows {
		c.there = append(c.there, *r[6])
	}
	return driver.RowsAffected(len(rows)), nil
}

// Query finds all rows as they are.
func (*choosy) Query(context.Context, func(scan func(...any) error) error, string, ...any) error {
	return nil
}

var tooLong = &snowflake.Error{Number: 100078, SQLState: "22000"}

func rowsOf(t *testing.T, statuses []string) *record.CSVReader {
	t.Helper()
	var csv strings.Builder
	csv.WriteString("SENSORID,CURRENTTEMPERATURE,STATUS,_SHARD,_SEQUENCE,_SUBSEQUENCE,_ORDINAL,_ARRIVED_AT,_GENERATION\n")
	for i, status := range statuses {
		fmt.Fprintf(&csv, "%d,64,\"%s\",shardId-000000000000,%d,0,%d,2026-01-02 03:04:05.678,\n", i%50, strings.ReplaceAll(status, `"`, `""`), 1000+i, 1000+i)
	}
	r, err := record.NewCSVReader([]byte(csv.String()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRefused: any rows that are refused by their own fault are found, after three refusals of the whole, and all others
// are committed.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		rows int
		bad  []int
	}{{1, []int{0}}, {2, []int{1}}, {100, nil}, {100, []int{0}}, {100, []int{99}}, {100, []int{3, 4, 50, 77}}, {7, []int{0, 1, 2, 3, 4, 5, 6}}} {
		synctest.Test(t, func(t *testing.T) {
			table := &choosy{refuses: func(s string) error {
				if s == "bad" {
					return tooLong
				}
				return nil
			}}
			statuses := slices.Repeat([]string{"OK"}, c.rows)
			for _, i := range c.bad {
				statuses[i] = "bad"
			}
			m, err := New(table, schema.Defaults(), record.Sensor()).Merge(t.Context(), rowsOf(t, statuses))
			if err != nil || m.Read != c.rows || m.More || m.Inserted != int64(c.rows-len(c.bad)) || len(table.there) != c.rows-len(c.bad) {
				t.Fatalf("%d rows, %v bad: %+v, %v", c.rows, c.bad, m, err)
			}
			var found []int
			for _, r := range m.Refused {
				found = append(found, int(r.Ordinal)-1000)
				if r.Reason.Number != 100078 {
					t.Errorf("reason %+v", r.Reason)
				}
			}
			if !slices.Equal(found, c.bad) {
				t.Errorf("%v were refused, want %v", found, c.bad)
			}
			if whole := table.sent[:min(len(table.sent), refusals)]; len(c.bad) > 0 && !slices.Equal(whole, slices.Repeat([]int{c.rows}, refusals)) {
				t.Errorf("the whole was not sent %d times before it was taken apart: %v", refusals, table.sent)
			}
		})
	}
}

// TestRefusedForAMoment: rows that the table takes the next time are not refused.
func TestRefusedForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := refusals - 1
		table := &choosy{refuses: func(string) error {
			if left > 0 {
				left--
				return tooLong
			}
			return nil
		}}
		m, err := New(table, schema.Defaults(), record.Sensor()).Merge(t.Context(), rowsOf(t, []string{"a", "b"}))
		if err != nil || len(m.Refused) != 0 || len(table.sent) != refusals {
			t.Fatalf("%+v, %v after %v", m, err, table.sent)
		}
	})
}

// TestNotTheRowsFault: any other error fails the batch, also while it is taken apart.
func TestNotTheRowsFault(t *testing.T) {
	for _, other := range []error{errors.New("connection reset by peer"), &snowflake.Error{Number: 604, SQLState: "57014"}, context.DeadlineExceeded} {
		synctest.Test(t, func(t *testing.T) {
			for _, after := range []int{0, refusals, refusals + 2} {
				n := 0
				table := &choosy{refuses: func(s string) error {
					if n++; n > after {
						return other
					}
					return tooLong
				}}
				m, err := New(table, schema.Defaults(), record.Sensor()).Merge(t.Context(), rowsOf(t, slices.Repeat([]string{"bad"}, 16)))
				if !errors.Is(err, other) {
					t.Errorf("%v after %d refusals: %+v, %v", other, after, m, err)
				}
			}
		})
	}
}

// TestManyRefused: more refusals than one answer takes are found in several, and each row once.
func TestManyRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &choosy{refuses: func(s string) error {
			if s == "bad" {
				return tooLong
			}
			return nil
		}}
		statuses := slices.Repeat([]string{"bad", "OK", "bad"}, 70)
		found := map[int64]bool{}
		for round := 0; ; round++ {
			rows := rowsOf(t, statuses)
			rows.Skip(func(row []record.Value) bool {
				var n int64
				_, _ = fmt.Sscan(string(row[6].Text), &n)
				return found[n]
			})
			m, err := New(table, schema.Defaults(), record.Sensor()).Merge(t.Context(), rows)
			if err != nil || len(m.Refused) > maxRefused || round > 5 {
				t.Fatalf("round %d: %d refused, %v", round, len(m.Refused), err)
			}
			for _, r := range m.Refused {
				if found[r.Ordinal] {
					t.Fatalf("%d was refused twice", r.Ordinal)
				}
				found[r.Ordinal] = true
			}
			if !m.More {
				break
			}
		}
		there := slices.Compact(slices.Sorted(slices.Values(table.there)))
		if len(found) != 140 || len(there) != 70 {
			t.Errorf("%d refused, %d rows there", len(found), len(there))
		}
	})
}

// TestBindSize: no bind is longer than Snowflake takes, whatever its rows hold, and a row that is longer alone is refused.
func TestBindSize(t *testing.T) {
	const other = len(`["0","64","","shardId-000000000000","1000","0","1000","2026-01-02 03:04:05.678",null]`) + len("[]")
	take := func(string) error { return nil }
	for _, c := range []struct {
		name     string
		statuses []string
		refused  int
	}{
		{"one that just fits", []string{strings.Repeat("x", maxBind-other)}, 0},
		{"one byte more", []string{strings.Repeat("x", maxBind-other+1)}, 1},
		{"one that JSON makes twice as long, and just fits", []string{strings.Repeat(`"`, (maxBind-other)/2)}, 0},
		{"and one that does not", []string{strings.Repeat(`"`, (maxBind-other)/2+1)}, 1},
		{"a nearly full bind, then a large row", []string{strings.Repeat("x", fullBind-2*other), strings.Repeat("y", maxBind-other), "OK"}, 0},
		{"many", slices.Repeat([]string{strings.Repeat("x", 3<<20)}, 9), 0},
	} {
		table := &choosy{refuses: take}
		m, err := New(table, schema.Defaults(), record.Sensor()).Merge(t.Context(), rowsOf(t, c.statuses))
		if err != nil || len(m.Refused) != c.refused || len(table.there) != len(c.statuses)-c.refused || table.longest > maxBind {
			t.Errorf("%s: %d refused, %d there, longest bind %d, %v", c.name, len(m.Refused), len(table.there), table.longest, err)
		}
	}
}
