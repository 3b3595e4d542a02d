package record

import "strings"

// Accept are the ways in which a column takes a value of another JSON kind, for producers that quote what is no text.
type Accept uint8

// The coercions.
const (
	// NumericText: a string that is a JSON number, where a number is asked for.
	NumericText Accept = 1 << iota
	// BooleanText: the string true or false, in any case, where a boolean is asked for.
	BooleanText
	// IntegralFloat: a number with a zero fraction, such as 64.0, where an integer is asked for. Integers take it anyway,
	// as it is the same number; the word says that it is meant.
	IntegralFloat
)

// acceptNames are the coercions' names in a schema file.
var acceptNames = []bitName[Accept]{{NumericText, "numeric-text"}, {BooleanText, "boolean-text"}, {IntegralFloat, "integral-float"}}

// AcceptWords are the names of all coercions.
func AcceptWords() []string { return wordsOf(acceptNames, ^Accept(0)) }

// AcceptOf is the coercion with a name, 0 if there is none.
func AcceptOf(name string) Accept { return bitOf(acceptNames, name) }

// Has reports whether a holds all of b.
func (a Accept) Has(b Accept) bool { return a&b == b }

// Words are the names of the coercions in a.
func (a Accept) Words() []string { return wordsOf(acceptNames, a) }

// coerce turns a string into the value that it is the text of, if the column accepts that.
func (c *Column) coerce(t token) token {
	if t.kind != kindString {
		return t
	}
	if c.Accept.Has(BooleanText) && c.Type == Boolean {
		for _, word := range []string{"true", "false"} {
			if strings.EqualFold(string(t.text), word) {
				return token{kind: kindBool, raw: []byte(word)}
			}
		}
	}
	if c.Accept.Has(NumericText) && c.takesNumbers() && isNumber(t.text) {
		return token{kind: kindNumber, raw: t.text}
	}
	return t
}

// isNumber reports whether all of text is a JSON number.
func isNumber(text []byte) bool {
	if len(text) == 0 || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return false
	}
	s := scanner{data: text}
	return s.number() == OK && s.at == len(text)
}
