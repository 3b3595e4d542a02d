package main

import (
	"fmt"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/snowstream/snowstream/dashboard"
	"github.com/snowstream/snowstream/producer"
	"github.com/snowstream/snowstream/producer/shape"
	"github.com/snowstream/snowstream/producer/template"
	"github.com/snowstream/snowstream/record"
)

// generator is the data generator as the live page controls it. It remembers the texts that load and template were
// made from.
type generator struct {
	producer *producer.Producer

	mu              sync.Mutex // covers the texts, and keeps them in step with the producer
	shape, template string
}

var _ dashboard.Producer = (*generator)(nil)

func newGenerator(p *producer.Producer, rate float64, template string) *generator {
	return &generator{producer: p, shape: constant(rate), template: template}
}

// constant is a rate as a shape; a run without a rate has none.
func constant(rate float64) string {
	if rate == 0 {
		return ""
	}
	return "constant:" + strconv.FormatFloat(rate, 'f', -1, 64)
}

// Status tells what the generator does; its rate is the caller's to measure.
func (g *generator) Status() dashboard.ProducerStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.producer.Stats()
	return dashboard.ProducerStatus{
		Target: g.producer.Target(), Paused: g.producer.Paused(), Shape: g.shape, Template: g.template,
		Accepted: s.Accepted, Throttled: s.Throttled, Failed: s.Failed,
	}
}

// SetRate makes the load constant; 0 is as fast as the stream takes them.
func (g *generator) SetRate(rate float64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.producer.SetRate(rate); err != nil {
		return err
	}
	g.shape = constant(rate)
	return nil
}

// Pause stops making records, or goes on.
func (g *generator) Pause(paused bool) error {
	g.producer.Pause(paused)
	return nil
}

// SetShape makes the load follow a shape, which starts now.
func (g *generator) SetShape(text string) error {
	s, err := shape.Parse(text, producer.MaxRate)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.producer.SetShape(s)
	g.shape = text
	return nil
}

// SetTemplate has the next records made by another template, if it works.
func (g *generator) SetTemplate(text string) error {
	if v := check(template.Options{}, text); !v.Valid {
		return fmt.Errorf("line %d, column %d: %s", max(v.Error.Line, 1), max(v.Error.Column, 1), v.Error.Text)
	}
	t, err := template.Compile(text)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.producer.SetTemplate(t); err != nil {
		return err
	}
	g.template = text
	return nil
}

const (
	// samples are as many as the Kinesis Data Generator's test button shows; of a long one the first part is.
	samples      = 5
	sampleLength = 16 << 10
)

// checkTemplate is what `snowstream template check` says, with what `snowstream template show` shows, and whether the records fit
// the schema.
func checkTemplate(schema record.Schema, text string) dashboard.Check {
	v := check(template.Options{}, text)
	out := dashboard.Check{OK: v.Valid, Errors: []dashboard.Finding{}, Lints: []dashboard.Finding{}, Samples: []string{}}
	if v.Error != nil {
		out.Errors = append(out.Errors, dashboard.Finding{Line: v.Error.Line, Column: v.Error.Column, Message: v.Error.Text})
		return out
	}
	for _, w := range v.Warnings {
		out.Lints = append(out.Lints, dashboard.Finding{Line: w.Line, Column: w.Column, Message: w.Text})
	}
	t, err := template.Compile(text)
	if err != nil {
		return out
	}
	seed := uint64(time.Now().UnixNano())
	if why := misfit(t, schema, seed); why != "" {
		out.Lints = append(out.Lints, dashboard.Finding{Line: 1, Column: 1, Message: why})
	}
	g := t.Generator(seed)
	for i := range int64(samples) {
		record, err := g.Append(nil, i)
		if err != nil {
			return out
		}
		out.Samples = append(out.Samples, cut(record))
	}
	return out
}

// cut keeps a sample short, and its last character whole.
func cut(record []byte) string {
	if len(record) <= sampleLength {
		return string(record)
	}
	part := record[:sampleLength]
	for len(part) > 0 && !utf8.RuneStart(record[len(part)]) {
		part = part[:len(part)-1]
	}
	return string(part) + "…"
}
