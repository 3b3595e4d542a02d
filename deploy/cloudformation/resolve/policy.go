package resolve

import (
	"fmt"
	"strings"
)

// Statement is one statement of a policy, with its lists as lists.
type Statement struct {
	Sid       string
	Effect    string
	Actions   []string
	Resources []string
	// Principal and Condition are as in the policy, nil if there is none.
	Principal any
	Condition map[string]any
}

// Statements reads a policy document.
func Statements(document any) ([]Statement, error) {
	d, _ := document.(map[string]any)
	list, ok := d["Statement"].([]any)
	if !ok || d["Version"] != "2012-10-17" {
		return nil, fmt.Errorf("not a policy of version 2012-10-17 with a list of statements: %v", document)
	}
	var out []Statement
	for _, item := range list {
		m, _ := item.(map[string]any)
		sid, _ := m["Sid"].(string)
		effect, _ := m["Effect"].(string)
		condition, _ := m["Condition"].(map[string]any)
		for _, unknown := range []string{"NotAction", "NotResource", "NotPrincipal"} {
			if m[unknown] != nil {
				return nil, fmt.Errorf("statement %s has %s: say what is meant, not what is not", sid, unknown)
			}
		}
		out = append(out, Statement{sid, effect, texts(m["Action"]), texts(m["Resource"]), m["Principal"], condition})
	}
	return out, nil
}

// RolePolicies are the statements of all policies of a role.
func RolePolicies(role Resource) ([]Statement, error) {
	var out []Statement
	policies, _ := role.Properties["Policies"].([]any)
	for _, p := range policies {
		m, _ := p.(map[string]any)
		statements, err := Statements(m["PolicyDocument"])
		if err != nil {
			return nil, err
		}
		out = append(out, statements...)
	}
	return out, nil
}

// texts is a string, or a list of strings, as a list.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		out := make([]string, len(v))
		for i, item := range v {
			out[i] = fmt.Sprint(item)
		}
		return out
	}
	return nil
}

// Covers reports whether a statement is about the action on the resource, whatever its effect and condition.
func (s Statement) Covers(action, resource string) bool {
	return match(s.Actions, action) && match(s.Resources, resource)
}

// Allows reports whether a statement by itself allows the action on the resource, in a request that carries these
// condition keys. An operator that it does not know allows nothing.
func (s Statement) Allows(action, resource string, keys map[string]string) bool {
	if s.Effect != "Allow" || !s.Covers(action, resource) {
		return false
	}
	for operator, wanted := range s.Condition {
		m, _ := wanted.(map[string]any)
		for key, patterns := range m {
			value, carried := keys[key]
			if !carried || operator != "StringLike" && operator != "StringEquals" || !match(texts(patterns), value) {
				return false
			}
		}
	}
	return true
}

func match(patterns []string, text string) bool {
	for _, p := range patterns {
		if glob(p, text) {
			return true
		}
	}
	return false
}

// glob matches with * for anything. Policies know ? too, which ours do not use.
func glob(pattern, text string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for i := range len(text) + 1 {
		if glob(rest, text[i:]) {
			return true
		}
	}
	return false
}
