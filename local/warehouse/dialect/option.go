package dialect

import (
	"strconv"
	"strings"
)

// Options are NAME = value pairs in the order written.
type Options []Option

// Option is one pair. Name is folded.
type Option struct {
	Name  string
	Value Value
}

// Value is a word, a number, a text, a list in brackets or nested options in brackets.
type Value struct {
	Text    string  // the word as written, the number, or the text without quotes
	Quoted  bool    // Text was in quotes (single, double or $$)
	List    []Value // (a, b); IsList tells an empty one from a word
	IsList  bool
	Options Options // (A = 1, B = 2)
}

// Get gives the value of the option called name (folded); the last one wins.
func (o Options) Get(name string) (Value, bool) {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].Name == name {
			return o[i].Value, true
		}
	}
	return Value{}, false
}

// Text is Get for options that are words or texts; "" if absent.
func (o Options) Text(name string) string {
	v, _ := o.Get(name)
	return v.Text
}

// Word is the value as a folded word, for options such as TYPE = csv or TYPE = 'CSV'.
func (v Value) Word() string { return strings.ToUpper(v.Text) }

// Bool reads TRUE or FALSE; ok is false for anything else.
func (v Value) Bool() (value, ok bool) {
	switch v.Word() {
	case "TRUE", "1":
		return true, true
	case "FALSE", "0":
		return false, true
	}
	return false, false
}

// Int reads a whole number; ok is false for anything else.
func (v Value) Int() (value int64, ok bool) {
	n, err := strconv.ParseInt(v.Text, 10, 64)
	return n, err == nil
}

// Texts are the texts of a list, or the one text of a single value.
func (v Value) Texts() []string {
	if !v.IsList {
		return []string{v.Text}
	}
	texts := make([]string, len(v.List))
	for i, item := range v.List {
		texts[i] = item.Text
	}
	return texts
}

// options reads NAME = value pairs, with or without commas between, for as long as they go on.
func (p *parser) options() Options {
	var list Options
	for p.optionFollows() {
		o := Option{Name: p.identifier()}
		p.mustOperator("=")
		o.Value = p.value()
		list = append(list, o)
		p.operator(",")
	}
	return list
}

func (p *parser) optionFollows() bool {
	next := p.ahead(1)
	return p.peek().class == classWord && next.class == classOperator && next.text == "="
}

// value reads one value of an option. Words that stand together, as in TYPE = AWS ARN = '…',
// are one pair after another.
func (p *parser) value() Value {
	p.enter()
	defer p.leave()
	if text, ok := p.boundText(); ok {
		return Value{Text: text, Quoted: true}
	}
	t := p.peek()
	switch t.class {
	case classString:
		p.at++
		return Value{Text: t.text, Quoted: true}
	case classNumber:
		p.at++
		return Value{Text: t.text}
	case classStage:
		p.at++
		return Value{Text: "@" + t.text}
	case classVariable:
		p.at++
		v := p.variable(t)
		return Value{Text: v.text, Quoted: v.class == classString}
	case classWord, classQuoted:
		return p.wordValue()
	}
	switch {
	case p.operator("-"):
		return Value{Text: "-" + p.take().text}
	case p.operator("("):
		return p.listValue()
	}
	p.fail(unexpected(t))
	return Value{}
}

// wordValue reads a word or a dotted name. Its text is as written, so that a name keeps its
// quotes and can be completed later.
func (p *parser) wordValue() Value {
	first := p.at
	p.at++
	for p.operator(".") {
		if next := p.take(); next.class != classWord && next.class != classQuoted {
			p.fail(unexpected(next))
		}
	}
	return Value{Text: p.since(first)}
}

// completed is the object that a value names, as a word, a dotted name or a text.
func (p *parser) completed(v Value) *Name {
	inner := newParser(v.Text, p.env)
	n := inner.permanent()
	inner.end()
	return &n
}

// foldedName is the account object that a value names; "" for an absent value.
func (p *parser) foldedName(v Value) string {
	if v.Text == "" {
		return ""
	}
	inner := newParser(v.Text, p.env)
	name := inner.single()
	inner.end()
	return name
}

// listValue reads what is in brackets: options or values.
func (p *parser) listValue() Value {
	if p.optionFollows() {
		v := Value{Options: p.options()}
		p.mustOperator(")")
		return v
	}
	v := Value{IsList: true}
	for !p.isOperator(")") {
		v.List = append(v.List, p.value())
		p.operator(",")
	}
	p.mustOperator(")")
	return v
}

// known refuses options of an object whose name is not in a list of words.
func (p *parser) known(t token, kind string, list Options, words string) {
	for _, o := range list {
		if !strings.Contains(" "+words+" ", " "+o.Name+" ") {
			p.fail(compilation(t, 1420, "22023", "invalid property '"+clip(o.Name)+"' for '"+kind+"'"))
		}
	}
}

// comment takes COMMENT out of options.
func comment(list Options) (string, Options) {
	var rest Options
	text := ""
	for _, o := range list {
		if o.Name == "COMMENT" {
			text = o.Value.Text
			continue
		}
		rest = append(rest, o)
	}
	return text, rest
}
