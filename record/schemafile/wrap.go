package schemafile

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/snowstream/snowstream/record"
)

// wrapping reads what stands around the records of a payload.
func (p *parser) wrapping(keys map[string]*yaml.Node, s *record.Schema) {
	if n := keys["payload"]; n != nil {
		s.Payload = pick(p, n, "payload", record.Payloads())
	}
	if n := keys["encoding"]; n != nil {
		s.Base64 = p.choice(n, "encoding", "none", "base64") == "base64"
	}
	if n := keys["explode"]; n != nil {
		s.Explode = p.arrayPath(n)
	}
	if n := keys["envelope"]; n != nil {
		s.Envelope = pick(p, n, "envelope", record.Envelopes())
	}
	if n := keys["control"]; n != nil {
		s.Control = pick(p, n, "control", []record.Control{record.Aside, record.Rows})
	}
	p.blame(s.CheckWrapping(), keys, "control", "explode", "envelope", "payload")
}

// blame reports what is wrong with several keys together at the first of them that is there, unless one is wrong by itself.
func (p *parser) blame(err error, keys map[string]*yaml.Node, names ...string) {
	for _, name := range names {
		if n := keys[name]; n != nil && err != nil && len(p.problems) == 0 {
			p.add(n, "%v", err)
		}
	}
}

// pick reads a scalar that is the name of one of some values, the first of which stands for a wrong one.
func pick[T fmt.Stringer](p *parser, n *yaml.Node, what string, values []T) T {
	var words []string
	for _, v := range values {
		words = append(words, v.String())
	}
	word := p.choice(n, what, words...)
	for _, v := range values {
		if v.String() == word {
			return v
		}
	}
	return values[0]
}

// arrayPath reads the path to an array, as a field or with a dollar sign for the record itself: $.detail.items.
func (p *parser) arrayPath(n *yaml.Node) []string {
	if n.Kind != yaml.ScalarNode {
		return p.path(n)
	}
	plain := *n
	plain.Value = strings.TrimPrefix(n.Value, "$.")
	if strings.ContainsAny(plain.Value, "[]*?$") {
		p.add(n, "explode is the path to one array, such as $.logEvents, not %.60q: names with such characters are a list of names", n.Value)
		return nil
	}
	return p.path(&plain)
}

// wrapping writes what stands around the records of a payload.
func (w *writer) wrapping(s record.Schema) {
	if s.Payload != record.Document {
		fmt.Fprintf(w, "payload: %s\n", s.Payload)
	}
	if s.Base64 {
		w.WriteString("encoding: base64\n")
	}
	if len(s.Explode) > 0 {
		fmt.Fprintf(w, "explode: %s\n", explodeText(s.Explode))
	}
	if s.Envelope != record.NoEnvelope {
		fmt.Fprintf(w, "envelope: %s\n", s.Envelope)
	}
	if s.Control != record.Aside {
		fmt.Fprintf(w, "control: %s\n", s.Control)
	}
}

// explodeText is a path as explode has it.
func explodeText(path []string) string {
	for _, name := range path {
		if !plain(name) || strings.Contains(name, ".") {
			return quotedList(path)
		}
	}
	return "$." + strings.Join(path, ".")
}

// WrappingText says for people how a schema's payloads hold records.
func WrappingText(s record.Schema) string {
	text := map[record.Payload]string{
		record.Document: "A payload is one JSON document", record.Lines: "A payload is JSON documents, one a line",
		record.Concatenated: "A payload is JSON documents, one behind the other", record.Array: "A payload is an array of JSON documents",
		record.CloudWatchLogs: "A payload is a message of CloudWatch Logs", record.Auto: "A payload is JSON documents, one or several, as it begins",
	}[s.Payload]
	if s.Base64 {
		text += ", in base64"
	}
	if s.Envelope != record.NoEnvelope {
		text += fmt.Sprintf(", each in the envelope of %s", s.Envelope)
	}
	if path := s.Exploded(); path != nil {
		text += fmt.Sprintf("; each element of %s becomes a row", strings.Join(path, "."))
	}
	if s.HasControl() {
		text += map[record.Control]string{record.Aside: "; control records are set aside", record.Rows: "; control records become rows"}[s.Control]
	}
	return text + "."
}
