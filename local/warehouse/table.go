package warehouse

import (
	"fmt"
	"time"
)

// table builds the answer of SHOW, DESC and LIST: texts under fixed column names. Clients find columns by name and some by
// place, so the names stand in the service's order even where this warehouse has nothing to say under them.
type table struct {
	res   *result
	names []string
}

func newTable(kind int64, names ...string) *table {
	t := &table{res: &result{kind: kind}, names: names}
	for _, name := range names {
		c := textColumn(name)
		switch name {
		case "created_on", "last_suspended_on", "resumed_on", "updated_on", "started_on":
			c = scaledColumn(name, "timestamp_ltz", 9)
		case "rows", "bytes", "size", "retention_time":
			c = fixedColumn(name, 38, 0)
		}
		t.res.columns = append(t.res.columns, c)
	}
	return t
}

// add appends a row: texts, times, numbers; nil is NULL. Missing values at the end are empty texts, which is what the
// service gives for properties that an object does not have; a number or a time cannot be empty and is NULL.
func (t *table) add(cells ...any) {
	row := make([]*string, len(t.names))
	for i := range t.names {
		text := ""
		if i < len(cells) {
			switch v := cells[i].(type) {
			case nil:
				continue
			case time.Time:
				text = timeText("timestamp_ltz", v)
			default:
				text = fmt.Sprint(v)
			}
		} else if t.res.columns[i].Type != "text" {
			continue
		}
		row[i] = &text
	}
	t.res.rows = append(t.res.rows, row)
	t.res.total++
}
