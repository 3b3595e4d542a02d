package template

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	months   = "January February March April May June July August September October November December"
	weekdays = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday"

	// The two patterns are moment 2.17's: formats are read by them, exactly.
	momentTokens = `\[[^\[]*\]|\\?(?:[Hh]mm(?:ss)?|Mo|MM?M?M?|Do|DDDo|DD?D?D?|ddd?d?|do?|w[o|w]?|W[o|W]?|Qo?|YYYYYY|YYYYY|YYYY|YY|` +
		`gg(?:ggg?)?|GG(?:GGG?)?|e|E|a|A|hh?|HH?|kk?|mm?|ss?|S{1,9}|x|X|zz?|ZZ?|.)`
	momentShort = `\[[^\[]*\]|\\?(?:LTS|LT|LL?L?L?|l{1,4})`
)

// momentPart is a token of a moment format or, if token is empty, fixed text.
type momentPart struct{ token, literal string }

// momentParts reads a moment format. Tokens that moment does not know print as they are written.
func momentParts(layout string) []momentPart {
	short := regexp.MustCompile(momentShort)
	for range 5 { // moment's limit for forms that expand into others
		if !short.MatchString(layout) {
			break
		}
		layout = short.ReplaceAllStringFunc(layout, longForm)
	}
	var parts []momentPart
	for _, m := range regexp.MustCompile(momentTokens).FindAllString(layout, -1) {
		switch {
		case len(m) > 1 && m[0] == '[':
			parts = append(parts, momentPart{literal: strings.TrimSuffix(m[1:], "]")})
		case m[0] == '\\':
			parts = append(parts, momentPart{literal: strings.ReplaceAll(m, `\`, "")})
		default:
			parts = append(parts, momentPart{token: m})
		}
	}
	return parts
}

// longForm is what one of the short forms stands for, in English.
func longForm(short string) string {
	switch short {
	case "LT":
		return "h:mm A"
	case "LTS":
		return "h:mm:ss A"
	case "L":
		return "MM/DD/YYYY"
	case "LL":
		return "MMMM D, YYYY"
	case "LLL":
		return "MMMM D, YYYY h:mm A"
	case "LLLL":
		return "dddd, MMMM D, YYYY h:mm A"
	case "l", "ll", "lll", "llll":
		// The same with each long word cut by its first letter: MMMM becomes MMM, DD becomes D.
		return strings.NewReplacer("MMMM", "MMM", "MM", "M", "DD", "D", "dddd", "ddd").Replace(longForm(strings.ToUpper(short)))
	default:
		return short
	}
}

// append prints one part of a time.
func (p momentPart) append(dst []byte, t time.Time, utc bool) []byte {
	if p.token == "" {
		return append(dst, p.literal...)
	}
	if unit, ordinal := strings.CutSuffix(p.token, "o"); ordinal {
		if n, ok := momentNumber(unit, t); ok {
			return appendOrdinal(dst, n)
		}
	}
	// A number of one letter has no leading zeros, one of two letters has two digits, and so on.
	if n, ok := momentNumber(p.token[:1], t); ok && repeats(p.token) && isPlainNumber(p.token) {
		return fmt.Appendf(dst, "%0*d", len(p.token), n)
	}
	return appendNamed(dst, p.token, t, utc)
}

// momentNumber is the value of the tokens that print a whole number.
func momentNumber(unit string, t time.Time) (int, bool) {
	switch unit {
	case "M":
		return int(t.Month()), true
	case "Q":
		return (int(t.Month()) + 2) / 3, true
	case "D":
		return t.Day(), true
	case "DDD":
		return t.YearDay(), true
	case "d", "e":
		return int(t.Weekday()), true
	case "E":
		return (int(t.Weekday())+6)%7 + 1, true
	case "w":
		_, week := englishWeek(t)
		return week, true
	case "W":
		_, week := t.ISOWeek()
		return week, true
	case "H":
		return t.Hour(), true
	case "h":
		return (t.Hour()+11)%12 + 1, true
	case "k":
		return (t.Hour()+23)%24 + 1, true
	case "m":
		return t.Minute(), true
	case "s":
		return t.Second(), true
	default:
		return 0, false
	}
}

// isPlainNumber tells the tokens whose length is the number of digits from those of the same letter that are names.
func isPlainNumber(token string) bool {
	switch token[0] {
	case 'Q', 'd', 'e', 'E':
		return len(token) == 1
	default:
		return len(token) <= 2
	}
}

func repeats(token string) bool { return strings.Count(token, token[:1]) == len(token) }

// appendNamed prints the tokens that are no plain number.
func appendNamed(dst []byte, token string, t time.Time, utc bool) []byte {
	switch token {
	case "DDD":
		return strconv.AppendInt(dst, int64(t.YearDay()), 10)
	case "DDDD":
		return fmt.Appendf(dst, "%03d", t.YearDay())
	case "MMM", "MMMM", "ddd", "dddd", "dd":
		return append(dst, calendarName(token, t)...)
	case "Y":
		return strconv.AppendInt(dst, int64(t.Year()), 10)
	case "YY", "YYYY", "YYYYY", "YYYYYY":
		return appendYear(dst, token, t.Year())
	case "gg", "gggg", "ggggg":
		year, _ := englishWeek(t)
		return appendYear(dst, token, year)
	case "GG", "GGGG", "GGGGG":
		year, _ := t.ISOWeek()
		return appendYear(dst, token, year)
	case "a", "A":
		return appendHalf(dst, token, t)
	case "Hmm", "Hmmss", "hmm", "hmmss":
		return appendRunTogether(dst, token, t)
	case "x":
		return strconv.AppendInt(dst, t.UnixMilli(), 10)
	case "X":
		return strconv.AppendInt(dst, t.Unix(), 10)
	case "Z":
		return t.AppendFormat(dst, "-07:00")
	case "ZZ":
		return t.AppendFormat(dst, "-0700")
	case "z", "zz":
		return appendZone(dst, token, utc)
	}
	if token[0] == 'S' {
		// Moment knows milliseconds only: further digits are zeros.
		return append(dst, fmt.Sprintf("%03d000000", t.Nanosecond()/1e6)[:len(token)]...)
	}
	return append(dst, token...)
}

func calendarName(token string, t time.Time) string {
	switch token {
	case "MMM":
		return t.Month().String()[:3]
	case "MMMM":
		return t.Month().String()
	case "dddd":
		return t.Weekday().String()
	default:
		return t.Weekday().String()[:len(token)]
	}
}

func appendYear(dst []byte, token string, year int) []byte {
	switch len(token) {
	case 2:
		return fmt.Appendf(dst, "%02d", year%100)
	case 6:
		return fmt.Appendf(dst, "%+07d", year)
	default:
		return fmt.Appendf(dst, "%0*d", len(token), year)
	}
}

func appendHalf(dst []byte, token string, t time.Time) []byte {
	half := "am"
	if t.Hour() >= 12 {
		half = "pm"
	}
	if token == "A" {
		half = strings.ToUpper(half)
	}
	return append(dst, half...)
}

// appendRunTogether prints the time of day without separators, the hour without a leading zero.
func appendRunTogether(dst []byte, token string, t time.Time) []byte {
	hour, _ := momentNumber(token[:1], t)
	dst = fmt.Appendf(dst, "%d%02d", hour, t.Minute())
	if strings.HasSuffix(token, "ss") {
		dst = fmt.Appendf(dst, "%02d", t.Second())
	}
	return dst
}

// appendZone prints a zone's name, which moment knows for UTC only.
func appendZone(dst []byte, token string, utc bool) []byte {
	switch {
	case !utc:
		return dst
	case token == "z":
		return append(dst, "UTC"...)
	default:
		return append(dst, "Coordinated Universal Time"...)
	}
}

func appendOrdinal(dst []byte, n int) []byte {
	ending := "th"
	if n%100/10 != 1 {
		switch n % 10 {
		case 1:
			ending = "st"
		case 2:
			ending = "nd"
		case 3:
			ending = "rd"
		}
	}
	return append(strconv.AppendInt(dst, int64(n), 10), ending...)
}

// englishWeek is the week as counted in English: it starts on Sunday, and week 1 has the first of January.
func englishWeek(t time.Time) (year, week int) {
	saturday := t.AddDate(0, 0, 6-int(t.Weekday()))
	return saturday.Year(), (saturday.YearDay()-1)/7 + 1
}
