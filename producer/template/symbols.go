package template

import (
	"errors"
	"strings"
)

const capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// symbolMethods are those of the module helpers. Its cards and transactions are objects, which the KDG can print
// only as [object Object].
func symbolMethods() map[string]prepare {
	card := plain(literal("[object Object]"))
	return map[string]prepare{
		"randomize":               arrayElement,
		"slugify":                 slugifyMethod,
		"replaceSymbolWithNumber": func(arg value) (emit, error) { return patternMethod(arg, false) },
		"replaceSymbols":          func(arg value) (emit, error) { return patternMethod(arg, true) },
		"shuffle":                 shuffle,
		"mustache": func(arg value) (emit, error) {
			if arg.kind == kindUndefined {
				return literal(""), nil
			}
			return literal(arg.text()), nil // there is never data to fill in
		},
		"createCard":        card,
		"contextualCard":    card,
		"userCard":          card,
		"createTransaction": card,
	}
}

// patternMethod is pattern of an argument. What is no text has no characters and gives nothing.
func patternMethod(arg value, letters bool) (emit, error) {
	if arg.kind == kindArray && len(arg.items) > 0 {
		return nil, errors.New("the argument must be a text, not an array")
	}
	return pattern(arg.str, letters), nil
}

// pattern puts a digit for each # and, if letters is set, a capital letter for each ?.
func pattern(format string, letters bool) emit {
	return func(dst []byte, r *source) []byte {
		for i := range len(format) {
			switch {
			case format[i] == '#':
				dst = append(dst, digits[r.IntN(len(digits))])
			case format[i] == '?' && letters:
				dst = append(dst, capitals[r.IntN(len(capitals))])
			default:
				dst = append(dst, format[i])
			}
		}
		return dst
	}
}

func slugifyMethod(arg value) (emit, error) {
	if arg.truthy() && arg.kind != kindText {
		return nil, errors.New("the argument must be a text")
	}
	return literal(slugify(arg.str)), nil
}

// slugify puts a hyphen for each space and drops what is neither letter, digit, underscore, point nor hyphen.
func slugify(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '_' || r == '-' || r < 0x80 && isNameByte(byte(r)):
			return r
		default:
			return -1
		}
	}, text)
}

// shuffle gives the elements of an array in a random order, joined by commas.
func shuffle(arg value) (emit, error) {
	items := arg.items
	switch {
	case !arg.truthy():
		for _, letter := range []string{"a", "b", "c"} {
			items = append(items, value{kind: kindText, str: letter})
		}
	case arg.kind != kindArray:
		return literal(arg.text()), nil
	case len(items) == 0:
		return nil, errors.New("an empty array cannot be shuffled: the KDG never ends with one")
	}
	return func(dst []byte, r *source) []byte {
		shuffled := value{kind: kindArray}
		for _, i := range r.Perm(len(items)) {
			shuffled.items = append(shuffled.items, items[i])
		}
		return shuffled.appendText(dst)
	}, nil
}
