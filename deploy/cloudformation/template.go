package cloudformation

import (
	"bytes"
	_ "embed"
	"fmt"

	"go.yaml.in/yaml/v3"
)

//go:embed template.yaml
var template []byte

// Template is the template's text, YAML with comments that say why.
func Template() []byte { return append([]byte(nil), template...) }

// maxBody is the most that CloudFormation takes as a template in a call.
const maxBody = 51200

// propertyDepth is how deep in the template the values of a resource's properties begin.
const propertyDepth = 4

// Compact is the template as it is sent: without comments, and each property on one line, because CloudFormation counts the signs
// that only people read.
func Compact() ([]byte, error) {
	var text yaml.Node
	if err := yaml.Unmarshal(template, &text); err != nil {
		return nil, fmt.Errorf("read the embedded template: %w", err)
	}
	tighten(text.Content[0], 0)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&text); err != nil {
		return nil, fmt.Errorf("write the template: %w", err)
	}
	return out.Bytes(), nil
}

func tighten(n *yaml.Node, depth int) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	if depth == propertyDepth && (n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode) {
		n.Style |= yaml.FlowStyle
	}
	for _, below := range n.Content {
		tighten(below, depth+1)
	}
}

// Purpose is what the template says of one of its resources, for people who decide whether to have it.
type Purpose struct {
	// Why is one sentence.
	Why string `yaml:"why"`
	// Cost is "free", or what it is paid by and about how much.
	Cost string `yaml:"cost"`
}

// Purposes are the resources of the template by logical id.
func Purposes() (map[string]Purpose, error) {
	var t struct {
		Resources map[string]struct {
			Metadata struct {
				Snowstream Purpose `yaml:"snowstream"`
			} `yaml:"Metadata"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(template, &t); err != nil {
		return nil, fmt.Errorf("read the embedded template: %w", err)
	}
	out := make(map[string]Purpose, len(t.Resources))
	for id, r := range t.Resources {
		out[id] = r.Metadata.Snowstream
	}
	return out, nil
}
