package template

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// kind is the type of a JavaScript value.
type kind uint8

const (
	kindUndefined kind = iota
	kindNull
	kindBoolean
	kindNumber
	kindText
	kindArray
	kindObject
)

// value is a JavaScript value, as JSON.parse makes it. The zero value is undefined.
type value struct {
	kind kind
	yes  bool
	num  float64
	str  string
	// items are an array's elements or an object's values; keys are the names of the latter, each once.
	items []value
	keys  []string
}

// parseArgument reads an argument as the KDG does: as JSON, or else as the text itself. Nothing and the empty string
// both mean a call without argument.
func parseArgument(raw string) (v value, isJSON bool) {
	if raw == "" {
		return value{}, true
	}
	if !json.Valid([]byte(raw)) {
		return value{kind: kindText, str: raw}, false
	}
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	v = decode(d)
	if v.kind == kindText && v.str == "" {
		return value{}, true
	}
	return v, true
}

// decode reads the next value. The text is known to be valid, so the decoder does not fail.
func decode(d *json.Decoder) value {
	token, err := d.Token()
	if err != nil {
		return value{}
	}
	switch token := token.(type) {
	case nil:
		return value{kind: kindNull}
	case bool:
		return value{kind: kindBoolean, yes: token}
	case json.Number:
		// Beyond the range of a float64 this is an infinity, as in JavaScript.
		f, _ := strconv.ParseFloat(token.String(), 64)
		return value{kind: kindNumber, num: f}
	case string:
		return value{kind: kindText, str: token}
	case json.Delim:
		if token == '[' {
			return decodeArray(d)
		}
		return decodeObject(d)
	}
	return value{}
}

func decodeArray(d *json.Decoder) value {
	v := value{kind: kindArray}
	for d.More() {
		v.items = append(v.items, decode(d))
	}
	_, _ = d.Token() // the closing bracket
	return v
}

// decodeObject keeps the last value of a repeated name, as JavaScript does.
func decodeObject(d *json.Decoder) value {
	v := value{kind: kindObject}
	at := map[string]int{}
	for d.More() {
		name := decode(d).str
		item := decode(d)
		if i, ok := at[name]; ok {
			v.items[i] = item
			continue
		}
		at[name] = len(v.keys)
		v.keys = append(v.keys, name)
		v.items = append(v.items, item)
	}
	_, _ = d.Token() // the closing brace
	return v
}

// field is the value of an object's field, undefined if there is none.
func (v value) field(name string) value {
	if i := slices.Index(v.keys, name); i >= 0 {
		return v.items[i]
	}
	return value{}
}

// truthy is the value as a condition.
func (v value) truthy() bool {
	switch v.kind {
	case kindUndefined, kindNull:
		return false
	case kindBoolean:
		return v.yes
	case kindNumber:
		return v.num != 0 && !math.IsNaN(v.num)
	case kindText:
		return v.str != ""
	default:
		return true
	}
}

// orElse is the value, or other if it is undefined.
func (v value) orElse(other float64) value {
	if v.kind == kindUndefined {
		return value{kind: kindNumber, num: other}
	}
	return v
}

// appendText appends the value as String() prints it.
func (v value) appendText(dst []byte) []byte {
	switch v.kind {
	case kindUndefined:
		return append(dst, "undefined"...)
	case kindNull:
		return append(dst, "null"...)
	case kindBoolean:
		return strconv.AppendBool(dst, v.yes)
	case kindNumber:
		return appendNumber(dst, v.num)
	case kindText:
		return append(dst, v.str...)
	case kindArray:
		for i, item := range v.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			if item.kind != kindNull {
				dst = item.appendText(dst)
			}
		}
		return dst
	default:
		return append(dst, "[object Object]"...)
	}
}

func (v value) text() string { return string(v.appendText(nil)) }

// elements are the things that an array method picks from, as text: an array's elements, a text's UTF-16 units. Of
// anything else nothing can be picked.
func (v value) elements() []string {
	var found []string
	switch v.kind {
	case kindArray:
		for _, item := range v.items {
			found = append(found, item.text())
		}
	case kindText:
		for _, unit := range utf16.Encode([]rune(v.str)) {
			found = append(found, string(rune(unit)))
		}
	}
	return found
}

// mayExpand tells whether a result made of this value can hold a brace or a dollar sign, which the KDG's repeated
// expansion would see.
func (v value) mayExpand() bool {
	if strings.ContainsAny(v.str, "{}$") {
		return true
	}
	return slices.ContainsFunc(v.items, value.mayExpand) ||
		slices.ContainsFunc(v.keys, func(k string) bool { return strings.ContainsAny(k, "{}$") })
}

// toNumber is the value as a number: NaN where JavaScript has no other answer.
func (v value) toNumber() float64 {
	switch v.kind {
	case kindNull:
		return 0
	case kindBoolean:
		if v.yes {
			return 1
		}
		return 0
	case kindNumber:
		return v.num
	case kindText, kindArray:
		s := bytes.TrimFunc(v.appendText(nil), isSpace)
		if len(s) == 0 {
			return 0
		}
		if bytes.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789+-.eE", r) }) {
			return math.NaN()
		}
		f, err := strconv.ParseFloat(string(s), 64)
		if err != nil && !math.IsInf(f, 0) {
			return math.NaN()
		}
		return f
	default:
		return math.NaN()
	}
}

// plus is JavaScript's a + b: a sum of plain values, and a concatenation as soon as one of them is not.
func (v value) plus(w value) value {
	if v.kind >= kindText || w.kind >= kindText {
		return value{kind: kindText, str: v.text() + w.text()}
	}
	return value{kind: kindNumber, num: v.toNumber() + w.toNumber()}
}
