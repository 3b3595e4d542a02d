package record

import "strings"

// A shape is a text with a letter for each class of characters: 9 is any digit, A any letter, + either sign; every other
// character is itself. Two forms may be told apart if no shape of one can be a shape of the other. That errs on the side
// of refusing: 99/99/9999 is the shape of days in front and of months in front.
const (
	anyDigit  = '9'
	anyLetter = 'A'
	anySign   = '+'
)

// shapesOfParts are the shapes of a format.
func shapesOfParts(parts []part) []string {
	shapes := []string{""}
	for _, p := range parts {
		shapes = times(shapes, shapesOfPart(p))
	}
	return shapes
}

func shapesOfPart(p part) []string {
	switch p.element {
	case literal:
		return []string{literalShape(p.literal)}
	case elementYear:
		return []string{"9999"}
	case elementMonthShort, elementWeekday:
		return []string{"AAA"}
	case elementMonthLong:
		return repeats("A", 3, 9)
	case elementHalf:
		return []string{"AA"}
	case elementFraction:
		if p.digits > 0 {
			return repeats("9", p.digits, p.digits)
		}
		return repeats("9", 1, nanoDigits)
	case elementZoneHour:
		return []string{"+99"}
	}
	return []string{"99"}
}

func literalShape(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			return anyLetter
		case r >= '0' && r <= '9':
			return anyDigit
		case r == '-':
			return anySign
		}
		return r
	}, text)
}

// shapesOf are the shapes of a form with a name that is a string.
func shapesOf(t Type, f Form) []string {
	const date = "9999+99+99"
	seconds := times([]string{":99"}, append(times([]string{"."}, repeats("9", 1, nanoDigits)), ""))
	clock := times([]string{"99:99"}, seconds)
	if f != RFC3339 {
		clock = append(clock, "99:99")
	}
	switch {
	case t == Date:
		return []string{date}
	case t == Time:
		return clock
	case f == RFC3339:
		return times(times([]string{date + "A"}, clock), []string{"A", "+99:99"})
	}
	return times(times([]string{date + "A", date + " "}, clock), []string{"", "A", "+99:99", "+9999", "+99", " A", " +99:99", " +9999", " +99"})
}

func times(a, b []string) (out []string) {
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return out
}

func repeats(s string, from, to int) (out []string) {
	for n := from; n <= to; n++ {
		out = append(out, strings.Repeat(s, n))
	}
	return out
}

// overlap returns a shape that both have, as a text.
func overlap(a, b []string) (text string, both bool) {
	known := map[string]bool{}
	for _, s := range a {
		known[s] = true
	}
	for _, s := range b {
		if known[s] {
			return strings.NewReplacer("9", "1", "A", "a").Replace(s), true
		}
	}
	return "", false
}

func allDigitShape(shape string) bool { return strings.Trim(shape, string(anyDigit)) == "" }
