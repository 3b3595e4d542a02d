package template

import (
	"maps"
	"slices"
	"strings"
)

// names lists the methods of each module.
func (l *language) names() map[string][]string {
	known := map[string][]string{}
	for name := range l.methods {
		module, method, _ := strings.Cut(name, ".")
		known[module] = append(known[module], method)
	}
	for _, names := range known {
		slices.Sort(names)
	}
	return known
}

func moduleNames(known map[string][]string) []string { return slices.Sorted(maps.Keys(known)) }

// methods is the table of the KDG's methods, by module.method.
func methods(simulated bool) map[string]prepare {
	table := map[string]prepare{}
	for module, entries := range map[string]map[string]prepare{
		"random":   randomMethods(),
		"helpers":  symbolMethods(),
		"name":     nameMethods(),
		"address":  addressMethods(),
		"internet": internetMethods(),
		"lorem":    loremMethods(),
		"date":     dateMethods(simulated),
		"system":   systemMethods(),
		"company":  companyMethods(),
		"finance":  financeMethods(),
		"commerce": commerceMethods(),
		"hacker":   hackerMethods(),
		"phone":    phoneMethods(),
		"image":    imageMethods(),
	} {
		for method, m := range entries {
			table[module+"."+method] = m
		}
	}
	return table
}

// plain is a method that takes no notice of an argument.
func plain(e emit) prepare { return func(value) (emit, error) { return e, nil } }

// literal always gives the same text.
func literal(text string) emit {
	return func(dst []byte, _ *source) []byte { return append(dst, text...) }
}

// pick gives one of the choices, each as often as the others.
func pick(choices []string) emit {
	if len(choices) == 0 {
		return literal("undefined")
	}
	return func(dst []byte, r *source) []byte { return append(dst, choices[r.IntN(len(choices))]...) }
}

// oneOf gives the result of one of the parts, each as often as the others.
func oneOf(parts ...emit) emit {
	return func(dst []byte, r *source) []byte { return parts[r.IntN(len(parts))](dst, r) }
}

// sequence gives the results of all parts, one after the other.
func sequence(parts ...emit) emit {
	return func(dst []byte, r *source) []byte {
		for _, part := range parts {
			dst = part(dst, r)
		}
		return dst
	}
}

// list gives from low to high results of a part, with a separator between them. It stops soon after the length at
// which Append refuses the record anyway, so that no argument can fill the memory.
func list(part emit, low, high int, separator string) emit {
	return func(dst []byte, r *source) []byte {
		start := len(dst)
		for i := range between(r, low, high) {
			if len(dst)-start > MaxRecord {
				break
			}
			if i > 0 {
				dst = append(dst, separator...)
			}
			dst = part(dst, r)
		}
		return dst
	}
}

// runes gives n characters of an alphabet of single bytes.
func runes(alphabet string, n int) emit {
	return func(dst []byte, r *source) []byte {
		for range n {
			dst = append(dst, alphabet[r.IntN(len(alphabet))])
		}
		return dst
	}
}

// integer gives a whole number from low to high, both included.
func integer(low, high int) emit { return numbers(float64(low), float64(high)+1, 1) }

// meant is the end of an error that names the known name nearest to the one given, if one is near.
func meant(name string, known []string) string {
	best, distance := "", 1+len(name)/3
	for _, k := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(k)); d <= distance {
			best, distance = k, d-1
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}

// editDistance is the number of bytes to insert, delete or change to make b from a. Both count to 40 bytes only.
func editDistance(a, b string) int {
	a, b = a[:min(len(a), 40)], b[:min(len(b), 40)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// shorten keeps the start of a misread name: an error is no place for a record's text.
func shorten(name string) string {
	const most = 40
	for i := range name {
		if i >= most {
			return name[:i] + "…"
		}
	}
	return name
}
