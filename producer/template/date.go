package template

import (
	"math/rand/v2"
	"strings"
	"time"
)

func dateMethods() map[string]maker {
	return map[string]maker{
		"now":     func(arg value) (emit, error) { return clock(arg, "YYYY-MM-DDTHH:mm:ssZ", false), nil },
		"utc":     func(arg value) (emit, error) { return clock(arg, "YYYY-MM-DDTHH:mm:ss[Z]", true), nil },
		"past":    moved(-1, 365),
		"future":  moved(1, 365),
		"recent":  moved(-1, 1),
		"between": plain(literal("Invalid Date")), // it needs two arguments, and a tag has one
		"month":   plain(pick(strings.Fields(months))),
		"weekday": plain(pick(strings.Fields(weekdays))),
	}
}

// clock gives the present time in a moment format, in the local time zone or in UTC.
func clock(arg value, otherwise string, utc bool) emit {
	layout := otherwise
	if arg.truthy() {
		layout = arg.text()
	}
	parts := momentParts(layout)
	return func(dst []byte, _ *rand.Rand) []byte {
		now := time.Now()
		if utc {
			now = now.UTC()
		}
		for _, p := range parts {
			dst = p.append(dst, now, utc)
		}
		return dst
	}
}

// moved gives a time at most the argument's number of units, 1 without argument, before or after the present, in
// JavaScript's long form.
func moved(sign, unitDays int) maker {
	return func(arg value) (emit, error) {
		units := 1.0
		if arg.truthy() {
			units = arg.toNumber()
		}
		const day = 24 * time.Hour
		// JavaScript's dates end 100 million days from 1970.
		days := units * float64(unitDays)
		if !(days >= 0 && days <= 1e8) {
			return literal("Invalid Date"), nil
		}
		return func(dst []byte, r *rand.Rand) []byte {
			away := r.Float64() * days
			t := time.Now().AddDate(0, 0, sign*int(away)).Add(time.Duration(sign) * time.Duration((away-float64(int(away)))*float64(day)))
			return appendLong(dst, t)
		}, nil
	}
}

// appendLong prints a date as JavaScript does by itself. The name of the time zone is its abbreviation, except for
// UTC, because Go knows no others.
func appendLong(dst []byte, t time.Time) []byte {
	zone := t.Format("MST")
	if zone == "UTC" {
		zone = "Coordinated Universal Time"
	}
	return append(append(t.AppendFormat(dst, "Mon Jan 02 2006 15:04:05 GMT-0700 ("), zone...), ')')
}
