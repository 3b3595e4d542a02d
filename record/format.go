package record

import (
	"errors"
	"fmt"
	"strings"
)

// format is a form that is a string, taken apart.
type format struct {
	form  Form
	parts []part // none for the forms with a name
	// shapes are the texts that the format takes, a letter for each character's class; see overlap.
	shapes []string
}

// part is one element of a format, or literal text.
type part struct {
	element element
	literal string
	digits  int // of a fraction; 0 is one to nine
}

// element is what a part of a format stands for.
type element uint8

const (
	literal element = iota
	elementYear
	elementMonth
	elementMonthShort
	elementMonthLong
	elementDay
	elementWeekday
	elementHour
	elementHour12
	elementHalf
	elementMinute
	elementSecond
	elementFraction
	elementZoneHour
	elementZoneMinute
)

// elements are the letters of Snowflake's date and time formats, longer ones in front of their beginnings.
var elements = []struct {
	letters string
	element element
}{
	{"YYYY", elementYear}, {"MMMM", elementMonthLong}, {"MON", elementMonthShort}, {"MM", elementMonth}, {"MI", elementMinute}, {"DD", elementDay},
	{"DY", elementWeekday}, {"HH24", elementHour}, {"HH12", elementHour12}, {"AM", elementHalf}, {"PM", elementHalf}, {"SS", elementSecond},
	{"TZH", elementZoneHour}, {"TZM", elementZoneMinute}, {"FF", elementFraction},
}

// maxFormat bounds a format; none that is meant is longer.
const maxFormat = 100

// readFormat takes a format apart. What is in double quotes, and all that is no letter, stands for itself.
func readFormat(f Form) (format, error) {
	g := format{form: f}
	rest := string(f)
	if len(rest) > maxFormat {
		return g, fmt.Errorf("it has more than %d characters", maxFormat)
	}
	if strings.Contains(rest, "%") {
		return g, errors.New("formats are written with Snowflake's letters, such as YYYY-MM-DD HH24:MI:SS.FF3, not with strftime's %")
	}
	for rest != "" {
		p, n, err := readPart(rest)
		if err != nil {
			return g, err
		}
		g.parts, rest = append(g.parts, p), rest[n:]
	}
	for i, p := range g.parts {
		for _, q := range g.parts[:i] {
			if p.element != literal && p.element == q.element {
				return g, errors.New("an element stands in it twice")
			}
		}
	}
	g.shapes = shapesOfParts(g.parts)
	return g, nil
}

// readPart reads the first part of a format, and how many bytes it has.
func readPart(text string) (part, int, error) {
	if text[0] == '"' {
		end := strings.IndexByte(text[1:], '"')
		if end < 0 {
			return part{}, 0, errors.New("a double quote is not closed")
		}
		return part{literal: text[1 : 1+end]}, end + 2, nil
	}
	upper := strings.ToUpper(text)
	for _, e := range elements {
		if !strings.HasPrefix(upper, e.letters) {
			continue
		}
		n := len(e.letters)
		p := part{element: e.element}
		if e.element == elementFraction && n < len(text) && text[n] >= '1' && text[n] <= '9' {
			p.digits, n = int(text[n]-'0'), n+1
		}
		return p, n, nil
	}
	switch c := text[0]; {
	case strings.HasPrefix(upper, "YY"):
		return part{}, 0, errors.New("a year of two digits does not say its century: only YYYY is taken")
	case strings.HasPrefix(upper, "HH"):
		return part{}, 0, errors.New("HH alone does not say which half of the day: write HH24, or HH12 with AM")
	case c >= 0x80:
		return part{}, 0, errors.New("it has characters beyond ASCII")
	case c == 'T' || c == 't' || c == 'Z' || c == 'z' || c < 'A' || c > 'z' || c > 'Z' && c < 'a':
		return part{literal: text[:1]}, 1, nil
	}
	return part{}, 0, fmt.Errorf("%.10q is none of Snowflake's letters: text that stands for itself goes into double quotes", text)
}

// has reports whether the format has one of the elements.
func (f format) has(elements ...element) bool {
	for _, p := range f.parts {
		for _, e := range elements {
			if p.element == e {
				return true
			}
		}
	}
	return false
}

