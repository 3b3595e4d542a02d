package template

import "math/rand/v2"

func loremMethods() map[string]maker {
	word := pick(latin())
	line := sentence(word, 3, 10)
	paragraph := list(line, 3, 6, " ")
	words, lines := list(word, 3, 3, " "), list(line, 1, 5, "\n")
	return map[string]maker{
		"text":      plain(oneOf(word, words, line, list(line, 2, 6, " "), list(line, 3, 6, " "), list(paragraph, 3, 3, "\n \r"), lines)),
		"word":      plain(word),
		"words":     counted(3, 3, func(low, high int) emit { return list(word, low, high, " ") }),
		"sentence":  counted(3, 10, func(low, high int) emit { return sentence(word, low, high) }),
		"sentences": counted(2, 6, func(low, high int) emit { return list(line, low, high, " ") }),
		// The KDG adds up to three sentences to the number asked for.
		"paragraph":  counted(3, 3, func(low, high int) emit { return list(line, low, high+3, " ") }),
		"paragraphs": counted(3, 3, func(low, high int) emit { return list(paragraph, low, high, "\n \r") }),
		"lines":      counted(1, 5, func(low, high int) emit { return list(line, low, high, "\n") }),
	}
}

// counted is a method whose argument says how many; without one, a number from low to high is drawn for each result.
func counted(low, high int, of func(low, high int) emit) maker {
	return func(arg value) (emit, error) {
		if arg.kind == kindUndefined {
			return of(low, high), nil
		}
		n, err := count(arg, 0)
		return of(n, n), err
	}
}

// sentence gives words that start with a capital letter and end with a full stop.
func sentence(word emit, low, high int) emit {
	words := list(word, low, high, " ")
	return func(dst []byte, r *rand.Rand) []byte {
		start := len(dst)
		dst = words(dst, r)
		if len(dst) > start {
			dst[start] -= 'a' - 'A'
		}
		return append(dst, '.')
	}
}
