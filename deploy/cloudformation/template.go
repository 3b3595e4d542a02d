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

// Compact is the template as it is sent: without the lines that only people read, which CloudFormation would count.
func Compact() []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(template) {
		if text := bytes.TrimSpace(line); len(text) > 0 && text[0] != '#' {
			out.Write(line)
		}
	}
	return out.Bytes()
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
