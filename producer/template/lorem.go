package template

func loremMethods() map[string]prepare {
	word := pick(latin())
	line := sentence(word, 3, 10)
	paragraph := list(line, 3, 6, " ")
	words, lines := list(word, 3, 3, " "), list(line, 1, 5, "\n")
	return map[string]prepare{
		"text":       plain(oneOf(word, words, line, list(line, 2, 6, " "), list(line, 3, 6, " "), list(paragraph, 3, 3, "\n \r"), lines)),
		"word":       plain(word),
		"words":      counted(3, 3, func(low, high int) emit { return list(word, low, high, " ") }),
		"sentence":   counted(3, 10, func(low, high int) emit { return sentence(word, low, high) }),
		"sentences":  counted(2, 6, func(low, high int) emit { return list(line, low, high, " ") }),
		"paragraph":  func(arg value) (emit, error) { return sentencesMethod(line, arg) },
		"paragraphs": counted(3, 3, func(low, high int) emit { return list(paragraph, low, high, "\n \r") }),
		"lines":      counted(1, 5, func(low, high int) emit { return list(line, low, high, "\n") }),
	}
}

// sentencesMethod gives up to three sentences more than the argument says, 3 without one. They are added as
// JavaScript adds: to a text such as "3" the number is appended.
func sentencesMethod(line emit, arg value) (emit, error) {
	var counts []emit
	for more := range 4 {
		n, err := count(arg.orElse(3).plus(value{kind: kindNumber, num: float64(more)}), 0)
		if err != nil {
			return nil, err
		}
		counts = append(counts, list(line, n, n, " "))
	}
	return oneOf(counts...), nil
}

// counted is a method whose argument says how many; without one, a number from low to high is drawn for each result.
func counted(low, high int, of func(low, high int) emit) prepare {
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
	return func(dst []byte, r *source) []byte {
		start := len(dst)
		dst = words(dst, r)
		if len(dst) > start {
			dst[start] -= 'a' - 'A'
		}
		return append(dst, '.')
	}
}
