package dialect

import (
	"strconv"
	"strings"
)

// outside notes where rows come from and gives the table that will have them. No name of a user has a colon.
func (p *parser) outside(s Source) string {
	s.Table = "source:" + strconv.Itoa(len(p.sources)+1)
	p.sources = append(p.sources, s)
	return Quote(s.Table)
}

// giveSources hands what a statement reads from outside to it. Which columns of the files are asked for is known by now.
func (p *parser) giveSources(s Statement) {
	for i := range p.sources {
		if of := p.sources[i].Files; of != nil {
			of.Select = &CopySelect{Fields: p.fields, Metadata: p.metadata}
		}
	}
	if len(p.sources) == 0 {
		return
	}
	switch s := s.(type) {
	case *Query:
		s.Sources = p.sources
		if id := p.sources[0].Result; id != "" && s.SQL == `SELECT * FROM "source:1" AS "RESULT_SCAN"` {
			s.Result = id
		}
	case *Insert:
		s.Sources = p.sources
	case *CreateTable:
		s.As.Sources = p.sources
	default:
		p.fail(unsupported(p.tokens[0], "stage, INFER_SCHEMA or RESULT_SCAN in this statement"))
	}
}

// readsStage says whether a stage stands in a FROM of the statement: then $1 is a column of that name.
func (p *parser) readsStage() bool {
	for i, t := range p.tokens[1:] {
		before := p.tokens[i]
		if before.class == classWord && before.folded == "FROM" && (t.class == classStage || t.class == classString && strings.HasPrefix(t.text, "@")) {
			return true
		}
	}
	return false
}

// staged reads @stage/path [(FILE_FORMAT => 'name', PATTERN => 'expression')] [alias] in a query.
func (p *parser) staged(t token) string {
	c := &Copy{Stage: p.stagePlace()}
	if p.operator("(") {
		for !p.isOperator(")") {
			p.stagedOption(t, c)
			if !p.operator(",") {
				break
			}
		}
		p.mustOperator(")")
	}
	return p.outside(Source{Files: c}) + p.tableAlias("", nil)
}

// stagedOption reads one NAME => value of a stage in a query.
func (p *parser) stagedOption(t token, c *Copy) {
	o := Option{Name: p.identifier()}
	p.mustOperator("=>")
	o.Value = p.value()
	switch o.Name {
	case "LOCATION":
		inner := newParser(o.Value.Text, p.env)
		c.Stage = inner.stagePlace()
		inner.end()
	case "FILE_FORMAT":
		c.FormatName = p.completed(o.Value)
	case "PATTERN":
		c.Pattern = o.Value.Text
	case "FILES":
		c.Files = o.Value.Texts()
	default:
		p.known(t, "STAGE", Options{o}, "")
	}
}

// inferSchema reads (LOCATION => '@stage/path', FILE_FORMAT => 'name', …).
func (p *parser) inferSchema(t token) string {
	c := &Copy{}
	p.mustOperator("(")
	for {
		p.stagedOption(t, c)
		if !p.operator(",") {
			break
		}
	}
	p.mustOperator(")")
	if c.Stage.Kind == "" {
		p.fail(compilation(t, 1, "42601", "INFER_SCHEMA needs the argument LOCATION."))
	}
	return p.outside(Source{Files: c, Infer: true})
}

// resultScan reads ('query id') or (LAST_QUERY_ID()).
func (p *parser) resultScan() string {
	p.mustOperator("(")
	id := ""
	if t := p.peek(); p.words("LAST_QUERY_ID") {
		p.mustOperator("(")
		if p.operator("-") && p.take().text != "1" {
			p.fail(unsupported(t, "LAST_QUERY_ID of another statement than the last"))
		}
		p.mustOperator(")")
		if id = p.env.LastQuery; id == "" {
			p.fail(compilation(t, 710, "02000", "There is no statement before this one in the session."))
		}
	} else {
		id = strings.ToLower(p.value().Text)
	}
	p.mustOperator(")")
	return p.outside(Source{Result: id})
}
