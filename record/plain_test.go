package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// This file applies the rules of docs/values.md the slow way: with encoding/json, arbitrary-precision numbers and
// regular expressions. The differential tests hold the record path against it.

// plainRow is the line of a payload up to the lineage, or why there is none.
type plainRow struct {
	line  string
	code  Code
	field string
}

// plainDecoder decodes one payload.
type plainDecoder struct {
	schema Schema
	fields map[string]*string
	at     string
}

func plainDecode(schema Schema, payload []byte) plainRow {
	d := plainDecoder{schema: schema, fields: map[string]*string{}}
	line, code := d.decode(payload)
	if code != OK {
		return plainRow{code: code, field: d.at}
	}
	return plainRow{line: line}
}

func (d *plainDecoder) decode(payload []byte) (string, Code) {
	text := bytes.Trim(payload, " \t\r\n")
	switch {
	case len(payload) > MaxPayload:
		return "", TooLarge
	case len(text) == 0:
		return "", Empty
	case !json.Valid(text):
		return "", NotJSON
	}
	if text[0] != '{' {
		if code := plainCheck(text, 0); code != OK {
			return "", code
		}
		return "", NotObject
	}
	rest, code := d.object(text, nil, 0)
	if code != OK {
		return "", code
	}
	var fields []string
	for _, c := range d.schema.Columns {
		field, found := d.fields[c.Field()]
		if !found && c.Required {
			d.at = c.Field()
			return "", MissingField
		}
		fields = append(fields, plainField(field))
	}
	if d.schema.Unknown == Keep {
		if rest == "" {
			fields = append(fields, "")
		} else {
			fields = append(fields, plainField(&rest))
		}
	}
	return strings.Join(fields, ",") + ",", OK
}

// object takes the columns below a path out of an object and returns the object of the kept fields.
func (d *plainDecoder) object(text []byte, path []string, depth int) (string, Code) {
	var kept []string
	code := plainMembers(text, depth, func(rawName, name string, value []byte) Code {
		below := append(append([]string{}, path...), name)
		var inner []Column
		for i, c := range d.schema.Columns {
			if strings.Join(c.Path, "\x00") == strings.Join(below, "\x00") {
				return d.column(d.schema.Columns[i], value, depth+1)
			}
			if len(c.Path) > len(below) && strings.Join(c.Path[:len(below)], "\x00") == strings.Join(below, "\x00") {
				inner = append(inner, c)
			}
		}
		switch {
		case inner != nil && value[0] == '{':
			rest, code := d.object(value, below, depth+1)
			if rest != "" {
				kept = append(kept, rawName+":"+rest)
			}
			return code
		case inner != nil:
			if code := plainCheck(value, depth+1); code != OK {
				return code
			}
			if string(value) != "null" {
				d.at = inner[0].Field()
				return WrongType
			}
			return OK
		}
		if code := plainCheck(value, depth+1); code != OK {
			return code
		}
		switch d.schema.Unknown {
		case Refuse:
			return UnknownField
		case Keep:
			kept = append(kept, rawName+":"+string(value))
			return plainNumbers(value)
		}
		return OK
	})
	if code != OK || kept == nil {
		return "", code
	}
	return "{" + strings.Join(kept, ",") + "}", OK
}

// column converts a value.
func (d *plainDecoder) column(c Column, value []byte, depth int) Code {
	if code := plainCheck(value, depth); code != OK {
		return code
	}
	d.at = c.Field()
	text, code := plainConvert(c, value)
	if code == OK {
		d.fields[c.Field()], d.at = text, ""
	}
	return code
}

func plainConvert(c Column, value []byte) (*string, Code) {
	raw := string(value)
	number := raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9'
	switch {
	case raw == "null" && c.Required:
		return nil, NullField
	case raw == "null":
		return nil, OK
	case c.Type == Variant:
		return &raw, plainNumbers(value)
	case (c.Type == Integer || c.Type == Number || c.Type == Timestamp && c.Forms != nil) && number:
	case c.Type == Boolean && (raw == "true" || raw == "false"):
		return &raw, OK
	case (c.Type == String || c.Type == Timestamp && c.Forms == nil) && raw[0] == '"':
		raw = plainUnquote(raw)
	default:
		return nil, WrongType
	}
	switch {
	case c.Type == String:
		return &raw, OK
	case c.Type == Integer:
		return plainDecimal(raw, MaxDigits, 0)
	case c.Type == Number:
		return plainDecimal(raw, c.Precision, c.Scale)
	}
	var at time.Time
	var code Code
	if c.Forms == nil {
		at, code = plainRFC3339(raw, c.places())
	} else {
		at, code = plainEpoch(raw, c)
	}
	if first, last := c.years(); code == OK && (at.Year() < first || at.Year() > last) {
		code = OutOfRange
	}
	text := at.Format(TimestampLayout)
	return &text, code
}

