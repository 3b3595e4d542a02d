package schema

import (
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/snowstream/snowstream/record"
)

// Current is the name of the view of current rows: that of the streaming table, with another end.
func (n Names) Current() string { return strings.TrimSuffix(n.Streaming, "_STREAMING") + "_CURRENT" }

// Current is the view of the row that is current for each key, "" if the schema has no keys. It reads the streaming table, holds
// nothing, and so costs nothing until it is asked: then it reads the whole table, or what the asker's condition on the keys
// leaves of it. Unlike all else here it may be replaced: it forgets nothing.
func Current(n Names, s record.Schema) string {
	if s.State.IsZero() {
		return ""
	}
	return "CREATE OR REPLACE VIEW " + n.In(n.Current()) + " COPY GRANTS AS\n" + currentRows(n, s)
}

// CurrentView is the statement of the view, with whose it is and a mark of its definition; false if the schema has no keys.
func (l Landing) CurrentView() (Statement, bool) {
	if l.Schema.State.IsZero() {
		return Statement{}, false
	}
	sql := Current(l.Names, l.Schema)
	mark := definition(sql)
	if l.Mark != "" {
		mark = l.Mark + ", " + mark
	}
	return l.inSchema("VIEW", "VIEWS", l.Names.Current(), "the newest row of each key", commented(sql, mark)), true
}

// Stale reports whether the view that CurrentView makes is not there, or is of another definition: views are what its probe shows.
// One that none of us has made is an error.
func (l Landing) Stale(view Statement, views []map[string]string) (bool, error) {
	there := view.Probe.row(views)
	switch comment := there["comment"]; {
	case there == nil:
		return true, nil
	case !strings.Contains(comment, definitionOf):
		return false, fmt.Errorf("view %s is there, and not the one of current rows: give it another name, or take keys out of the schema", l.Names.In(view.Name))
	default:
		return !strings.Contains(comment, definition(Current(l.Names, l.Schema))), nil
	}
}

// CurrentTable is the same rows as a dynamic table, which Snowflake keeps within a lag of the log, such as 5 minutes, by a
// warehouse that it wakes for that.
func CurrentTable(n Names, s record.Schema, warehouse, lag string) string {
	return fmt.Sprintf("CREATE OR REPLACE DYNAMIC TABLE %s TARGET_LAG = %s WAREHOUSE = %s REFRESH_MODE = INCREMENTAL AS\n%s",
		n.In(n.Current()), Literal(lag), Quote(warehouse), currentRows(n, s))
}

// currentRows takes the newest row of each key, then leaves out those that say that the key is gone. Within a stream, also over
// its shards' splits and merges, what a producer sent later for a key has the higher sequence number; it is text of digits,
// of which more are more. What follows it only makes the choice between copies of one record the same each time.
func currentRows(n Names, s record.Schema) string {
	var keys, there []string
	for _, columns := range s.State.Keys {
		key := Quote(columns[0])
		if len(columns) > 1 {
			var all []string
			for _, c := range columns {
				all = append(all, Quote(c))
			}
			key = "COALESCE(" + strings.Join(all, ", ") + ")"
		}
		keys, there = append(keys, key), append(there, key+" IS NOT NULL")
	}
	var order []string
	for _, c := range s.State.Order {
		order = append(order, Quote(c)+" DESC NULLS LAST")
	}
	order = append(order, `LENGTH("_SEQUENCE") DESC`, `"_SEQUENCE" DESC`, `"_SUBSEQUENCE" DESC`, `"_SHARD" DESC`, `"_ORDINAL" DESC`, `"_GENERATION" DESC NULLS LAST`)
	columns := ColumnList(s)
	rows := fmt.Sprintf(`SELECT %s
FROM %s
WHERE %s
QUALIFY ROW_NUMBER() OVER (PARTITION BY %s ORDER BY %s) = 1`, columns, n.In(n.Streaming), strings.Join(there, " AND "), strings.Join(keys, ", "), strings.Join(order, ", "))
	if len(s.State.Deleted) == 0 {
		return rows
	}
	return fmt.Sprintf("SELECT %s\nFROM (\n%s\n) AS newest\nWHERE NOT COALESCE(%s, FALSE)", columns, rows, strings.Join(deletions(s), " AND "))
}

// deletions are the conditions that a row fulfils whose key is gone.
func deletions(s record.Schema) (out []string) {
	for _, m := range s.State.Deleted {
		c, _ := s.Column(m.Column)
		var values []string
		for _, value := range m.Values {
			if c.Type == record.String {
				value = Literal(value)
			}
			values = append(values, value)
		}
		out = append(out, Quote(m.Column)+" IN ("+strings.Join(values, ", ")+")")
	}
	return out
}

const definitionOf = "definition "

// definition tells views of other definitions apart. It stands in the view's comment, because a service may give a view's text
// back in other words than it got.
func definition(sql string) string {
	h := fnv.New64a()
	h.Write([]byte(sql))
	return fmt.Sprintf(definitionOf+"%016x", h.Sum64())
}
