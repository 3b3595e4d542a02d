package template

import (
	"errors"
	"math/rand/v2"
	"strings"
)

const capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// symbolMethods are those of the module helpers. Its cards and transactions are objects, which the KDG can print
// only as [object Object].
func symbolMethods() map[string]maker {
	card := plain(literal("[object Object]"))
	return map[string]maker{
		"randomize":               arrayElement,
		"slugify":                 slugifyMethod,
		"replaceSymbolWithNumber": func(arg value) (emit, error) { return pattern(format(arg), false), nil },
		"replaceSymbols":          func(arg value) (emit, error) { return pattern(format(arg), true), nil },
		"shuffle":                 shuffle,
		"mustache":                plain(literal("")),
		"createCard":              card,
		"contextualCard":          card,
		"userCard":                card,
		"createTransaction":       card,
	}
}

// format is an argument that must be text to mean anything.
func format(arg value) string {
	if arg.kind != kindText {
		return ""
	}
	return arg.str
}

// pattern puts a digit for each # and, if letters is set, a capital letter for each ?.
func pattern(format string, letters bool) emit {
	return func(dst []byte, r *rand.Rand) []byte {
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
	if arg.kind != kindUndefined && arg.kind != kindText {
		return nil, errors.New("the argument must be a text")
	}
	return literal(slugify(format(arg))), nil
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
	if arg.kind != kindArray {
		return literal(""), nil
	}
	return func(dst []byte, r *rand.Rand) []byte {
		shuffled := value{kind: kindArray}
		for _, i := range r.Perm(len(items)) {
			shuffled.items = append(shuffled.items, items[i])
		}
		return shuffled.appendText(dst)
	}, nil
}
