package template

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"sort"
	"strconv"
	"time"
)

// What the KDG does not have, under names that it does not know:
//
//	sequence.number  {"start":1,"step":1}           the record's number: 1, 2, 3, ...
//	same.value       {"name":"id","of":"random.number","with":50}    makes a value; {{same.value("id")}} is the same one
//	key.uniform      {"count":1000,"prefix":"k-"}   one of the keys k-0 to k-999; or "data":[...]
//	key.zipf         the same, with "skew":1        key 0 is the hottest, key n is used 1/(n+1)^skew as often
//	float.uniform    {"min":0,"max":1,"decimals":2}
//	float.normal     {"mean":0,"deviation":1,"decimals":2}, optionally with min and max
//	float.exponential {"mean":1,"decimals":2}
//	float.lognormal  {"median":1,"deviation":1,"decimals":2}
//	entity.id        {"count":10,"prefix":"device-"}, optionally with skew; the record's entity, one for all its tags
//	entity.pick      ["A","B"]                      always the same one for the same entity
//	entity.drift     {"min":10,"max":150,"period":1000,"decimals":1}   moves slowly, for each entity on its own
//	date.sequence    {"start":"2024-01-01T00:00:00Z","step":"1s","format":"..."}   a time for each record
//
// None of them remembers anything from record to record: an entity's state is computed from the seed, the entity and
// the record's number. So any number of generators makes the same run.
func (l *language) addBeyond() {
	maps.Copy(l.methods, map[string]prepare{
		"sequence.number":   sequenceNumber,
		"date.sequence":     dateSequence,
		"key.uniform":       keys(false),
		"key.zipf":          keys(true),
		"float.uniform":     floatUniform,
		"float.normal":      floatNormal,
		"float.exponential": floatExponential,
		"float.lognormal":   floatLognormal,
		"same.value":        l.unsealed(l.sameValue),
		"entity.id":         l.unsealed(l.scope.entityID),
		"entity.pick":       l.unsealed(l.scope.entityPick),
		"entity.drift":      l.unsealed(l.scope.entityDrift),
	})
}

// unsealed is a method that adds to the scope.
func (l *language) unsealed(method prepare) prepare {
	return func(arg value) (emit, error) {
		if l.sealed {
			return nil, errors.New("a result cannot bring this tag: it must stand in the template")
		}
		return method(arg)
	}
}

// scope is what the tags of one record share.
type scope struct {
	kept     []keptValue
	entities *choices
	// used tells that a tag needs the entity.
	used bool
}

// keptValue is a named value; until its definition is read, it has none.
type keptValue struct {
	name string
	make emit
}

// check finds what is used and never defined.
func (s *scope) check() error {
	for _, k := range s.kept {
		if k.make == nil {
			return fmt.Errorf(`same.value: no tag makes the value %q: one needs {"name":%q,"of":"module.method"}`, shorten(k.name), shorten(k.name))
		}
	}
	if s.used && s.entities == nil {
		return errors.New("entity.pick and entity.drift need a tag entity.id, which says how many entities there are")
	}
	return nil
}

