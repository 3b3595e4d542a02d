package record

// convert turns a checked JSON value into the text of the i-th column.
func (d *Decoder) convert(i int, t token) (Value, Code) {
	c := &d.schema.Columns[i]
	if t.kind == kindNull {
		return null(c)
	}
	if c.Type == Variant {
		return Value{Text: t.raw}, exactNumbers(t.raw)
	}
	if c.Accept != 0 {
		t = c.coerce(t)
	}
	from := len(d.text)
	code := OK
	switch {
	case c.Type == String && t.kind == kindString:
		return Value{Text: t.text}, OK
	case c.Type == Boolean && t.kind == kindBool:
		return Value{Text: t.raw}, OK
	case c.Type == Integer && t.kind == kindNumber:
		d.text, code = decimal(d.text, t.raw, MaxDigits, 0)
	case c.Type == Number && t.kind == kindNumber:
		d.text, code = decimal(d.text, t.raw, c.Precision, c.Scale)
	case c.Type == Float && t.kind == kindNumber:
		d.text, code = appendFloat(d.text, t.raw)
	case c.Type == Float && t.kind == kindString:
		return c.nonFinite(t.text)
	case d.timed[i] != nil && d.timed[i].takes(t.kind):
		d.text, code = d.timed[i].append(d.text, t, c)
	default:
		return Value{}, WrongType
	}
	return Value{Text: d.text[from:len(d.text):len(d.text)]}, code
}

// null is what a column makes of null.
func null(c *Column) (Value, Code) {
	if c.Required {
		return Value{}, NullField
	}
	return Value{Null: true}, OK
}

// nonFinite follows the column's policy for the texts of values that are no numbers.
func (c *Column) nonFinite(text []byte) (Value, Code) {
	value, ok := nonFinite(text)
	switch {
	case !ok || c.NonFinite == RefuseNonFinite:
		return Value{}, WrongType
	case c.NonFinite == NullNonFinite:
		return null(c)
	}
	return Value{Text: nonFiniteText(value)}, OK
}
