package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a declared zone means the same on a machine that has no table of zones
)

// Form is one way in which a point in time, a date or a time of day is written in the payload: one of the words below, or
// a format in Snowflake's letters, such as "DD/MM/YYYY HH24:MI:SS".
type Form string

// The forms with a name. The numbers take decimal places as far as the column keeps them.
const (
	RFC3339      Form = "rfc3339"      // a string such as 2026-01-02T03:04:05.678+01:00, to the letter
	ISO8601      Form = "iso8601"      // the same with T or a blank, with or without seconds and zone: Z, +01:00, +0100, +01
	Seconds      Form = "seconds"      // a number: since 1970-01-01 UTC; in a Time column since midnight
	Milliseconds Form = "milliseconds" // the same
	Microseconds Form = "microseconds" // the same
	Nanoseconds  Form = "nanoseconds"  // the same
	Days         Form = "days"         // a number: whole days since 1970-01-01, for a Date column
)

// epochForms are the forms that are numbers, with the decimal places that each needs to count nanoseconds.
var epochForms = []struct {
	form  Form
	scale int
}{{Seconds, 9}, {Milliseconds, 6}, {Microseconds, 3}, {Nanoseconds, 0}, {Days, 0}}

// isEpoch reports whether the form is a number, and how many decimal places of it are nanoseconds.
func (f Form) isEpoch() (scale int, ok bool) {
	for _, e := range epochForms {
		if e.form == f {
			return e.scale, true
		}
	}
	return 0, false
}

// FormWords are the forms with a name that a type takes, its default in front.
func FormWords(t Type) []Form {
	switch t {
	case Timestamp:
		return []Form{RFC3339, ISO8601, Seconds, Milliseconds, Microseconds, Nanoseconds}
	case Date:
		return []Form{ISO8601, Days}
	case Time:
		return []Form{ISO8601, Seconds, Milliseconds, Microseconds, Nanoseconds}
	}
	return nil
}

// forms are the column's forms, or the default.
func (c Column) forms() []Form {
	if words := FormWords(c.Type); len(c.Forms) == 0 && words != nil {
		return words[:1]
	}
	return c.Forms
}

// timed are the compiled forms of a column.
type timed struct {
	formats []format // those that are strings
	scale   int      // of the one that is a number
	number  bool
	zone    *time.Location // nil if none is declared
}

// takes reports whether a value of that kind may be of one of the forms.
func (t *timed) takes(k kind) bool {
	return k == kindNumber && t.number || k == kindString && len(t.formats) > 0
}

// compile reads a column's forms. It fails where a value could be read in two ways, and where one could never be read.
func (c Column) compile() (*timed, error) {
	words := FormWords(c.Type)
	if words == nil {
		if c.Zone != "" || len(c.Forms) > 0 {
			return nil, fmt.Errorf("forms and zone belong to timestamp, date and time, not to %s", c.Type)
		}
		return nil, nil
	}
	t := &timed{}
	var err error
	if t.zone, err = c.location(); err != nil {
		return nil, err
	}
	for i, f := range c.forms() {
		if slices.Contains(c.Forms[:min(i, len(c.Forms))], f) {
			return nil, fmt.Errorf("form %q is here twice", f)
		}
		if err := t.add(c, f, words); err != nil {
			return nil, err
		}
	}
	return t, t.unambiguous(c)
}

