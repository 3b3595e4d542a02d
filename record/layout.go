package record

// layout is a payload that became a row, with holes where its values were. A payload with the same text between the
// holes has the same members in the same order: their names need not be looked up or compared again. The values are
// read as ever, and where one does not fit its column the payload is decoded member by member, so that a reason has one
// origin. A null in place of an object with columns in it is part of the text.
type layout struct {
	text  []byte
	holes []hole
	// end is the text behind the last hole.
	end []byte
	// inOrder says that the columns come in the schema's order, so that their fields can be written as they come.
	inOrder bool
	// rest is the object of the kept fields of the payload; keptTo is where its last value ended.
	rest   []byte
	keptTo int
}

// hole is the place of one value.
type hole struct {
	// from and to are the value in the payload that was learnt; before is the text between it and the one in front of it.
	from, to int
	before   []byte
	// column is the value's column, or one of the two below.
	column int
	depth  int
	// restFrom and restTo are the text in front of the value in the object of kept fields.
	restFrom, restTo int
}

const (
	skippedField = -1 // the schema's policy leaves it out
	keptField    = -2 // the schema's policy keeps it in the column for the rest
)

// The limits of what is learnt: larger payloads gain little and would be held on to.
const (
	maxLayout = 16 << 10
	maxHoles  = 256
)

// value notes the place of a value of the payload that is being decoded.
func (l *layout) value(raw []byte, to, column, depth int) {
	if len(l.holes) <= maxHoles {
		l.holes = append(l.holes, hole{from: to - len(raw), to: to, column: column, depth: depth})
	}
}

// kept notes that the value that was noted last stands behind rest in the object of kept fields.
func (l *layout) kept(raw, rest []byte) {
	h := &l.holes[len(l.holes)-1]
	h.restFrom, h.restTo = l.keptTo, len(rest)
	l.keptTo = len(rest) + len(raw)
}

// remember keeps the layout of the payload that has just become a row, in place of the one that fitted least lately.
func (d *Decoder) remember(payload []byte) {
	if len(payload) > maxLayout || len(d.learn.holes) > maxHoles {
		return
	}
	last := len(d.layouts) - 1
	l := d.layouts[last]
	if l == nil {
		l = &layout{}
	}
	l.text, l.rest = append(l.text[:0], payload...), append(l.rest[:0], d.rest...)
	l.holes, l.keptTo, l.inOrder = append(l.holes[:0], d.learn.holes...), d.learn.keptTo, true
	at, column := 0, -1
	for i := range l.holes {
		h := &l.holes[i]
		h.before, at = l.text[at:h.from], h.to
		if h.column >= 0 {
			l.inOrder = l.inOrder && h.column > column
			column = h.column
		}
	}
	l.end = l.text[at:]
	copy(d.layouts[1:], d.layouts[:last])
	d.layouts[0] = l
}

// appendKnown appends the row of a payload, a comma behind each field, if it has a known layout and all of its values
// fit.
func (d *Decoder) appendKnown(dst, payload []byte) ([]byte, bool) {
	if len(payload) > maxLayout {
		return dst, false
	}
	for i, l := range d.layouts {
		if l == nil {
			break
		}
		if out, ok := d.follow(l, dst, payload); ok {
			if i > 0 {
				copy(d.layouts[1:], d.layouts[:i])
				d.layouts[0] = l
			}
			return out, true
		}
	}
	return dst, false
}