// plainRat reads a number; huge is the sign of an exponent that no column can need.
func plainRat(raw string) (value *big.Rat, huge int) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(raw), "e")
	value, _ = new(big.Rat).SetString(mantissa)
	if n, ok := new(big.Int).SetString(strings.TrimPrefix(exponent, "+"), 10); ok && value.Sign() != 0 {
		if n.CmpAbs(big.NewInt(100_000)) > 0 {
			return value, n.Sign()
		}
		power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), new(big.Int).Abs(n), nil))
		if n.Sign() < 0 {
			power.Inv(power)
		}
		value.Mul(value, power)
	}
	return value, 0
}

func plainDecimal(raw string, precision, scale int) (*string, Code) {
	value, huge := plainRat(raw)
	limit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision-scale)), nil))
	unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
	switch {
	case huge < 0 || huge == 0 && !new(big.Rat).Mul(value, unit).IsInt():
		return nil, NotExact
	case huge > 0 || new(big.Rat).Abs(value).Cmp(limit) >= 0:
		return nil, OutOfRange
	}
	text := value.FloatString(scale)
	return &text, OK
}

var plainFraction = regexp.MustCompile(`\.([0-9]+)`)

var plainOffset = regexp.MustCompile(`T[0-9]{2}:.*(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`)

// plainRFC3339 is time.Parse without its leniency: an hour of one digit, a comma, offsets that no clock has.
func plainRFC3339(text string, places int) (time.Time, Code) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || strings.Contains(text, ",") || !plainOffset.MatchString(text) {
		return at, WrongType
	}
	if m := plainFraction.FindStringSubmatch(text); m != nil && len(strings.TrimRight(m[1], "0")) > places {
		return at, NotExact
	}
	return at.UTC(), OK
}

func plainEpoch(raw string, c Column) (time.Time, Code) {
	value, huge := plainRat(raw)
	scale := 9
	if c.Forms[0] == Milliseconds {
		scale = 6
	}
	if text, code := plainDecimal(raw, 15+scale, scale); code != OK || text == nil || huge != 0 {
		return time.Time{}, code
	}
	if c.Forms[0] == Milliseconds {
		value.Quo(value, big.NewRat(1000, 1))
	}
	if !new(big.Rat).Mul(value, new(big.Rat).SetInt64(int64(pow10(c.places())))).IsInt() {
		return time.Time{}, NotExact
	}
	nanoseconds := new(big.Rat).Mul(value, big.NewRat(1e9, 1)).Num()
	seconds, rest := new(big.Int).DivMod(nanoseconds, big.NewInt(1e9), new(big.Int))
	return time.Unix(seconds.Int64(), rest.Int64()).UTC(), OK
}

func pow10(n int) int {
	out := 1
	for range n {
		out *= 10
	}
	return out
}

// plainNumbers looks for numbers in a checked value that a VARIANT would not keep.
func plainNumbers(value []byte) Code {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err == io.EOF {
			return OK
		}
		number, ok := token.(json.Number)
		if !ok {
			continue
		}
		exact, huge := plainRat(number.String())
		if huge != 0 {
			return map[int]Code{-1: NotExact, 1: OutOfRange}[huge]
		}
		places, ten := 0, big.NewRat(10, 1)
		whole := len(new(big.Int).Quo(new(big.Int).Abs(exact.Num()), exact.Denom()).String())
		if new(big.Rat).Abs(exact).Cmp(big.NewRat(1, 1)) < 0 {
			whole = 0
		}
		for ; !exact.IsInt() && places < 38; places++ {
			exact.Mul(exact, ten)
		}
		switch {
		case places >= 38:
			return NotExact
		case whole+places > 38:
			return OutOfRange
		}
	}
}

// plainMembers calls yield with each member of an object, names as they stand there and as they are meant.
func plainMembers(text []byte, depth int, yield func(rawName, name string, value []byte) Code) Code {
	if depth >= 64 {
		return TooDeep
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return NotJSON
	}
	seen := map[string]bool{}
	for d.More() {
		from := d.InputOffset()
		if _, err := d.Token(); err != nil {
			return NotJSON
		}
		rawName := strings.TrimLeft(string(text[from:d.InputOffset()]), " \t\r\n,")
		if code := plainString(rawName); code != OK {
			return code
		}
		name := plainUnquote(rawName)
		if seen[name] {
			return DuplicateField
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return NotJSON
		}
		if code := yield(rawName, name, value); code != OK {
			return code
		}
	}
	return OK
}

// plainCheck finds what is wrong with a value that encoding/json takes.
func plainCheck(text []byte, depth int) Code {
	switch text[0] {
	case '"':
		return plainString(string(text))
	case '{':
		return plainMembers(text, depth, func(_, _ string, value []byte) Code { return plainCheck(value, depth+1) })
	case '[':
		if depth >= 64 {
			return TooDeep
		}
		var list []json.RawMessage
		if err := json.Unmarshal(text, &list); err != nil {
			return NotJSON
		}
		for _, value := range list {
			if code := plainCheck(value, depth+1); code != OK {
				return code
			}
		}
	}
	return OK
}

