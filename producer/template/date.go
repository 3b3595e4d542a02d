package template

import (
	"errors"
	"math"
	"strings"
	"time"
)

func dateMethods(simulated bool) map[string]prepare {
	local, utc := "YYYY-MM-DDTHH:mm:ssZ", "YYYY-MM-DDTHH:mm:ss[Z]"
	present := func(s *source) time.Time { return s.now() }
	return map[string]prepare{
		"now":     clock(local, present, false),
		"utc":     clock(utc, present, true),
		"simTime": simTime(clock(local, func(s *source) time.Time { return s.simulated.Add(-s.behind).In(s.zone) }, false), simulated),
		"past":    moved(-1, 365),
		"future":  moved(1, 365),
		"recent":  moved(-1, 1),
		"between": plain(literal("Invalid Date")), // it needs two arguments, and a tag has one
		"month":   named(strings.Fields(months)),
		"weekday": named(strings.Fields(weekdays)),
	}
}

// simTime has a time only while the KDG, or a backfill, simulates one.
func simTime(clock prepare, simulated bool) prepare {
	return func(arg value) (emit, error) {
		if !simulated {
			return nil, errors.New("there is a simulated time in a backfill only; use date.now")
		}
		return clock(arg)
	}
}

// clock gives a time in a moment format.
func clock(otherwise string, at func(*source) time.Time, utc bool) prepare {
	return func(arg value) (emit, error) {
		layout := otherwise
		if arg.truthy() {
			if arg.kind != kindText {
				return nil, errors.New("the argument must be a format as a text, such as \"YYYY-MM-DD HH:mm:ss\"")
			}
			layout = arg.str
		}
		parts := momentParts(layout)
		return func(dst []byte, s *source) []byte {
			t := at(s)
			if utc {
				t = t.UTC()
			}
			for _, p := range parts {
				dst = p.append(dst, t, utc)
			}
			return dst
		}, nil
	}
}

// named gives one of the names, or its abbreviation if the argument asks for that.
func named(names []string) prepare {
	return func(arg value) (emit, error) {
		if !arg.field("abbr").truthy() {
			return pick(names), nil
		}
		var short []string
		for _, name := range names {
			short = append(short, name[:3])
		}
		return pick(short), nil
	}
}

// moved gives a time at most the argument's number of units, 1 without argument, before or after the present, in
// JavaScript's long form.
func moved(sign, unitDays float64) prepare {
	return func(arg value) (emit, error) {
		units := 1.0
		if arg.truthy() {
			units = arg.toNumber()
		}
		const day, least = 24 * 3600 * 1000, 1000 // milliseconds
		most := units * unitDays * day
		if most >= 0 {
			most++ // as in random.number
		}
		return func(dst []byte, r *source) []byte {
			away := math.Floor(r.Float64()*(most-least) + least)
			at := float64(r.now().UnixMilli()) + sign*away
			if !(math.Abs(at) <= 8.64e15) { // the ends of JavaScript's calendar
				return append(dst, "Invalid Date"...)
			}
			return appendLong(dst, time.UnixMilli(int64(at)).In(r.zone))
		}, nil
	}
}

// appendLong prints a date as JavaScript does by itself.
func appendLong(dst []byte, t time.Time) []byte {
	return append(append(t.AppendFormat(dst, "Mon Jan 02 2006 15:04:05 GMT-0700 ("), zoneName(t)...), ')')
}

// zoneName is the English name of a zone at a time where we know it, or else Go's abbreviation.
func zoneName(t time.Time) string {
	short := t.Format("MST -07")
	for _, name := range zoneNames() {
		if strings.HasPrefix(name, short+" ") {
			return name[len(short)+1:]
		}
	}
	short, _ = t.Zone()
	return short
}

func zoneNames() []string {
	return []string{
		"UTC +00 Coordinated Universal Time", "GMT +00 Greenwich Mean Time", "BST +01 British Summer Time", "IST +01 Irish Standard Time",
		"WET +00 Western European Standard Time", "WEST +01 Western European Summer Time",
		"CET +01 Central European Standard Time", "CEST +02 Central European Summer Time",
		"EET +02 Eastern European Standard Time", "EEST +03 Eastern European Summer Time", "MSK +03 Moscow Standard Time",
		"EST -05 Eastern Standard Time", "EDT -04 Eastern Daylight Time", "CST -06 Central Standard Time", "CDT -05 Central Daylight Time",
		"MST -07 Mountain Standard Time", "MDT -06 Mountain Daylight Time", "PST -08 Pacific Standard Time", "PDT -07 Pacific Daylight Time",
		"AKST -09 Alaska Standard Time", "AKDT -08 Alaska Daylight Time", "HST -10 Hawaii-Aleutian Standard Time",
		"IST +05 India Standard Time", "CST +08 China Standard Time", "HKT +08 Hong Kong Standard Time", "JST +09 Japan Standard Time",
		"KST +09 Korean Standard Time", "AEST +10 Australian Eastern Standard Time", "AEDT +11 Australian Eastern Daylight Time",
		"AWST +08 Australian Western Standard Time", "NZST +12 New Zealand Standard Time", "NZDT +13 New Zealand Daylight Time",
		"SAST +02 South Africa Standard Time",
	}
}