// location is the column's zone: a name of the tz database, or an offset such as +01:00.
func (c Column) location() (*time.Location, error) {
	switch {
	case c.Zone == "":
		return nil, nil
	case c.Type != Timestamp:
		return nil, fmt.Errorf("a %s has no zone", c.Type)
	}
	if at, err := time.Parse("Z07:00", c.Zone); err == nil && c.Zone != "Z" && isOffset([]byte(c.Zone)) {
		_, offset := at.Zone()
		return time.FixedZone(c.Zone, offset), nil
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil || c.Zone == "Local" {
		return nil, fmt.Errorf("there is no zone %.60q: it is a name such as Europe/Berlin or UTC, or an offset such as +01:00", c.Zone)
	}
	return zone, nil
}

// add compiles one form.
func (t *timed) add(c Column, f Form, words []Form) error {
	if scale, epoch := f.isEpoch(); epoch && slices.Contains(words, f) {
		if t.number {
			return fmt.Errorf("two forms of numbers, the second is %s: which one a number is meant in cannot be told", f)
		}
		t.number, t.scale = true, scale
		return nil
	}
	if slices.Contains(words, f) {
		t.formats = append(t.formats, format{form: f, shapes: shapesOf(c.Type, f)})
		return nil
	}
	g, err := readFormat(f)
	if err == nil {
		err = g.fits(c)
	}
	if err != nil {
		return fmt.Errorf("form %.60q: %w", string(f), err)
	}
	t.formats = append(t.formats, g)
	return nil
}

// unambiguous fails if a text can be read by two of the forms.
func (t *timed) unambiguous(c Column) error {
	for i, f := range t.formats {
		for _, g := range t.formats[:i] {
			if text, both := overlap(f.shapes, g.shapes); both {
				return fmt.Errorf("forms %.60q and %.60q both take %q: leave one of them out", string(g.form), string(f.form), text)
			}
		}
		if t.number && c.Accept.Has(NumericText) && slices.ContainsFunc(f.shapes, allDigitShape) {
			return fmt.Errorf("form %.60q and a number as text cannot be told apart", string(f.form))
		}
	}
	return nil
}

// isOffset reports whether a text that ends in an offset ends in one that RFC 3339 has: its hours end at 23, its minutes at
// 59, where Go's time package goes on to 24 and 60.
func isOffset(text []byte) bool {
	offset := text[len(text)-len("00:00"):]
	return string(offset[:2]) < "24" && offset[3] < '6'
}

// wall is what stands in a text: a date, a time of day and an offset, as far as they are there.
type wall struct {
	year, month, day     int
	hour, minute, second int
	nanosecond           int
	weekday              int // 1 is Monday; 0 if it is not there
	offset               int // seconds east of UTC
	zoned                bool
	// lost says that the text has decimal places behind the nanoseconds.
	lost bool
}

// valid reports whether there is such a day and such a time of day.
func (w *wall) valid() bool {
	if w.hour > 23 || w.minute > 59 || w.second > 59 || w.month < 1 || w.month > 12 || w.day < 1 || w.day > daysIn(w.year, w.month) {
		return false
	}
	return w.weekday == 0 || w.weekday%7 == int(w.date().Weekday())
}

func (w *wall) date() time.Time {
	return time.Date(w.year, time.Month(w.month), w.day, 0, 0, 0, 0, time.UTC)
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// at is the instant that a wall clock in a zone means. Twice a year a zone's clock shows some times twice or leaves some
// out: nobody can say then what was meant.
func (w *wall) at(zone *time.Location) (time.Time, Code) {
	local := time.Date(w.year, time.Month(w.month), w.day, w.hour, w.minute, w.second, w.nanosecond, time.UTC)
	switch {
	case w.zoned:
		return local.Add(-time.Duration(w.offset) * time.Second), OK
	case zone == nil:
		return time.Time{}, WrongType
	}
	var found time.Time
	hits := 0
	for _, around := range [...]time.Duration{-24 * time.Hour, 0, 24 * time.Hour} {
		_, offset := local.Add(around).In(zone).Zone()
		at := local.Add(-time.Duration(offset) * time.Second)
		if _, is := at.In(zone).Zone(); is == offset && (hits == 0 || !at.Equal(found)) {
			found, hits = at, hits+1
		}
	}
	if hits != 1 {
		return time.Time{}, AmbiguousTime
	}
	return found, OK
}

// The layouts in which a date, a time of day and a point in time stand in the CSV and are bound in SQL: what Snowflake
// reads without a format. Points in time are in UTC.
const (
	TimestampLayout = "2006-01-02 15:04:05.999999999"
	DateLayout      = "2006-01-02"
	TimeLayout      = "15:04:05.999999999"
)

// append appends the text of a value of one of the column's forms.
func (t *timed) append(dst []byte, v token, c *Column) ([]byte, Code) {
	at, code := t.read(v, c)
	if code != OK {
		return dst, code
	}
	if at.Nanosecond()%tenTo(nanoDigits-c.places()) != 0 {
		return dst, NotExact
	}
	switch c.Type {
	case Date:
		if at.Year() < 1 || at.Year() > 9999 {
			return dst, OutOfRange
		}
		return at.AppendFormat(dst, DateLayout), OK
	case Time:
		return at.AppendFormat(dst, TimeLayout), OK
	}
	if first, last := c.years(); at.Year() < first || at.Year() > last {
		return dst, OutOfRange
	}
	return at.AppendFormat(dst, TimestampLayout), OK
}

// read finds the form and the instant: that of a date is its midnight, that of a time of day lies on 1970-01-01.
func (t *timed) read(v token, c *Column) (time.Time, Code) {
	if v.kind == kindNumber {
		return t.epoch(v.raw, c)
	}
	for i := range t.formats {
		w, ok := t.formats[i].match(v.text, c.Type)
		if !ok {
			continue
		}
		if c.Type == Time {
			w.year, w.month, w.day = 1970, 1, 1
		}
		if !w.valid() {
			return time.Time{}, WrongType
		}
		if w.lost {
			return time.Time{}, NotExact
		}
		if c.Type != Timestamp {
			w.zoned = true
		}
		return w.at(t.zone)
	}
	return time.Time{}, WrongType
}

// epochDigits is enough for nanoseconds in the year 9999.
const epochDigits = 21

// nanoDigits is how many decimal places a second has in nanoseconds.
const nanoDigits = 9

// secondsOfDay are how many seconds a time of day is less than, and a day has.
const secondsOfDay = 24 * 60 * 60

// epoch reads a number since 1970, or since midnight, exactly.
func (t *timed) epoch(raw []byte, c *Column) (time.Time, Code) {
	var buf [1 + epochDigits + 1 + nanoDigits + 1]byte
	whole := epochDigits - nanoDigits + (nanoDigits - t.scale)
	text, code := decimal(buf[:0], raw, whole+t.scale, t.scale)
	if code != OK {
		return time.Time{}, code
	}
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	if t.scale > 0 {
		point := len(text) - 1 - t.scale
		text = append(text[:point], text[point+1:]...)
	}
	if c.Type == Date {
		days := number(text)
		if negative {
			days = -days
		}
		if days < -1e6 || days > 1e7 {
			return time.Time{}, OutOfRange
		}
		return time.Unix(days*secondsOfDay, 0).UTC(), OK
	}
	cut := max(0, len(text)-nanoDigits)
	seconds, nanoseconds := number(text[:cut]), number(text[cut:])
	if negative {
		seconds, nanoseconds = -seconds, -nanoseconds
	}
	if c.Type == Time && (seconds < 0 || nanoseconds < 0 || seconds >= secondsOfDay) {
		return time.Time{}, OutOfRange
	}
	return time.Unix(seconds, nanoseconds).UTC(), OK
}

// number is the value of at most 18 digits, or more than any time has.
func number(digits []byte) (n int64) {
	for _, c := range digits {
		if n = n*10 + int64(c-'0'); n > 1e15 {
			return 1e15
		}
	}
	return n
}

func tenTo(n int) int {
	out := 1
	for range n {
		out *= 10
	}
	return out
}

// takes is what the column's forms are, for people.
func (c Column) takes() string {
	var names []string
	for _, f := range c.forms() {
		if text, named := formTexts[f]; named {
			names = append(names, text)
		} else {
			names = append(names, string(f))
		}
	}
	text := strings.Join(names, " or ")
	if c.Zone != "" {
		text += ", " + c.Zone + " if it says no zone"
	}
	return text
}

// formTexts name the forms for people.
var formTexts = map[Form]string{
	RFC3339: "RFC 3339", ISO8601: "ISO 8601", Seconds: "seconds", Milliseconds: "milliseconds", Microseconds: "microseconds",
	Nanoseconds: "nanoseconds", Days: "days since 1970",
}

// errPart says that a format lacks something.
var errPart = errors.New("it must have YYYY, a month (MM, MON or MMMM) and DD")
