package template

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Generator makes the records of a template, for one goroutine. Record i is decided by the template, the seed and i
// alone, in whatever order records are made; only dates differ.
type Generator struct {
	template *Template
	source   source
}

// source is what the values of one record are made of.
type source struct {
	*rand.Rand
	pcg  rand.PCG
	seed uint64
	// number is the record's.
	number int64
	zone   *time.Location
	// fixed is the time of a clock that stands, simulated that of date.simTime, and behind how far both are set back.
	fixed, simulated time.Time
	behind           time.Duration
	// kept are the named values of this record, entity is 1 + the number of its entity; each is made at its first use.
	kept   []keptText
	entity int
}

// keptText is a named value, if it is one of the record with that number.
type keptText struct {
	record int64
	text   []byte
}

// Generator makes a generator whose random choices are decided by the seed.
func (t *Template) Generator(seed uint64) *Generator {
	g := &Generator{template: t, source: source{seed: seed, zone: t.options.zone(), fixed: t.options.Now}}
	g.source.Rand = rand.New(&g.source.pcg)
	return g
}

// SetTime gives date.simTime its time, from now on.
func (g *Generator) SetTime(simulated time.Time) { g.source.simulated = simulated }

// SetBehind sets the clock and the simulated time back by that much, from now on.
func (g *Generator) SetBehind(d time.Duration) { g.source.behind = d }

// Append appends record i to dst.
//
// It fails, with dst as it was, if the record grows beyond [MaxRecord], or if results that are expanded again contain
// a bad tag or never end. Templates without braces and dollar signs in arguments can fail only by length.
func (g *Generator) Append(dst []byte, i int64) ([]byte, error) {
	g.Skip(i)
	return g.template.append(dst, &g.source)
}

// Skip makes record i the last one without making it, for what is drawn or appended after it.
func (g *Generator) Skip(i int64) {
	s := &g.source
	s.number, s.entity = i, 0
	// Neighbouring numbers start far apart in the generator's sequence.
	s.pcg.Seed(s.seed, mix(uint64(i)))
}

// AppendWith appends a text of another template for the record that Append made last. The template was compiled with
// this generator's as [Options.With].
func (g *Generator) AppendWith(dst []byte, t *Template) ([]byte, error) {
	return t.append(dst, &g.source)
}

// Rand goes on drawing where the record that Append made last stopped.
func (g *Generator) Rand() *rand.Rand { return g.source.Rand }

func (t *Template) append(dst []byte, s *source) ([]byte, error) {
	start := len(dst)
	if t.exact {
		record, err := t.expand(s)
		if err != nil {
			return dst, err
		}
		return append(dst, record...), nil
	}
	for i := range t.pieces {
		p := &t.pieces[i]
		dst = append(dst, p.literal...)
		if p.value != nil {
			dst = p.value(dst, s)
		}
		if len(dst)-start > MaxRecord {
			return dst[:start], fmt.Errorf("make a record: it is longer than %d bytes, the most a stream takes", MaxRecord)
		}
	}
	if len(dst) == start {
		dst = append(dst, emptyRecord...)
	}
	return dst, nil
}

// now is the time of the clock, in the local zone.
func (s *source) now() time.Time {
	if s.fixed.IsZero() {
		return time.Now().Add(-s.behind).In(s.zone)
	}
	return s.fixed.Add(-s.behind).In(s.zone)
}

// mix spreads a number over 64 bits (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
