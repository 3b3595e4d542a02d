package infer

import (
	"encoding/json"
	"fmt"

	"github.com/snowstream/snowstream/record"
)

// texts is what was seen of a field's strings.
type texts struct {
	longest int // characters
	empty   int64
	// seen counts the strings; misfits has a bit for each candidate that did not take one of them.
	seen    int64
	misfits uint
}

// candidate is a column that strings may fit, and what is said of it.
type candidate struct {
	column record.Column
	about  string
}

// slashed are the places in candidates of pairs that cannot be told apart where no day is above 12.
const (
	dayFirst, monthFirst         = 5, 6
	dayFirstTime, monthFirstTime = 7, 8
	numeric, truth               = 10, 11
)

// candidates are tried in this order; the first that takes all strings is proposed.
func candidates() []candidate {
	timestamp := func(zone string, forms ...record.Form) record.Column {
		return record.Column{Type: record.Timestamp, Forms: forms, Zone: zone}
	}
	const local = "; they say no zone, and UTC is a guess: put the zone that is meant in its place, such as Europe/Berlin"
	return []candidate{
		0:                  {timestamp(""), "strings, all of them RFC 3339 timestamps (stored in UTC, without their offset); another string is quarantined"},
		1:                  {timestamp("", record.ISO8601), "strings, all of them ISO 8601 timestamps with a zone (stored in UTC, without it); another string is quarantined"},
		2:                  {timestamp("UTC", record.ISO8601), "strings, all of them ISO 8601 timestamps, some or all without a zone" + local},
		3:                  {record.Column{Type: record.Date}, "strings, all of them dates; another string is quarantined"},
		4:                  {record.Column{Type: record.Time}, "strings, all of them times of day; another string is quarantined"},
		dayFirst:           {timestamp("UTC", "DD/MM/YYYY"), "strings, all of them dates with the day in front"},
		monthFirst:         {timestamp("UTC", "MM/DD/YYYY"), "strings, all of them dates with the month in front"},
		dayFirstTime:       {timestamp("UTC", "DD/MM/YYYY HH24:MI:SS"), "strings, all of them times with the day in front" + local},
		monthFirstTime:     {timestamp("UTC", "MM/DD/YYYY HH24:MI:SS"), "strings, all of them times with the month in front" + local},
		monthFirstTime + 1: {timestamp("", "DD/MON/YYYY:HH24:MI:SS TZHTZM"), "strings, all of them times as web servers log them; another string is quarantined"},
		numeric:            {record.Column{Type: record.Number, Precision: record.MaxDigits, Scale: 10, Accept: record.NumericText}, "a number as text: then the type is integer or number(p,s) with `accept: [numeric-text]`"},
		truth:              {record.Column{Type: record.Boolean, Accept: record.BooleanText}, "true or false as text: then the type is boolean with `accept: [boolean-text]`"},
	}
}

// longestTime is longer than any text that a candidate takes.
const longestTime = 60

func (o *Observer) seeText(t *texts, text string) {
	t.longest = max(t.longest, len([]rune(text)))
	if t.seen++; text == "" {
		t.empty++
	}
	all := uint(1)<<len(o.candidates) - 1
	if len(text) > longestTime {
		t.misfits = all
	}
	if t.misfits == all {
		return
	}
	quoted, _ := json.Marshal(text)
	record := []byte(`{"t":` + string(quoted) + `}`)
	for i, d := range o.candidates {
		if t.misfits>>i&1 == 0 {
			if _, reason := d.Decode(record); reason != nil {
				t.misfits |= 1 << i
			}
		}
	}
}

// decoders make a decoder of each candidate.
func decoders() []*record.Decoder {
	var out []*record.Decoder
	for _, c := range candidates() {
		c.column.Path, c.column.Name = []string{"t"}, "T"
		out = append(out, record.NewDecoder(record.Schema{Columns: []record.Column{c.column}}))
	}
	return out
}

// column is the type for the strings that were seen, and why.
func (t *texts) column() (record.Column, string) {
	about := fmt.Sprintf("strings of up to %d characters", t.longest)
	if t.empty > 0 {
		about += fmt.Sprintf(", empty in %d", t.empty)
	}
	fits := func(i int) bool { return t.misfits>>i&1 == 0 }
	for i, c := range candidates() {
		switch {
		case !fits(i):
		case i == dayFirst && fits(monthFirst), i == dayFirstTime && fits(monthFirstTime):
			return record.Column{Type: record.String}, about + "; all of them are dates, and no day is above 12: whether it is DD/MM/YYYY or MM/DD/YYYY cannot be told, say it with `forms:`"
		case i == dayFirst, i == monthFirst:
			return record.Column{Type: record.Date, Forms: c.column.Forms}, c.about
		case i >= numeric:
			return record.Column{Type: record.String}, about + "; all of them could be " + c.about
		default:
			return c.column, c.about
		}
	}
	return record.Column{Type: record.String}, about
}
