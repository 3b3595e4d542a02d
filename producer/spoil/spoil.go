// Package spoil makes bad data on purpose, at set rates, to see that it ends where it should.
//
//	malformed     JSON that stops in the middle                               ends in quarantine
//	missing       a JSON object without one of its fields                     ends in quarantine
//	wrong-type    a JSON object with a value of another type                  ends in quarantine
//	late          made with a clock that is an hour behind                    ends in the tables
//	out-of-order  changes places with its successor                           ends in the tables
//	duplicate     the same as the record before it                            ends in the tables, as two rows
//	oversize      more than a stream takes                                    is refused by the stream
//
// Which records are bad is decided by the seed and their number alone: [Plan.Kind]. A record that should be
// quarantined is marked by its partition key, which the quarantine keeps: [Key].
package spoil

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is a way to be bad.
type Kind int

// The kinds. None is a good record.
const (
	None Kind = iota
	Malformed
	Missing
	WrongType
	Late
	OutOfOrder
	Duplicate
	Oversize
	// Kinds is their number, None included.
	Kinds
)

const (
	// LateBy is how far the clock of a late record is behind, OutOfOrderBy that of one that lost its place.
	LateBy       = time.Hour
	OutOfOrderBy = time.Second
	// OversizeBytes is the size of an oversize record: above what a stream takes unless its limit was raised.
	OversizeBytes = 1<<20 + 1
)

func (k Kind) String() string {
	return [Kinds]string{"", "malformed", "missing", "wrong-type", "late", "out-of-order", "duplicate", "oversize"}[k]
}

// kindNames are the names of all kinds, by kind.
func kindNames() []string {
	all := make([]string, Kinds)
	for k := range Kinds {
		all[k] = k.String()
	}
	return all
}

// Ends is where a record of that kind should end: "quarantine", "tables" or "refused".
func (k Kind) Ends() string {
	switch k {
	case Malformed, Missing, WrongType:
		return "quarantine"
	case Oversize:
		return "refused"
	default:
		return "tables"
	}
}

// Key is the partition key that marks a record which should end in quarantine, such as bad-malformed-17.
func (k Kind) Key(number int64) string {
	return "bad-" + k.String() + "-" + strconv.FormatInt(number, 10)
}

// Plan says how many records are bad. The zero Plan leaves all good.
type Plan struct {
	// upTo[k] is the share of records whose kind is at most k, None excluded.
	upTo [Kinds]float64
}

// Parse reads shares such as malformed=0.01,late=0.5%: together at most 1.
func Parse(text string) (Plan, error) {
	var p Plan
	var share [Kinds]float64
	for pair := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(pair), "=")
		k := Kind(slices.Index(kindNames(), name))
		if !found || k <= None {
			return p, fmt.Errorf("read the bad data %q: it is a list of kind=share with the kinds %s", pair, strings.Join(kindNames()[1:], ", "))
		}
		number, percent := strings.CutSuffix(value, "%")
		s, err := strconv.ParseFloat(number, 64)
		if percent {
			s /= 100
		}
		if err != nil || !(s >= 0 && s <= 1) {
			return p, fmt.Errorf("read the bad data %q: a share is a number from 0 to 1, or a percentage", pair)
		}
		share[k] = s
	}
	total := 0.0
	for k := None + 1; k < Kinds; k++ {
		total += share[k]
		p.upTo[k] = total
	}
	if total > 1 {
		return p, fmt.Errorf("read the bad data %q: the shares add up to %g, at most 1 is possible", text, total)
	}
	return p, nil
}

// Any reports whether records of one of the kinds are planned.
func (p *Plan) Any(kinds ...Kind) bool {
	return slices.ContainsFunc(kinds, func(k Kind) bool { return p.upTo[k] > p.upTo[k-1] })
}

// Kind is the kind of record number of the run with that seed.
func (p *Plan) Kind(seed uint64, number int64) Kind {
	total := p.upTo[Kinds-1]
	if total == 0 || number < 0 {
		return None
	}
	var pcg rand.PCG
	pcg.Seed(seed^0x5b01d, uint64(number))
	u := float64(pcg.Uint64()>>11) / (1 << 53)
	if u >= total {
		return None
	}
	k := None + 1
	for k < Oversize && u >= p.upTo[k] {
		k++
	}
	if k == Duplicate && number == 0 {
		return None // there is nothing before it
	}
	return k
}

// Original is the place of the record that the one at place number repeats: its own, unless it is a duplicate. A chain
// of duplicates repeats the record before the chain; one of more than 100 repeats itself.
func (p *Plan) Original(seed uint64, number int64) int64 {
	for back := range int64(100) {
		if p.Kind(seed, number-back) != Duplicate {
			return number - back
		}
	}
	return number
}

// Number is the number whose content the record at a place gets: its own, or its neighbour's where the two change
// places.
func (p *Plan) Number(seed uint64, place int64) int64 {
	switch p.Kind(seed, place) {
	case OutOfOrder:
		if p.Kind(seed, place+1) == None {
			return place + 1
		}
	case None:
		if p.Kind(seed, place-1) == OutOfOrder {
			return place - 1
		}
	}
	return place
}

// Record spoils data[start:] in the way of the kind. What cannot be spoiled so is cut, as malformed is: only JSON
// objects have fields.
func (k Kind) Record(data []byte, start int, r *rand.Rand) []byte {
	switch k {
	case Malformed:
		return cut(data, start, r)
	case Missing, WrongType:
		fields := fieldsOf(data[start:])
		if len(fields) == 0 {
			return cut(data, start, r)
		}
		f := fields[r.IntN(len(fields))]
		if k == Missing {
			return slices.Delete(data, start+f.from, start+f.to)
		}
		return slices.Replace(data, start+f.value, start+f.end, []byte(other(data[start+f.value]))...)
	case Oversize:
		return append(data, bytes.Repeat([]byte{' '}, max(0, OversizeBytes-(len(data)-start)))...)
	default:
		return data
	}
}

// cut leaves at least the first byte and drops at least the last one.
func cut(data []byte, start int, r *rand.Rand) []byte {
	if n := len(data) - start; n > 1 {
		return data[:start+1+r.IntN(n-1)]
	}
	return append(data, 0xff)
}

// other is a JSON value of another type than the one that starts so.
func other(first byte) string {
	switch first {
	case '"', 'n':
		return `{"wrong":"type"}`
	default:
		return `"wrong type"`
	}
}

// field is where a field of a JSON object stands: from its name to the next one, and its value.
type field struct{ from, value, end, to int }

// fieldsOf finds the top-level fields of a JSON object; what is none has none.
func fieldsOf(text []byte) []field {
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil
	}
	var found []field
	for d.More() {
		f := field{from: int(d.InputOffset())}
		if _, err := d.Token(); err != nil {
			return nil
		}
		f.value = int(d.InputOffset())
		f.value += bytes.IndexByte(text[f.value:], ':') + 1
		for f.value < len(text) && strings.IndexByte(" \t\r\n", text[f.value]) >= 0 {
			f.value++
		}
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return nil
		}
		f.end = int(d.InputOffset())
		f.to = f.end
		found = append(found, f)
	}
	if len(found) == 0 {
		return nil
	}
	// A field goes with the comma in front of it, the first one with the comma behind it.
	if len(found) > 1 {
		found[0].to = found[1].from + bytes.IndexByte(text[found[1].from:], ',') + 1
	}
	return found
}
