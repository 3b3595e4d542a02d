package infer

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/snowstream/snowstream/record"
)

// numbers is what was seen of a field's numbers, exactly.
type numbers struct {
	// whole and scale are the most digits before and behind the point that the values need, written the most decimal
	// places that they were written with: 64.0 needs none.
	whole, scale, written int
	// times count the values that would be times between 2000 and 2100, by unit.
	times [4]int64
	// noFloats counts those that no binary64 prints as.
	noFloats int64
}

// units are those in which times are counted, how many of them a second has, and how many decimal places can be kept.
var units = [4]struct {
	form  record.Form
	each  int64
	scale int
}{{record.Seconds, 1, 9}, {record.Milliseconds, 1e3, 6}, {record.Microseconds, 1e6, 3}, {record.Nanoseconds, 1e9, 0}}

// The years 2000 to 2100 in seconds: close enough to today that an identifier is seldom taken for a time.
const (
	year2000 = 946684800
	year2100 = 4102444800
)

// maxExponent is beyond all digits of all columns.
const maxExponent = 1 << 20

// see notes a number as JSON writes it.
func (n *numbers) see(text string) {
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(strings.TrimPrefix(text, "-")), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if !hasExponent {
		n.written = max(n.written, len(fraction))
	}
	point := len(whole) + power(exponent)
	digits := whole + fraction
	significant := strings.TrimLeft(digits, "0")
	point -= len(digits) - len(significant)
	significant = strings.TrimRight(significant, "0")
	if significant == "" {
		point = 0
	}
	n.whole = max(n.whole, point)
	n.scale = max(n.scale, len(significant)-point)
	if strings.HasPrefix(text, "-") || point < 9 || point > maxTime {
		return
	}
	value, err := strconv.ParseInt((significant + strings.Repeat("0", maxTime))[:point], 10, 64)
	if err != nil {
		return
	}
	for i, unit := range units {
		if second := value / unit.each; second >= year2000 && second < year2100 {
			n.times[i]++
		}
	}
}

// maxTime is the most digits before the point that a time between 2000 and 2100 has.
const maxTime = 19

// power is a written exponent, bounded.
func power(text string) int {
	n, err := strconv.Atoi(text)
	switch {
	case text == "":
		return 0
	case err == nil:
		return min(max(n, -maxExponent), maxExponent)
	case text[0] == '-':
		return -maxExponent
	}
	return maxExponent
}

// timeWords are the last words of names that speak of a time.
var timeWords = []string{"at", "time", "timestamp", "ts", "date", "datetime", "epoch", "when", "ms", "millis", "created", "updated", "modified"}

// speaksOfTime reports whether a name's last word does: createdAt, event_time, TS.
func speaksOfTime(name string) bool {
	lower := strings.ToLower(name)
	for _, word := range timeWords {
		before, found := strings.CutSuffix(lower, word)
		if !found {
			continue
		}
		if before == "" || !unicode.IsLetter(rune(name[len(before)-1])) {
			return true
		}
		if c := name[len(before)]; c >= 'A' && c <= 'Z' && name != strings.ToUpper(name) {
			return true // a hump: createdAt, but not format
		}
	}
	return false
}