// follow reads a payload along a layout.
func (d *Decoder) follow(l *layout, dst, payload []byte) ([]byte, bool) {
	d.scan.text, d.text, d.rest = d.scan.text[:0], d.text[:0], d.rest[:0]
	out := dst
	if !l.inOrder {
		out = d.fields[:0]
		clear(d.places)
	}
	at, next := 0, 0
	for i := range l.holes {
		h := &l.holes[i]
		to := at + len(h.before)
		if to > len(payload) || string(payload[at:to]) != string(h.before) {
			return dst, false
		}
		if h.column < 0 {
			if at = d.aside(l, h, payload, to); at < 0 {
				return dst, false
			}
			continue
		}
		if l.inOrder {
			out = appendNulls(out, h.column-next)
			next = h.column + 1
		}
		from := len(out)
		if out, at = d.appendValue(out, payload, to, h); at < 0 {
			return dst, false
		}
		if !l.inOrder {
			d.places[h.column] = place{from, len(out)}
			continue
		}
		out = append(out, ',')
	}
	if string(payload[at:]) != string(l.end) {
		return dst, false
	}
	if !l.inOrder {
		d.fields = out
		out = d.arrange(dst)
		next = len(d.places)
	}
	out = appendNulls(out, len(d.schema.Columns)-next)
	if d.schema.Unknown == Keep {
		d.rest = append(d.rest, l.rest[l.keptTo:]...)
		out = append(appendField(out, Value{Text: d.rest, Null: len(d.rest) == 0}), ',')
	}
	return out, true
}

// place is a field in Decoder.fields; to is 0 where it is NULL, as none starts at its end.
type place struct{ from, to int }

// arrange appends the fields of a row in the schema's order.
func (d *Decoder) arrange(dst []byte) []byte {
	for _, p := range d.places {
		dst = append(append(dst, d.fields[p.from:p.to]...), ',')
	}
	return dst
}

func appendNulls(dst []byte, n int) []byte {
	for range n {
		dst = append(appendField(dst, Value{Null: true}), ',')
	}
	return dst
}

// aside reads a value that no column wants and returns its end, or -1.
func (d *Decoder) aside(l *layout, h *hole, payload []byte, at int) int {
	d.scan.data, d.scan.at = payload, at
	value, code := d.scan.value(h.depth)
	if code != OK {
		return -1
	}
	if h.column == keptField {
		if exactNumbers(value.raw) != OK {
			return -1
		}
		d.rest = append(append(d.rest, l.rest[h.restFrom:h.restTo]...), value.raw...)
	}
	return d.scan.at
}

// appendValue appends the field of the value at a place in the payload and returns where the value ends, or -1. Most
// values stand in the payload as they stand in the CSV; the others are read and converted like any.
func (d *Decoder) appendValue(dst, payload []byte, at int, h *hole) ([]byte, int) {
	c := &d.schema.Columns[h.column]
	switch c.Type {
	case Integer:
		if n := wholeNumber(payload[at:]); n > 0 {
			return append(dst, payload[at:at+n]...), at + n
		}
	case String:
		if out, n := appendBare(dst, payload[at:]); n > 0 {
			return out, at + n
		}
	}
	d.scan.data, d.scan.at = payload, at
	t, code := d.scan.value(h.depth)
	if code != OK {
		return dst, -1
	}
	value, code := d.convert(h.column, t)
	if code != OK {
		return dst, -1
	}
	return appendField(dst, value), d.scan.at
}

// wholeNumber is the length of the number in front of text if it is an integer as the CSV has it, else 0.
func wholeNumber(text []byte) int {
	n := digits(text)
	if n == 0 || n == len(text) || n > MaxDigits || text[0] == '0' && n > 1 {
		return 0
	}
	if c := text[n]; c == '.' || c == 'e' || c == 'E' {
		return 0
	}
	return n
}

// appendBare appends the field of the JSON string in front of text, if it has neither escapes nor other characters than
// ASCII, and returns its length, else 0.
func appendBare(dst, text []byte) ([]byte, int) {
	if len(text) < 2 || text[0] != '"' {
		return dst, 0
	}
	worst := harmless
	for i, b := range text[1:] {
		if c := classes[b]; c != special {
			worst = min(worst, c)
			continue
		}
		if b != '"' {
			return dst, 0
		}
		content := text[1 : i+1]
		if len(content) == 0 || worst == quoted || worst == blank && (content[0] == ' ' || content[i-1] == ' ') {
			return append(dst, text[:i+2]...), i + 2 // the quotes of JSON are those of CSV here
		}
		return append(dst, content...), i + 2
	}
	return dst, 0
}