// fits reports what is missing in a format for the column, or too much.
func (f format) fits(c Column) error {
	date := f.has(elementYear) && f.has(elementMonth, elementMonthShort, elementMonthLong) && f.has(elementDay)
	anyDate := f.has(elementYear, elementMonth, elementMonthShort, elementMonthLong, elementDay, elementWeekday)
	hour := f.has(elementHour) || f.has(elementHour12)
	anyTime := hour || f.has(elementHalf, elementMinute, elementSecond, elementFraction)
	zone := f.has(elementZoneHour, elementZoneMinute)
	switch {
	case f.has(elementHour) && f.has(elementHour12) || f.has(elementMonth) && f.has(elementMonthShort, elementMonthLong) || f.has(elementMonthShort) && f.has(elementMonthLong):
		return errors.New("an element stands in it twice")
	case f.has(elementHour12) != f.has(elementHalf):
		return errors.New("HH12 and AM go together: without the other the half of the day is unknown")
	case c.Type != Time && !date:
		return errPart
	case c.Type == Time && anyDate, c.Type == Date && anyTime, c.Type != Timestamp && zone:
		return fmt.Errorf("a %s takes no such elements", c.Type)
	case c.Type == Time && !hour, anyTime && !hour, f.has(elementFraction) && !f.has(elementSecond), f.has(elementSecond) && !f.has(elementMinute), f.has(elementZoneMinute) && !f.has(elementZoneHour):
		return errors.New("a smaller unit stands in it without the larger one")
	case c.Type == Timestamp && !zone && c.Zone == "":
		return errors.New("it has no zone (TZH:TZM): say with `zone:` which one is meant, such as UTC or Europe/Berlin")
	}
	return nil
}

// match reads a text. What it returns is not checked for days and hours that do not exist.
func (f *format) match(text []byte, t Type) (wall, bool) {
	var w wall
	if f.parts == nil {
		return named(text, t, f.form)
	}
	hour12, afternoon := false, false
	sign := 1
	for _, p := range f.parts {
		n, ok := 0, false
		switch p.element {
		case literal:
			if len(text) < len(p.literal) || !strings.EqualFold(string(text[:len(p.literal)]), p.literal) {
				return w, false
			}
			n, ok = len(p.literal), true
		case elementYear:
			w.year, n, ok = fixed(text, 4)
		case elementMonth:
			w.month, n, ok = fixed(text, 2)
		case elementMonthShort:
			w.month, n, ok = word(text, months, 3)
		case elementMonthLong:
			w.month, n, ok = word(text, months, 0)
		case elementDay:
			w.day, n, ok = fixed(text, 2)
		case elementWeekday:
			w.weekday, n, ok = word(text, weekdays, 3)
		case elementHour:
			w.hour, n, ok = fixed(text, 2)
		case elementHour12:
			w.hour, n, ok = fixed(text, 2)
			hour12, ok = true, ok && w.hour >= 1 && w.hour <= 12
		case elementHalf:
			var half int
			half, n, ok = word(text, halves, 0)
			afternoon = half == 2
		case elementMinute:
			w.minute, n, ok = fixed(text, 2)
		case elementSecond:
			w.second, n, ok = fixed(text, 2)
		case elementFraction:
			n, ok = w.fraction(text, p.digits)
		case elementZoneHour:
			if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
				if text[0] == '-' {
					sign = -1
				}
				w.offset, n, ok = fixed(text[1:], 2)
				ok = ok && w.offset <= 23
				w.offset, n, w.zoned = sign*w.offset*3600, n+1, true
			}
		case elementZoneMinute:
			var minutes int
			minutes, n, ok = fixed(text, 2)
			ok = ok && minutes <= 59
			w.offset += sign * minutes * 60
		}
		if !ok {
			return w, false
		}
		text = text[n:]
	}
	if hour12 {
		w.hour %= 12
		if afternoon {
			w.hour += 12
		}
	}
	return w, len(text) == 0
}

var (
	months   = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	weekdays = []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	halves   = []string{"AM", "PM"}
)

// fixed reads exactly n digits.
func fixed(text []byte, n int) (value, length int, ok bool) {
	if len(text) < n || !allDigits(text[:n]) {
		return 0, 0, false
	}
	for _, c := range text[:n] {
		value = value*10 + int(c-'0')
	}
	return value, n, true
}

