package schemafile

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// readJSON reads valid JSON into the nodes that the YAML library would make. That library cannot do it: JSON has
// escapes that it does not know, such as \/ and surrogate pairs.
func readJSON(text []byte) (*yaml.Node, *Problem) {
	r := jsonReader{text: text, decoder: json.NewDecoder(bytes.NewReader(text)), line: 1, column: 1}
	r.decoder.UseNumber()
	return r.value()
}

type jsonReader struct {
	text    []byte
	decoder *json.Decoder
	// at is an offset, line and column are its place.
	at, line, column int
}

// moveTo brings at to a later offset.
func (r *jsonReader) moveTo(offset int) {
	for ; r.at < offset; r.at++ {
		switch c := r.text[r.at]; {
		case c == '\n':
			r.line, r.column = r.line+1, 1
		case utf8.RuneStart(c):
			r.column++
		}
	}
}

// value reads the next value. Deep nesting was refused by json.Valid.
func (r *jsonReader) value() (*yaml.Node, *Problem) {
	n := &yaml.Node{Kind: yaml.ScalarNode}
	start := int(r.decoder.InputOffset())
	for bytes.IndexByte([]byte(" \t\r\n,:"), r.text[start]) >= 0 {
		start++
	}
	r.moveTo(start)
	n.Line, n.Column = r.line, r.column
	token, err := r.decoder.Token()
	if err != nil {
		return nil, &Problem{n.Line, n.Column, "this is not JSON"}
	}
	switch token := token.(type) {
	case json.Delim:
		n.Kind = yaml.SequenceNode
		if token == '{' {
			n.Kind = yaml.MappingNode
		}
		return r.children(n)
	case string:
		n.Tag, n.Value, n.Style = "!!str", token, yaml.DoubleQuotedStyle
	case json.Number:
		n.Tag, n.Value = "!!float", token.String()
	case bool:
		n.Tag, n.Value = "!!bool", string(r.text[start:r.decoder.InputOffset()])
	default:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}

func (r *jsonReader) children(n *yaml.Node) (*yaml.Node, *Problem) {
	for r.decoder.More() {
		child, problem := r.value()
		if problem != nil {
			return nil, problem
		}
		n.Content = append(n.Content, child)
	}
	if _, err := r.decoder.Token(); err != nil {
		return nil, &Problem{n.Line, n.Column, "this is not JSON"}
	}
	return n, nil
}
