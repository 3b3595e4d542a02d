package record

// Value is one field of a row: the text that stands for it in the CSV and in the tables, or NULL. The empty string
// and NULL are different values.
type Value struct {
	Text []byte
	Null bool
}

// Decoder turns payloads into rows of one schema. It is made once and used for many records, by one goroutine.
type Decoder struct {
	schema    Schema
	enveloped bool
	root      *node
	scan      scanner
	row       []Value
	found     []bool
	// timed are the forms of the columns that are times, nil for all others.
	timed []*timed
	// text receives converted values, rest the unknown fields as a JSON object; values of the row point into them.
	text, rest []byte
	// at is the column that is being converted, for the reason of a refusal.
	at *Column
	// layouts are those of payloads that came lately, the last one that fitted in front. learn is that of the payload at
	// hand, fields and places are its fields if they come in another order.
	layouts [4]*layout
	learn   layout
	fields  []byte
	places  []place
	// header and csv are the CSV's header line and the CSV of the last Cut.
	header, csv []byte
	ordinal     counter
	clock       clock
	// stream is the name of the records' stream.
	stream string
}

// node is a place in the payload that the schema names: a column, or an object with columns in it.
type node struct {
	fields map[string]*node
	// column is the index of the column, for an inner node that of the first one below it.
	column int
}

// NewDecoder returns a decoder for a schema that has passed Check.
func NewDecoder(schema Schema) *Decoder {
	d := &Decoder{
		schema: schema, enveloped: schema.enveloped(),
		root:   &node{fields: map[string]*node{}},
		row:    make([]Value, len(schema.DataColumns())),
		found:  make([]bool, len(schema.Columns)),
		timed:  make([]*timed, len(schema.Columns)),
		places: make([]place, len(schema.Columns)),
		header: AppendCSVHeader(nil, schema.TableColumns()),
	}
	for i, c := range schema.Columns {
		d.timed[i], _ = c.compile() // Check has seen that it does not fail
		n := d.root
		for depth, name := range c.Path {
			next := n.fields[name]
			if next == nil {
				next = &node{column: i}
				n.fields[name] = next
			}
			if depth < len(c.Path)-1 && next.fields == nil {
				next.fields = map[string]*node{}
			}
			n = next
		}
	}
	return d
}

// Decode reads one payload in a single pass and returns its row, a value for each of the schema's DataColumns, or the
// reason why it has none. The row and what it points to are valid until the next call. docs/values.md has the rules;
// they are the same for both tables, because both are filled from this row.
func (d *Decoder) Decode(payload []byte) ([]Value, *Reason) {
	if d.enveloped {
		opened, code := d.schema.Open(payload)
		if code != OK {
			return nil, &Reason{Code: code}
		}
		payload = opened
	}
	return d.decode(payload)
}

// decode is Decode of what an envelope held.
func (d *Decoder) decode(payload []byte) ([]Value, *Reason) {
	row, reason := d.once(payload)
	if reason != nil && d.schema.LastOne { // perhaps for what does not count
		row, reason = d.once(lastOnes(payload))
	}
	return row, reason
}

// once is decode of a payload in which no object has a name twice.
func (d *Decoder) once(payload []byte) ([]Value, *Reason) {
	d.scan.data, d.scan.at, d.scan.text = payload, 0, d.scan.text[:0]
	d.text, d.rest, d.at = d.text[:0], d.rest[:0], nil
	d.learn.holes, d.learn.keptTo = d.learn.holes[:0], 0
	clear(d.row)
	clear(d.found)
	if len(payload) > MaxPayload {
		return nil, d.reason(TooLarge)
	}
	d.scan.space()
	if d.scan.at == len(payload) {
		return nil, d.reason(Empty)
	}
	if payload[d.scan.at] != '{' {
		return nil, d.notObject()
	}
	if code := d.object(d.root, 0); code != OK {
		return nil, d.reason(code)
	}
	if d.scan.space(); d.scan.at != len(payload) {
		d.at = nil
		return nil, d.reason(NotJSON)
	}
	return d.complete()
}

// MaxPayload is the largest payload that is read, in bytes: no Snowflake text column can hold more.
const MaxPayload = 16 << 20

