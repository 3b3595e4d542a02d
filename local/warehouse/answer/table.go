package answer

import (
	"fmt"
	"time"
)

// Table builds the answer of SHOW, DESC and LIST: texts under fixed column names. Clients find columns by name and some by
// place, so the names stand in the service's order even where this warehouse has nothing to say under them.
type Table struct {
	Res   *Result
	Names []string
}

func NewTable(kind int64, names ...string) *Table {
	t := &Table{Res: &Result{Kind: kind}, Names: names}
	for _, name := range names {
		c := Text(name)
		switch name {
		case "created_on", "last_suspended_on", "resumed_on", "updated_on", "started_on":
			c = Scaled(name, "timestamp_ltz", 9)
		case "rows", "bytes", "size", "retention_time":
			c = Fixed(name, 38, 0)
		}
		t.Res.Columns = append(t.Res.Columns, c)
	}
	return t
}

// Add appends a row: texts, times, numbers; nil is NULL. Missing values at the end are empty texts, which is what the
// service gives for properties that an object does not have; a number or a time cannot be empty and is NULL.
func (t *Table) Add(cells ...any) {
	row := make([]*string, len(t.Names))
	for i := range t.Names {
		text := ""
		if i < len(cells) {
			switch v := cells[i].(type) {
			case nil:
				continue
			case time.Time:
				text = TimeText("timestamp_ltz", v)
			default:
				text = fmt.Sprint(v)
			}
		} else if t.Res.Columns[i].Type != "text" {
			continue
		}
		row[i] = &text
	}
	t.Res.Rows = append(t.Res.Rows, row)
	t.Res.Total++
}
