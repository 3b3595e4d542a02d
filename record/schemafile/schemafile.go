// Package schemafile is the text of a schema: the YAML file that people write, read into a record.Schema and written
// back. It does no I/O.
//
//	columns:
//	  - field: sensorId        # the JSON field; dots lead into objects; a list where a name has dots: [device, "a.b"]
//	    column: SENSORID       # the SQL column as Snowflake stores it; default: ColumnName of the field
//	    type: integer          # integer | number(p,s) | string | boolean | timestamp[(form[,6])] | variant | date | time | float
//	    forms: [iso8601, milliseconds, "DD/MM/YYYY HH24:MI:SS"]  # how times are written; default: one form for each type
//	    zone: Europe/Berlin    # what a time without a zone means; default: such a time is refused
//	    accept: [numeric-text] # numeric-text | boolean-text | integral-float; default: none
//	    nonfinite: keep        # NaN and infinities of a float: quarantine | null | keep; default: quarantine
//	    required: true         # default: false
//	unknown: ignore            # ignore | variant | {variant: COLUMN} | quarantine; default: ignore
//	duplicates: last           # quarantine | last; default: quarantine
//	lineage: [partition-key]   # partition-key | stream; default: none
//	payload: document          # document | lines | concatenated | array | cloudwatch-logs | auto; default: document
//	encoding: base64           # none | base64; default: none
//	explode: $.items           # the array whose elements become rows; default: none
//	envelope: dms              # none | dms | debezium | dynamodb | eventbridge | cloudwatch-logs | firehose | iot; default: none
//	control: aside             # aside | rows; default: aside
//	folder: {label: sensor, field: sensorId}  # default: none
//	keys: [orderId, {first: [after.id, before.id]}]  # what has a current state; default: none
//	order by: [updatedAt]      # what makes a row newer than another; default: the order in the stream
//	delete when: {op: [d]}     # the current rows of what is gone; default: none
//
// A file is one YAML document of at most MaxSize bytes, or the same as JSON. What YAML has for documents that build on
// themselves (anchors, aliases, merge keys, tags) is refused: a schema needs none of it, and aliases let a small text
// stand for a huge one.
package schemafile

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/snowstream/snowstream/record"
)

// The limits of a file.
const (
	MaxSize    = 1 << 20 // bytes
	MaxColumns = 2000
)

// Rest is the column that the policy variant fills if the file names none. Like the lineage columns it begins with an
// underscore, so only a field that does so too can want the same name, and that is reported.
const Rest = "_REST"

// Problem is one thing that is wrong in a file.
type Problem struct {
	Line, Column int // from 1; Column counts characters
	Text         string
}

func (p Problem) String() string { return fmt.Sprintf("%d:%d: %s", p.Line, p.Column, p.Text) }

// Problems is the error of Parse: all that is wrong, in the order of the file, at least one.
type Problems []Problem

// maxProblems is how many are reported. A file with more is not a schema.
const maxProblems = 100

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Parse reads a schema file, YAML or JSON. The schema has passed Check. An error is of type Problems.
func Parse(text []byte) (record.Schema, error) {
	root, problem := read(text)
	if problem != nil {
		return record.Schema{}, Problems{*problem}
	}
	var p parser
	p.refuseReferences(root)
	if len(p.problems) > 0 {
		return record.Schema{}, p.problems // an alias would be reported again as a value of the wrong kind
	}
	s := p.schema(root)
	if len(p.problems) == 0 {
		if err := s.Check(); err != nil {
			p.add(root, "%v", err)
		}
	}
	if len(p.problems) > 0 {
		slices.SortStableFunc(p.problems, func(a, b Problem) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.Column - b.Column
		})
		return record.Schema{}, p.problems
	}
	return s, nil
}

// ColumnName is the column of a field that names none: the path's names joined by "_", upper case, with "_" for all
// that a plain SQL identifier cannot have, and in front of a digit.
func ColumnName(path []string) string {
	name := []rune(strings.Join(path, "_"))
	for i, r := range name {
		switch {
		case r >= 'a' && r <= 'z':
			name[i] = r - 'a' + 'A'
		case r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
		default:
			name[i] = '_'
		}
	}
	if len(name) == 0 || name[0] >= '0' && name[0] <= '9' {
		return "_" + string(name)
	}
	return string(name)
}

// parser turns a document's nodes into a schema and collects what is wrong with them.
type parser struct{ problems Problems }

func (p *parser) add(at *yaml.Node, format string, args ...any) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{at.Line, at.Column, fmt.Sprintf(format, args...)})
	}
}

// refuseReferences looks for the parts of YAML that the format leaves out.
func (p *parser) refuseReferences(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		p.add(n, "aliases (*%s) are not part of this format: write the value again", n.Value)
		return
	case n.Anchor != "":
		p.add(n, "anchors (&%s) are not part of this format", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		p.add(n, "tags (%s) are not part of this format", n.Tag)
	}
	for _, child := range n.Content {
		p.refuseReferences(child)
	}
}

// mapping returns the values of a mapping by their keys, all of which must be known and different. what names the
// mapping for people.
func (p *parser) mapping(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		p.add(n, "%s is a mapping with the keys %s, not %s", what, strings.Join(known, ", "), kindOf(n))
		return nil
	}
	values := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
			p.add(key, "%s has no key %s: %s", what, kindOf(key), Suggest(key.Value, known))
		case values[key.Value] != nil:
			p.add(key, "%s is here twice, first in line %d", key.Value, values[key.Value].Line)
		default:
			values[key.Value] = value
		}
	}
	return values
}

// name reads a scalar that is taken as it is written: 007 and true are names like others, but nothing is not.
func (p *parser) name(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		p.add(n, "%s is a name, not %s: a name that looks like something else needs quotes", what, kindOf(n))
		return "", false
	}
	return n.Value, true
}

// choice reads a scalar that is one of a few words.
func (p *parser) choice(n *yaml.Node, what string, words ...string) string {
	if n.Kind == yaml.ScalarNode && slices.Contains(words, n.Value) {
		return n.Value
	}
	p.add(n, "%s is %s, not %s: %s", what, either(words), kindOf(n), Suggest(n.Value, words))
	return ""
}

// kindOf is a node's kind in words.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	}
	return fmt.Sprintf("%.60q", n.Value)
}