// sameValue makes a value once a record, whichever of its tags comes first.
func (l *language) sameValue(arg value) (emit, error) {
	name := arg.field("name")
	if arg.kind == kindText {
		name = arg
	}
	if name.kind != kindText || name.str == "" {
		return nil, errors.New(`the argument must be a name, or an object such as {"name":"id","of":"random.number","with":50}`)
	}
	slot := l.scope.slot(name.str)
	if of := arg.field("of"); of.kind != kindUndefined {
		if l.scope.kept[slot].make != nil {
			return nil, fmt.Errorf("the value %q is made by another tag already", shorten(name.str))
		}
		method, err := l.lookUp(of.str)
		if err != nil {
			return nil, err
		}
		make, err := method(arg.field("with"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", shorten(of.str), err)
		}
		l.scope.kept[slot].make = make
	}
	scope := l.scope
	return func(dst []byte, s *source) []byte { return append(dst, scope.value(slot, s)...) }, nil
}

func (s *scope) slot(name string) int {
	for i, k := range s.kept {
		if k.name == name {
			return i
		}
	}
	s.kept = append(s.kept, keptValue{name: name})
	return len(s.kept) - 1
}

func (s *scope) value(slot int, r *source) []byte {
	for len(r.kept) <= slot {
		r.kept = append(r.kept, keptText{record: -1})
	}
	if r.kept[slot].record != r.number {
		// Marked first: a value that needs itself is then empty, and does not go on for ever.
		r.kept[slot].record = r.number
		r.kept[slot].text = r.kept[slot].text[:0]
		text := s.kept[slot].make(nil, r)
		r.kept[slot].text = text
	}
	return r.kept[slot].text
}

// sequenceNumber counts the records of the run.
func sequenceNumber(arg value) (emit, error) {
	start, step := arg.field("start").orElse(1).toNumber(), arg.field("step").orElse(1).toNumber()
	const exact = 1 << 53
	if !(math.Abs(start) < exact && math.Abs(step) < exact) || start != math.Trunc(start) || step != math.Trunc(step) {
		return nil, errors.New("start and step must be whole numbers")
	}
	return func(dst []byte, s *source) []byte {
		return strconv.AppendInt(dst, int64(start)+int64(step)*s.number, 10)
	}, nil
}

// dateSequence gives record i the time start + i steps.
func dateSequence(arg value) (emit, error) {
	start, err := time.Parse(time.RFC3339, arg.field("start").str)
	if err != nil {
		return nil, errors.New(`the argument must have a start such as "2024-01-01T00:00:00Z"`)
	}
	step := time.Second
	if text := arg.field("step"); text.kind != kindUndefined {
		if step, err = time.ParseDuration(text.str); err != nil {
			return nil, errors.New(`the step must be a duration such as "1s" or "250ms"`)
		}
	}
	layout := "YYYY-MM-DDTHH:mm:ss.SSSZ"
	if text := arg.field("format"); text.kind == kindText && text.str != "" {
		layout = text.str
	}
	parts := momentParts(layout)
	return func(dst []byte, s *source) []byte {
		t := start.Add(time.Duration(s.number) * step)
		for _, p := range parts {
			dst = p.append(dst, t, false)
		}
		return dst
	}, nil
}

const maxKeys = 1_000_000

// choices are things to choose from: data, or numbers with a prefix.
type choices struct {
	count  int
	prefix string
	data   []string
	// upTo[i] is the probability of the first i+1 of them; nil gives each the same.
	upTo []float64
}

// newChoices reads {"count":n,"prefix":"x","data":[...]}, and the skew for a distribution after Zipf.
func newChoices(arg value, otherwise int, zipf bool) (*choices, error) {
	c := &choices{prefix: arg.field("prefix").str}
	if arg.kind == kindArray {
		c.data = arg.elements()
	} else if data := arg.field("data"); data.kind == kindArray {
		c.data = data.elements()
	}
	count := arg.field("count").orElse(float64(otherwise)).toNumber()
	if arg.kind == kindNumber {
		count = arg.num
	}
	if c.data != nil {
		count = float64(len(c.data))
	}
	if !(count >= 1 && count <= maxKeys) || count != math.Trunc(count) {
		return nil, fmt.Errorf("there must be 1 to %d things to choose from", maxKeys)
	}
	c.count = int(count)
	if !zipf {
		return c, nil
	}
	skew := arg.field("skew").orElse(1).toNumber()
	if !(skew >= 0 && skew <= 20) {
		return nil, errors.New("the skew must be from 0 (all alike) to 20")
	}
	c.upTo = make([]float64, c.count)
	total := 0.0
	for i := range c.upTo {
		total += math.Pow(float64(i+1), -skew)
		c.upTo[i] = total
	}
	for i := range c.upTo {
		c.upTo[i] /= total
	}
	return c, nil
}

// at is the choice for a random number from 0 up to 1.
func (c *choices) at(u float64) int {
	if c.upTo == nil {
		return int(u * float64(c.count))
	}
	return min(sort.SearchFloat64s(c.upTo, u), c.count-1)
}

func (c *choices) append(dst []byte, i int) []byte {
	if c.data != nil {
		return append(dst, c.data[i]...)
	}
	return strconv.AppendInt(append(dst, c.prefix...), int64(i), 10)
}

// keys gives one of the choices.
func keys(zipf bool) prepare {
	return func(arg value) (emit, error) {
		c, err := newChoices(arg, 100, zipf)
		if err != nil {
			return nil, err
		}
		return func(dst []byte, s *source) []byte { return c.append(dst, c.at(s.Float64())) }, nil
	}
}

// entityID gives the record's entity. There is one set of entities for a template and its partition key.
func (s *scope) entityID(arg value) (emit, error) {
	if s.entities == nil || arg.kind != kindUndefined {
		c, err := newChoices(arg, 10, arg.field("skew").kind != kindUndefined)
		if err != nil {
			return nil, err
		}
		if s.entities != nil {
			return nil, errors.New("another tag says already how many entities there are: use {{entity.id}} for the same one")
		}
		s.entities = c
	}
	return func(dst []byte, r *source) []byte { return s.entities.append(dst, s.entity(r)) }, nil
}

// entity is the number of the record's entity. It does not depend on the other tags, nor on their order.
func (s *scope) entity(r *source) int {
	if r.entity == 0 {
		r.entity = 1 + s.entities.at(unit(mix(mix(r.seed^0xe9717)+uint64(r.number))))
	}
	return r.entity - 1
}

// unit turns 64 random bits into a number from 0 up to 1.
func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// entityPick gives an entity always the same thing.
func (s *scope) entityPick(arg value) (emit, error) {
	data := arg.elements()
	if arg.kind != kindArray || len(data) == 0 {
		return nil, errors.New(`the argument must be an array such as ["A","B"]`)
	}
	s.used = true
	return func(dst []byte, r *source) []byte {
		high, _ := bits.Mul64(mix(mix(r.seed^0x91c4)+uint64(s.entity(r))), uint64(len(data)))
		return append(dst, data[high]...)
	}, nil
}

// entityDrift gives an entity a value between min and max that moves from record to record of the run: by about the
// whole range within the period, and with smaller movements on top.
func (s *scope) entityDrift(arg value) (emit, error) {
	low, high := arg.field("min").orElse(0).toNumber(), arg.field("max").orElse(100).toNumber()
	period := arg.field("period").orElse(1000).toNumber()
	decimals, err := decimalsOf(arg, 2)
	if err == nil && !(low <= high && period >= 1) {
		err = errors.New("min must not be above max, and the period must be at least 1 record")
	}
	if err != nil {
		return nil, err
	}
	s.used = true
	return func(dst []byte, r *source) []byte {
		state := mix(mix(r.seed^0xd21f7) + uint64(s.entity(r)))
		at := float64(r.number) / period
		share := 0.7*noise(state, at) + 0.2*noise(state+1, 5*at) + 0.1*noise(state+2, 23*at)
		return strconv.AppendFloat(dst, low+share*(high-low), 'f', decimals, 64)
	}, nil
}

// noise is a smooth random curve from 0 to 1 that turns about once in a unit.
func noise(state uint64, at float64) float64 {
	whole := math.Floor(at)
	from, to := unit(mix(state^mix(uint64(int64(whole))))), unit(mix(state^mix(uint64(int64(whole)+1))))
	part := at - whole
	return from + (to-from)*part*part*(3-2*part)
}
