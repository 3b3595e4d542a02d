// Package template is the template language of the Kinesis Data Generator (KDG): text with {{module.method(argument)}}
// tags, each of which becomes a random value in every record.
//
// A template is compiled once, into pieces of fixed text and functions that append a value, and then makes records
// without parsing anything again. Templates which the KDG takes mean here what they mean there, silly ones included:
// numbers print as JavaScript prints them, an argument that is not JSON is taken as raw text, an array prints as its
// elements joined by commas. [Template.Warnings] names the places where that is rarely what the author meant.
//
// Where the KDG fails, at every record and without telling anybody, there are two answers. Some forms have only one
// sensible meaning and are accepted, unless [Options.Strict] is set: spaces inside the braces, (), a closing brace or
// parenthesis inside a JSON argument, a closed JSON object before a tag. Everything else is an [Error] of [Compile],
// with line and column.
//
// Beyond the KDG, under names that it does not know (beyond.go has the list): sequence, same, key, float and entity.
// Strict templates do not have them.
//
// How a record is made:
//
//  1. clean.go trims the text, deletes its line feeds (indentation stays) and renames the first {{current.timestamp}}.
//  2. parse.go finds the tags, argument.go reads their arguments as JavaScript values.
//  3. method.go looks the methods up; the files named after the KDG's modules hold them.
//  4. [Generator.Append] writes the pieces. An argument with a brace or a dollar sign can change the text around it,
//     because the KDG expands its own results again: such templates take the slow road of expand.go.
//
// The names, places and other words in the results come from gofakeit's lists (words.go), or from short ones of our own
// where it has none: their shape is the KDG's, the words are not. A text that faker makes of words is made likewise here.
package template

import (
	"fmt"
	"maps"
	"slices"
)

// Sensor is the sensor example, as users of the KDG write it.
const Sensor = `{
    "sensorId": {{random.number(50)}},
    "currentTemperature": {{random.number(
        {
            "min":10,
            "max":150
        }
    )}},
    "status": "{{random.arrayElement(
        ["OK","FAIL","WARN"]
    )}}"
}`

const (
	// MaxText is the longest template, in bytes.
	MaxText = 1 << 20
	// MaxRecord is the longest record that a template may make, in bytes: the most Kinesis takes for one record.
	MaxRecord = 10 << 20
)

// maxWarnings is how many warnings are kept: the first ones tell enough.
const maxWarnings = 20

// emptyRecord is what the KDG sends for a record that would be empty.
const emptyRecord = "string parameter is required!"

// Error is a fault in a template's text. It never contains more of the text than the name of a method.
type Error struct {
	// Line and Column say where, from 1; columns count characters.
	Line, Column int
	// Reason says what is wrong and, where that is known, what was probably meant.
	Reason string
}

func (e *Error) Error() string {
	return fmt.Sprintf("template line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// Warning is a place in a template that works, but rarely as its author meant.
type Warning struct {
	Line, Column int
	Text         string
}

func (w Warning) String() string {
	return fmt.Sprintf("template line %d, column %d: %s", w.Line, w.Column, w.Text)
}

// Template is a compiled template. It never changes, so any number of goroutines may use one, each with its own
// [Generator].
type Template struct {
	pieces   []piece
	warnings []Warning
	options  Options
	language *language
	// exact templates have results that must be expanded again, starting from the text.
	exact bool
	text  string
}

// piece is fixed text and the value that follows it; the last one has no value.
type piece struct {
	literal string
	value   emit
}

// Compile reads a template of at most [MaxText] bytes. A fault in it is an *[Error].
//
// It refuses every tag of the text that has no meaning, also one that a result of another tag would have hidden.
func Compile(text string) (*Template, error) { return Options{}.Compile(text) }

// Compile is the function Compile with options.
func (o Options) Compile(text string) (*Template, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("compile a template of %d bytes: the limit is %d", len(text), MaxText)
	}
	c := clean(text)
	t := &Template{options: o, language: newLanguage(o), text: c.text}
	rest := 0
	for {
		tag, found, err := t.language.nextTag(c.text, rest)
		if err != nil {
			line, column := c.position(tag.start)
			return nil, &Error{Line: line, Column: column, Reason: err.Error()}
		}
		if !found {
			break
		}
		t.pieces = append(t.pieces, piece{literal: c.text[rest:tag.start], value: tag.value})
		t.exact = t.exact || tag.arg.mayExpand()
		t.warn(c, tag)
		rest = tag.end
	}
	t.pieces = append(t.pieces, piece{literal: c.text[rest:]})
	t.language.sealed = true
	if err := t.language.scope.check(); err != nil {
		return nil, &Error{Line: 1, Column: 1, Reason: err.Error()}
	}
	return t, nil
}

// warn keeps the warnings of one tag.
func (t *Template) warn(c cleaned, tag tag) {
	for _, w := range tag.warnings() {
		if len(t.warnings) == maxWarnings {
			return
		}
		line, column := c.position(tag.start)
		t.warnings = append(t.warnings, Warning{Line: line, Column: column, Text: w})
	}
}

// Warnings names the first 20 places that work, but rarely as meant, in the order of the text.
func (t *Template) Warnings() []Warning { return slices.Clone(t.warnings) }

// Methods lists all methods, as module.method, in alphabetical order: the KDG's and those beyond it.
func Methods() []string {
	return slices.Sorted(maps.Keys(newLanguage(Options{Simulated: true}).methods))
}
