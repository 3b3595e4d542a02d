package dialect

import (
	"strconv"
	"strings"
)

// stagePlace reads @stage/path, or the same as a text.
func (p *parser) stagePlace() Stage {
	t := p.peek()
	text, isBound := p.boundText()
	if isBound {
		t.class = classString
	} else {
		text = p.take().text
	}
	switch t.class {
	case classStage:
	case classString:
		var found bool
		if text, found = strings.CutPrefix(text, "@"); !found {
			p.fail(unsupported(t, "place that is no stage; create a stage for the URL"))
		}
	default:
		p.fail(unexpected(t))
	}
	name, path := cutPath(text)
	s := Stage{Kind: "NAMED", Path: strings.TrimLeft(path, "/")}
	switch {
	case name == "~":
		s.Kind, s.Name = "USER", Name{Object: p.env.User}
		return s
	case strings.HasPrefix(name, "%"):
		s.Kind, name = "TABLE", name[1:]
	case strings.HasSuffix(name, "%"), strings.Contains(name, ".%"):
		s.Kind, name = "TABLE", strings.Replace(name, "%", "", 1)
	}
	inner := newParser(name, p.env)
	if s.Name = inner.object(); s.Kind == "NAMED" {
		s.Name.Session = 0
	}
	inner.end()
	return s
}

