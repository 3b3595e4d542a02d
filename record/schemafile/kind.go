package schemafile

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/snowstream/snowstream/record"
)

// typeWords are the types as they are written, with the parameters that they take.
func typeWords() []string {
	words := typeNames()
	words[record.Number] = "number(p,s)"
	return words
}

// typeNames are the types alone, in the order of record's constants.
func typeNames() []string {
	var names []string
	for _, t := range record.Types() {
		names = append(names, t.String())
	}
	return names
}

// kind reads a type into the column, and reports whether it is one.
func (p *parser) kind(n *yaml.Node, c *record.Column) bool {
	text, ok := p.name(n, "type")
	if !ok {
		return false
	}
	word, parameters, has := strings.Cut(text, "(")
	word = strings.TrimSpace(word)
	if has {
		if parameters, ok = strings.CutSuffix(strings.TrimSpace(parameters), ")"); !ok {
			p.add(n, "type %.60q has no closing bracket", text)
			return false
		}
	}
	for _, t := range record.Types() {
		if word == t.String() {
			c.Type = t
			return p.parameters(n, c, parameters, has)
		}
	}
	p.add(n, "there is no type %.60q: %s", text, suggestType(word))
	return false
}

// parameters reads what stands in a type's brackets.
func (p *parser) parameters(n *yaml.Node, c *record.Column, text string, has bool) bool {
	switch {
	case c.Type == record.Number && !has:
		p.add(n, "number needs its digits: number(p,s) has at most p digits, s of them behind the point; for whole numbers there is integer")
	case c.Type == record.Number:
		return p.number(n, c, text)
	case !has:
		return true
	case record.FormWords(c.Type) == nil:
		p.add(n, "%s takes nothing in brackets", c.Type)
	default:
		return p.times(n, c, text)
	}
	return false
}

// times reads a form, the decimal places of a second, or both with a comma in between.
func (p *parser) times(n *yaml.Node, c *record.Column, text string) bool {
	word, digits, more := strings.Cut(text, ",")
	word, digits = strings.TrimSpace(word), strings.TrimSpace(digits)
	if word == "6" || word == "9" {
		word, digits, more = "", word, true
	}
	if c.Micros = digits == "6"; more && (c.Type != record.Timestamp || !c.Micros && digits != "9") {
		p.add(n, "a timestamp has 9 decimal places of a second and the years 1678 to 2261, or 6 and the years 1 to 9999, not %.60q", digits)
		return false
	}
	var words []string
	for i, f := range record.FormWords(c.Type) {
		if word == string(f) {
			if i > 0 {
				c.Forms = []record.Form{f} // the first one is the default
			}
			return true
		}
		words = append(words, string(f))
	}
	if word != "" {
		p.add(n, "a %s is not written in %.60q: %s; a format goes under `forms:`", c.Type, word, Suggest(word, words))
	}
	return word == ""
}

// reading reads how a column's values are written in the payload.
func (p *parser) reading(n *yaml.Node, keys map[string]*yaml.Node, c *record.Column) {
	at := n
	if zone := keys["zone"]; zone != nil {
		at = zone
		c.Zone, _ = p.name(zone, "zone")
	}
	if accept := keys["accept"]; accept != nil {
		at = accept
		for _, word := range p.list(accept, "accept") {
			c.Accept |= record.AcceptOf(p.choice(word, "accept", record.AcceptWords()...))
		}
	}
	if policy := keys["nonfinite"]; policy != nil {
		at = policy
		c.NonFinite = p.nonFinite(policy)
	}
	if forms := keys["forms"]; forms != nil {
		at = forms
		if c.Forms != nil {
			p.add(forms, "the type names a form in its brackets already: list all of them here")
			return
		}
		for _, item := range p.list(forms, "forms") {
			if form, ok := p.name(item, "a form"); ok {
				c.Forms = append(c.Forms, record.Form(form))
			}
		}
	}
	if err := c.CheckReading(); err != nil && len(c.Path) > 0 {
		p.add(at, "column for %.60q: %v", c.Field(), err)
	}
}

func (p *parser) nonFinite(n *yaml.Node) record.NonFinite {
	policies := []record.NonFinite{record.RefuseNonFinite, record.NullNonFinite, record.KeepNonFinite}
	var words []string
	for _, policy := range policies {
		words = append(words, policy.String())
	}
	word := p.choice(n, "nonfinite", words...)
	for _, policy := range policies {
		if policy.String() == word {
			return policy
		}
	}
	return record.RefuseNonFinite
}

// list reads a list, or the one item that stands in its place.
func (p *parser) list(n *yaml.Node, what string) []*yaml.Node {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag != "!!null":
		return []*yaml.Node{n}
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		return n.Content
	}
	p.add(n, "%s is a list, not %s", what, emptyOr(n))
	return nil
}

func (p *parser) number(n *yaml.Node, c *record.Column, text string) bool {
	precision, scale, _ := strings.Cut(text, ",")
	var err1, err2 error
	c.Precision, err1 = strconv.Atoi(strings.TrimSpace(precision))
	c.Scale, err2 = strconv.Atoi(strings.TrimSpace(scale))
	if err1 != nil || err2 != nil {
		p.add(n, "number(%.60s) is not number(p,s) with two whole numbers, such as number(10,2)", text)
		return false
	}
	if c.Precision < 1 || c.Precision > record.MaxDigits || c.Scale < 0 || c.Scale > min(c.Precision, record.MaxDigits-1) {
		p.add(n, "number(%d,%d) is not a Snowflake number: p is 1 to %d, s is 0 to p and at most %d",
			c.Precision, c.Scale, record.MaxDigits, record.MaxDigits-1)
		return false
	}
	return true
}

// suggestType knows what other systems call the types.
func suggestType(word string) string {
	switch strings.ToLower(word) {
	case "int", "bigint", "smallint", "tinyint", "long", "short":
		return "did you mean integer?"
	case "decimal", "numeric", "fixed":
		return "did you mean number(p,s)? It has exact decimals, p digits in all, s of them behind the point"
	case "text", "varchar", "char", "uuid", "binary":
		return "did you mean string?"
	case "bool":
		return "did you mean boolean?"
	case "double", "real", "float4", "float8":
		return "did you mean float? It is a binary64; number(p,s) has exact decimals"
	case "datetime", "timestamp_ntz", "timestamp_tz", "timestamp_ltz":
		return "did you mean timestamp?"
	case "json", "jsonb", "object", "array", "map", "struct", "list":
		return "did you mean variant?"
	}
	return Suggest(word, typeNames())
}