// word reads one of some words, of which only the first characters are written if short is not 0, and returns its number
// from 1 on.
func word(text []byte, words []string, short int) (value, length int, ok bool) {
	for i, w := range words {
		if short > 0 {
			w = w[:short]
		}
		if len(text) >= len(w) && strings.EqualFold(string(text[:len(w)]), w) {
			return i + 1, len(w), true
		}
	}
	return 0, 0, false
}

// fraction reads exactly n digits behind the point of a second, or for 0 as many as there are. Zeros behind the
// nanoseconds are none.
func (w *wall) fraction(text []byte, n int) (length int, ok bool) {
	length = digits(text)
	if length == 0 || n > 0 && length < n {
		return 0, false
	}
	if n > 0 {
		length = n
	}
	unit := 100_000_000
	for _, c := range text[:length] {
		w.nanosecond += int(c-'0') * unit
		w.lost = w.lost || unit == 0 && c != '0'
		unit /= 10
	}
	return length, true
}

// named reads one of the forms with a name.
func named(text []byte, t Type, f Form) (w wall, ok bool) {
	n := 0
	if t != Time {
		if text, ok = w.calendar(text); !ok || t == Date {
			return w, ok && len(text) == 0
		}
		if len(text) == 0 || text[0] != 'T' && (f == RFC3339 || text[0] != 't' && text[0] != ' ') {
			return w, false
		}
		text = text[1:]
	}
	if text, ok = w.clock(text, f == RFC3339); !ok {
		return w, false
	}
	if t == Time {
		return w, len(text) == 0
	}
	if f != RFC3339 && len(text) > 1 && text[0] == ' ' {
		text = text[1:]
		n = 1
	}
	if len(text) == 0 {
		return w, f != RFC3339 && n == 0
	}
	return w, w.zone(text, f == RFC3339)
}

// calendar reads YYYY-MM-DD.
func (w *wall) calendar(text []byte) (rest []byte, ok bool) {
	if len(text) < len("2006-01-02") || text[4] != '-' || text[7] != '-' {
		return text, false
	}
	var ok1, ok2, ok3 bool
	w.year, _, ok1 = fixed(text, 4)
	w.month, _, ok2 = fixed(text[5:], 2)
	w.day, _, ok3 = fixed(text[8:], 2)
	return text[10:], ok1 && ok2 && ok3
}

// clock reads HH:MM:SS with a fraction. Without strict, the seconds may be left out.
func (w *wall) clock(text []byte, strict bool) (rest []byte, ok bool) {
	if len(text) < len("15:04") || text[2] != ':' {
		return text, false
	}
	var ok1, ok2 bool
	w.hour, _, ok1 = fixed(text, 2)
	w.minute, _, ok2 = fixed(text[3:], 2)
	if text = text[5:]; !ok1 || !ok2 || len(text) == 0 || text[0] != ':' {
		return text, ok1 && ok2 && !strict
	}
	if w.second, _, ok = fixed(text[1:], 2); !ok {
		return text, false
	}
	if text = text[3:]; len(text) == 0 || text[0] != '.' {
		return text, true
	}
	n, ok := w.fraction(text[1:], 0)
	return text[1+n:], ok
}

// zone reads all of text as Z or an offset.
func (w *wall) zone(text []byte, strict bool) bool {
	w.zoned = true
	if len(text) == 1 {
		return text[0] == 'Z' || text[0] == 'z' && !strict
	}
	if text[0] != '+' && text[0] != '-' {
		return false
	}
	hours, _, ok := fixed(text[1:], 2)
	minutes := 0
	switch rest := text[min(3, len(text)):]; {
	case !ok || hours > 23:
		return false
	case len(rest) == 3 && rest[0] == ':':
		minutes, _, ok = fixed(rest[1:], 2)
	case strict:
		return false
	case len(rest) == 2:
		minutes, _, ok = fixed(rest, 2)
	case len(rest) > 0:
		return false
	}
	if w.offset = hours*3600 + minutes*60; text[0] == '-' {
		w.offset = -w.offset
	}
	return ok && minutes <= 59
}