var plainEscape = regexp.MustCompile(`\\(u[0-9A-Fa-f]{4}(\\u[0-9A-Fa-f]{4})?|.)`)

// plainString looks for what encoding/json replaces in a string.
func plainString(raw string) Code {
	for rest := raw; ; {
		at := plainEscape.FindStringIndex(rest)
		if at == nil {
			break
		}
		escape := rest[at[0]:at[1]]
		rest = rest[at[1]:]
		if escape[1] != 'u' {
			continue
		}
		unit := func(i int) rune { n, _ := strconv.ParseUint(escape[i:i+4], 16, 32); return rune(n) }
		switch {
		case !utf16.IsSurrogate(unit(2)):
			rest = escape[6:] + rest
		case len(escape) < 12 || utf16.DecodeRune(unit(2), unit(8)) == utf8.RuneError:
			return LoneSurrogate
		}
	}
	if !utf8.ValidString(raw) {
		return NotUTF8
	}
	return OK
}

func plainUnquote(raw string) (out string) {
	if err := json.Unmarshal([]byte(raw), &out); err != nil {
		panic(err) // checked before
	}
	return out
}

var plainBare = regexp.MustCompile(`^[0-9A-Za-z_.:-]([0-9A-Za-z_.: -]*[0-9A-Za-z_.:-])?$`)

func plainField(v *string) string {
	switch {
	case v == nil:
		return ""
	case plainBare.MatchString(*v) && !strings.HasSuffix(*v, "\n"):
		return *v
	}
	return `"` + strings.ReplaceAll(*v, `"`, `""`) + `"`
}

// plainLineage is the rest of a row's line.
func plainLineage(r Record, ordinal int64) string {
	return fmt.Sprintf("%s,%s,%d,%d,%s,\n", r.Shard, r.Sequence, r.Subsequence, ordinal, r.ArrivedAt.UTC().Format(TimestampLayout))
}

// plainEvent reads a Kinesis event with encoding/json, or reports false.
func plainEvent(event []byte) (out []Run, ok bool) {
	text := bytes.Trim(event, " \t\r\n")
	if !json.Valid(text) || text[0] != '{' || plainCheck(text, 0) != OK {
		return nil, false
	}
	var top map[string]json.RawMessage
	var list []json.RawMessage
	if json.Unmarshal(text, &top) != nil {
		return nil, false
	}
	if records := top["Records"]; records != nil && json.Unmarshal(records, &list) != nil {
		return nil, false
	}
	for _, one := range list {
		stream, r, ok := plainRecord(one)
		if !ok {
			return nil, false
		}
		if n := len(out); n == 0 || out[n-1].Shard != r.Shard || out[n-1].Stream != stream {
			out = append(out, Run{Stream: stream, Shard: r.Shard})
		}
		run := &out[len(out)-1]
		if n := len(run.Records); n > 0 && run.Records[n-1].Compare(r.Position) >= 0 {
			return nil, false
		}
		run.Records = append(run.Records, r)
	}
	return out, true
}

var (
	plainID     = regexp.MustCompile(`^([0-9A-Za-z_.-](?:[0-9A-Za-z_. -]*[0-9A-Za-z_.-])?):([0-9]{1,128})$`)
	plainSource = regexp.MustCompile(`(?s)^.*?:stream/(.+)$`)
)

func plainRecord(text []byte) (stream string, r Record, ok bool) {
	var members, kinesis map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil || members == nil || json.Unmarshal(members["kinesis"], &kinesis) != nil || kinesis == nil {
		return "", r, false
	}
	var id, source, sequence, key, data string
	var arrived json.Number
	for into, raw := range map[*string]json.RawMessage{
		&id: members["eventID"], &source: members["eventSourceARN"], &sequence: kinesis["sequenceNumber"], &key: kinesis["partitionKey"], &data: kinesis["data"],
	} {
		if raw != nil && json.Unmarshal(raw, into) != nil {
			return "", r, false
		}
	}
	if raw := kinesis["approximateArrivalTimestamp"]; raw != nil && (raw[0] == '"' || json.Unmarshal(raw, &arrived) != nil) {
		return "", r, false
	}
	identity, origin := plainID.FindStringSubmatch(id), plainSource.FindStringSubmatch(source)
	if identity == nil || origin == nil || identity[2] != sequence {
		return "", r, false
	}
	seconds, huge := plainRat("0" + arrived.String())
	if strings.HasPrefix(arrived.String(), "-") {
		seconds, huge = plainRat(arrived.String())
	}
	if huge > 0 || seconds.Sign() < 0 || seconds.Cmp(big.NewRat(253402300800, 1)) >= 0 {
		return "", r, false
	}
	float, _ := seconds.Float64()
	payload, err := base64.StdEncoding.DecodeString(data)
	r = Record{
		Position: Position{Shard: identity[1], Sequence: sequence}, PartitionKey: key, Data: payload,
		ArrivedAt: time.UnixMilli(int64(float*1000 + 0.5)).UTC(),
	}
	return origin[1], r, err == nil
}