// cutPath cuts a place at its first slash outside of quotes.
func cutPath(text string) (name, path string) {
	quoted := false
	for i, c := range []byte(text) {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '/' && !quoted:
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// pattern reads PATTERN = 'regular expression'.
func (p *parser) pattern() string {
	if p.words("PATTERN") {
		p.mustOperator("=")
		return p.str()
	}
	return ""
}

// copyInto reads COPY INTO table FROM … after the word COPY.
func (p *parser) copyInto(t token) *Copy {
	first := p.at - 1
	p.mustWords("INTO")
	if next := p.peek(); next.class == classStage || next.class == classString {
		p.fail(unsupported(next, "COPY INTO a stage"))
	}
	c := &Copy{Target: p.object()}
	if p.isOperator("(") {
		c.Columns = p.identifiers()
	}
	switch {
	case !p.words("FROM"):
		c.Stage = Stage{Kind: "TABLE", Name: c.Target}
	case p.operator("("):
		p.copySelect(c)
		p.mustOperator(")")
	default:
		p.copySource(c)
	}
	for _, o := range p.options() {
		p.copyOption(t, c, o)
	}
	if c.Select != nil && c.MatchByColumnName != "" {
		p.fail(unsupported(t, "MATCH_BY_COLUMN_NAME together with a SELECT"))
	}
	c.Text = p.since(first)
	return c
}

// copySelect reads (SELECT … FROM @stage [alias] [WHERE …]).
func (p *parser) copySelect(c *Copy) {
	p.mustWords("SELECT")
	c.Select = &CopySelect{}
	p.file, p.bare = c.Select, true
	defer func() { p.file, p.bare = nil, false }()
	for {
		e := p.expression()
		c.Select.Each, c.Select.Variants = append(c.Select.Each, e.sql), append(c.Select.Variants, e.kind == kindVariant)
		p.alias()
		if !p.operator(",") {
			break
		}
	}
	p.mustWords("FROM")
	p.copySource(c)
	if p.isOperator("(") {
		// @stage (FILE_FORMAT => 'x') belongs to queries of stages.
		p.fail(unsupported(p.peek(), "options behind the stage in the SELECT of a COPY"))
	}
	p.alias()
	if p.words("WHERE") {
		c.Select.Where = p.expression().sql
	}
	c.Select.Items, c.Select.Count = strings.Join(c.Select.Each, ", "), len(c.Select.Each)
}

// CastVariant is the text of a variant of DuckDB, which a statement of this package has written, as a value of type t.
func CastVariant(sql string, t Type) string {
	return newParser("", Env{}).castTo(atom(sql, kindVariant), t, false).sql
}

// copySource reads what a COPY loads from: a stage, or TABLE(DATA_SOURCE(TYPE => 'STREAMING')).
func (p *parser) copySource(c *Copy) {
	t := p.peek()
	if !p.words("TABLE") {
		c.Stage = p.stagePlace()
		return
	}
	p.mustOperator("(")
	if !p.words("DATA_SOURCE") {
		p.fail(unsupported(p.peek(), "COPY from a table function"))
	}
	a := p.arranged(t, p.namedArguments(), "TYPE")
	if !a[0].literal || !strings.EqualFold(a[0].text, "STREAMING") {
		p.fail(unsupported(t, "DATA_SOURCE of another type than STREAMING"))
	}
	p.mustOperator(")")
	c.Streaming = true
}

// copyOption puts one option in its place.
func (p *parser) copyOption(t token, c *Copy, o Option) {
	switch o.Name {
	case "FILES":
		c.Files = o.Value.Texts()
	case "PATTERN":
		c.Pattern = o.Value.Text
	case "FILE_FORMAT":
		c.Format = p.fileFormat(t, o.Value)
		if name, ok := c.Format.Get("FORMAT_NAME"); ok {
			c.FormatName = p.completed(name)
		}
	case "MATCH_BY_COLUMN_NAME":
		c.MatchByColumnName = p.oneOf(t, o, "CASE_SENSITIVE", "CASE_INSENSITIVE", "NONE")
		if c.MatchByColumnName == "NONE" {
			c.MatchByColumnName = ""
		}
	case "INCLUDE_METADATA":
		p.includeMetadata(t, c, o)
	case "ON_ERROR":
		c.OnError = p.onError(t, o)
	case "VALIDATION_MODE":
		c.ValidationMode = o.Value.Word()
	case "SIZE_LIMIT":
		n, ok := o.Value.Int()
		if !ok || n < 0 {
			p.fail(badValue(t, o))
		}
		c.SizeLimit = n
	default:
		p.copyFlag(t, c, o)
	}
}

// copyFlag puts an option that is TRUE or FALSE in its place.
func (p *parser) copyFlag(t token, c *Copy, o Option) {
	value, ok := o.Value.Bool()
	if !ok {
		p.known(t, "COPY", Options{o}, "FORCE PURGE TRUNCATECOLUMNS ENFORCE_LENGTH RETURN_FAILED_ONLY LOAD_UNCERTAIN_FILES")
		p.fail(badValue(t, o))
	}
	switch o.Name {
	case "FORCE":
		c.Force = value
	case "PURGE":
		c.Purge = value
	case "TRUNCATECOLUMNS":
		c.TruncateColumns = value
	case "ENFORCE_LENGTH":
		c.TruncateColumns = !value
	case "RETURN_FAILED_ONLY":
		c.ReturnFailedOnly = value
	case "LOAD_UNCERTAIN_FILES":
		if value {
			p.fail(unsupported(t, "LOAD_UNCERTAIN_FILES"))
		}
	default:
		p.known(t, "COPY", Options{o}, "")
	}
}

func badValue(t token, o Option) *Error {
	return compilation(t, 1, "22023", "invalid value ["+clip(o.Value.Text)+"] for parameter '"+o.Name+"'")
}

// oneOf is the folded value of an option that has few.
func (p *parser) oneOf(t token, o Option, values ...string) string {
	for _, v := range values {
		if o.Value.Word() == v {
			return v
		}
	}
	p.fail(badValue(t, o))
	return ""
}

// onError reads ON_ERROR. SKIP_FILE_10% is text in quotes, because of its sign.
func (p *parser) onError(t token, o Option) string {
	word := o.Value.Word()
	count, skips := strings.CutPrefix(word, "SKIP_FILE_")
	if skips {
		n, err := strconv.Atoi(strings.TrimSuffix(count, "%"))
		if err != nil || n < 0 || strings.HasSuffix(count, "%") && n > 100 {
			p.fail(badValue(t, o))
		}
		return word
	}
	return p.oneOf(t, o, "ABORT_STATEMENT", "CONTINUE", "SKIP_FILE")
}

// includeMetadata reads (column = METADATA$…, …).
func (p *parser) includeMetadata(t token, c *Copy, o Option) {
	for _, pair := range o.Value.Options {
		if !isMetadata(pair.Value.Word()) {
			p.fail(badValue(t, Option{Name: "INCLUDE_METADATA", Value: pair.Value}))
		}
		c.IncludeMetadata = append(c.IncludeMetadata, MetadataColumn{Column: pair.Name, Metadata: pair.Value.Word()})
	}
	if len(c.IncludeMetadata) == 0 {
		p.fail(badValue(t, o))
	}
}