// object reads the object at a node. Of its members, those that lead to columns are taken, the others follow the
// schema's policy.
func (d *Decoder) object(n *node, depth int) Code {
	var m members
	opened := len(d.rest)
	for {
		name, more, code := d.scan.member(&m, depth)
		if code != OK || !more {
			if len(d.rest) > opened {
				d.rest = append(d.rest, '}')
			}
			return code
		}
		child := n.fields[string(name)]
		switch {
		case child == nil:
			code = d.unknown(m.raw, opened, depth)
		case child.fields != nil:
			code = d.inner(child, m.raw, opened, depth)
		default:
			code = d.column(child.column, depth)
		}
		if code != OK {
			return code
		}
	}
}

// column takes a value.
func (d *Decoder) column(i, depth int) Code {
	value, code := d.scan.value(depth + 1)
	if code != OK {
		return code
	}
	d.at, d.found[i] = &d.schema.Columns[i], true
	d.learn.value(value.raw, d.scan.at, i, depth+1)
	if d.row[i], code = d.convert(i, value); code == OK {
		d.at = nil
	}
	return code
}

// inner goes into an object with columns in it. null stands for an object without any of its fields.
func (d *Decoder) inner(n *node, name []byte, opened, depth int) Code {
	d.scan.space()
	if d.scan.at < len(d.scan.data) && d.scan.data[d.scan.at] == '{' {
		before := len(d.rest)
		d.restName(name, opened)
		inside := len(d.rest)
		code := d.object(n, depth+1)
		if len(d.rest) == inside {
			d.rest = d.rest[:before] // nothing unknown in there
		}
		return code
	}
	value, code := d.scan.value(depth + 1)
	if code == OK && value.kind != kindNull {
		d.at = &d.schema.Columns[n.column]
		code = WrongType
	}
	return code
}

// unknown reads a member that no column wants.
func (d *Decoder) unknown(name []byte, opened, depth int) Code {
	value, code := d.scan.value(depth + 1)
	switch {
	case code != OK:
		return code
	case d.schema.Unknown == Refuse:
		return UnknownField
	case d.schema.Unknown == Keep:
		d.restName(name, opened)
		d.learn.value(value.raw, d.scan.at, keptField, depth+1)
		d.learn.kept(value.raw, d.rest)
		d.rest = append(d.rest, value.raw...)
		return exactNumbers(value.raw)
	}
	d.learn.value(value.raw, d.scan.at, skippedField, depth+1)
	return OK
}

// restName appends a member's name to the object of unknown fields that was opened at that length.
func (d *Decoder) restName(name []byte, opened int) {
	if d.schema.Unknown != Keep {
		return
	}
	if len(d.rest) == opened {
		d.rest = append(d.rest, '{')
	} else {
		d.rest = append(d.rest, ',')
	}
	d.rest = append(append(d.rest, name...), ':')
}

// complete fills in NULL for the fields that were not there, and the rest.
func (d *Decoder) complete() ([]Value, *Reason) {
	for i, found := range d.found {
		if found {
			continue
		}
		if d.schema.Columns[i].Required {
			d.at = &d.schema.Columns[i]
			return nil, d.reason(MissingField)
		}
		d.row[i].Null = true
	}
	if d.schema.Unknown == Keep {
		d.row[len(d.row)-1] = Value{Text: d.rest, Null: len(d.rest) == 0}
	}
	return d.row, nil
}

// notObject tells a document of another kind from one that is broken.
func (d *Decoder) notObject() *Reason {
	_, code := d.scan.value(0)
	if code == OK {
		code = NotObject
		if d.scan.space(); d.scan.at != len(d.scan.data) {
			code = NotJSON
		}
	}
	return d.reason(code)
}

func (d *Decoder) reason(code Code) *Reason {
	r := &Reason{Code: code, Offset: d.scan.at}
	if d.at != nil {
		r.Field, r.Expected = d.at.Field(), d.at.expected()
	}
	return r
}

// FolderValue is the text of a payload's top-level field for naming the object that the record opens, or false
// where there is none. It does not look at the schema's types, so the name stays the same when a batch is retried
// after the schema was changed: the name is what keeps a retry from landing twice.
func FolderValue(payload []byte, field string) (string, bool) {
	s := scanner{data: payload}
	s.space()
	if s.at == len(payload) || payload[s.at] != '{' {
		return "", false
	}
	var found token
	var m members
	for {
		name, more, code := s.member(&m, 0)
		if code != OK {
			return "", false
		}
		if !more {
			break
		}
		t, code := s.value(1)
		if code != OK {
			return "", false
		}
		if string(name) == field {
			found = t
		}
	}
	switch found.kind {
	case kindString:
		return string(found.text), true
	case kindNumber, kindBool:
		return string(found.raw), true
	}
	return "", false
}
