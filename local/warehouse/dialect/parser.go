// Package dialect reads Snowflake SQL and rewrites what answers or changes rows for DuckDB.
//
// Split cuts a text into statements, Parse reads one into a struct of ast.go. It is pure: no I/O, no
// state, no catalog. The server that runs the result gives the session as Env, runs
// Prelude once on each database, and provides the views that the constants beside it name.
// DuckDB must run with TimeZone UTC and without external access.
//
// Reading and writing are one step: each method of the parser takes tokens and gives DuckDB text. Names are
// folded and always quoted. Functions come from an allow-list; a word, an option or a
// function that is not known is refused by name and place, so that no text reaches a file, a setting or another
// database through DuckDB.
//
// Known differences from the service: DuckDB ignores the case of names, so "a" and "A" are one column.
// Division, AVG and MEDIAN answer DOUBLE, and a variant is one in arithmetic; casts of variants are exact. TIMESTAMP_NTZ
// with more than 6 digits has nanoseconds, within 1677-09-22 and 2262-04-11; with up to 6 digits it has microseconds and
// all years, as have TIME, TIMESTAMP_LTZ and TIMESTAMP_TZ, and a fraction of more digits is cut. Columns of the two kinds
// compare with each other; one of nanoseconds and one with a zone do not without a cast. TIMESTAMP_TZ keeps the instant
// and not its offset. OBJECT_AGG reads numbers inside variants through floats. FLATTEN's SEQ is always 1. CURRENT_TIMESTAMP is fixed
// for a transaction. CTEs refer to themselves only with RECURSIVE. Lengths of VARCHAR are enforced for columns of
// CREATE TABLE and not for those that ALTER TABLE adds, and DuckDB refuses to change the type of
// a column whose length it enforces.
package dialect

import (
	"slices"
	"strconv"
	"strings"
)

// maxDepth bounds how deep expressions and queries nest, maxChain how many operators follow
// one another on one level; DuckDB stops at 1,000 of either.
const (
	maxDepth = 100
	maxChain = 900
)

// parser reads the tokens of one statement and writes its DuckDB text as it goes: there is
// no tree between. The first error ends the reading: methods panic with *Error, and Parse
// alone recovers it.
type parser struct {
	source string
	tokens []token
	at     int
	env    Env
	depth  int

	// marks counts the question marks met so far.
	marks int
	// reads are the tables met so far.
	reads []Name
	// scopes are the names of the common table expressions in force, innermost last.
	scopes []string
	// sources are what the statement reads from outside of the database, fields the highest n of a $n, and metadata the
	// METADATA$ columns in use, outside of a COPY.
	sources  []Source
	fields   int
	metadata []string
	// file is set inside the SELECT of a COPY, where $1 is a field of the file.
	file *CopySelect
	// bare is set inside DEFAULT expressions and the like, where binds are refused.
	bare bool
}

func newParser(text string, env Env) *parser {
	tokens, err := lex(text)
	if err != nil {
		panic(err)
	}
	return &parser{source: text, tokens: tokens, env: env}
}

// Parse reads one statement; a semicolon may follow it. Errors are *Error. It does
// no I/O and keeps nothing.
func Parse(text string, env Env) (result Statement, err error) {
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case *Error:
			result, err = nil, reason
		default:
			panic(reason)
		}
	}()
	p := newParser(text, env)
	s := p.statement()
	p.operator(";")
	p.end()
	p.giveSources(s)
	return s, nil
}

func (p *parser) fail(err *Error) { panic(err) }

func (p *parser) peek() token { return p.tokens[p.at] }

// ahead is the token n places on.
func (p *parser) ahead(n int) token { return p.tokens[min(p.at+n, len(p.tokens)-1)] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.class != classEnd {
		p.at++
	}
	return t
}

func (p *parser) end() {
	if t := p.peek(); t.class != classEnd {
		p.fail(unexpected(t))
	}
}

// is tells whether the next tokens are these keywords.
func (p *parser) is(words ...string) bool {
	for i, w := range words {
		if t := p.ahead(i); t.class != classWord || t.folded != w {
			return false
		}
	}
	return true
}

// isAny tells whether the next token is one of these keywords.
func (p *parser) isAny(words ...string) bool {
	t := p.peek()
	return t.class == classWord && slices.Contains(words, t.folded)
}

// words takes these keywords if all are next.
func (p *parser) words(words ...string) bool {
	if !p.is(words...) {
		return false
	}
	p.at += len(words)
	return true
}

func (p *parser) mustWords(words ...string) {
	for _, w := range words {
		if !p.words(w) {
			p.fail(unexpected(p.peek()))
		}
	}
}

func (p *parser) isOperator(text string) bool {
	t := p.peek()
	return t.class == classOperator && t.text == text
}

func (p *parser) operator(text string) bool {
	if !p.isOperator(text) {
		return false
	}
	p.at++
	return true
}

func (p *parser) mustOperator(text string) {
	if !p.operator(text) {
		p.fail(unexpected(p.peek()))
	}
}

// identifier takes a name of one part and folds it.
func (p *parser) identifier() string {
	t := p.peek()
	switch {
	case t.class == classQuoted && t.text != "":
		p.at++
		p.checkName(t)
		return t.text
	case t.class == classWord:
		p.at++
		return t.folded
	}
	p.fail(unexpected(t))
	return ""
}

// checkName refuses characters that DuckDB's text cannot carry.
func (p *parser) checkName(t token) {
	if strings.ContainsRune(t.text, 0) {
		p.fail(unsupported(t, "NUL character in a name"))
	}
}

// str takes a text in single quotes.
func (p *parser) str() string {
	t := p.take()
	if t.class != classString {
		p.fail(unexpected(t))
	}
	return t.text
}

// identifiers takes a list of names in brackets.
func (p *parser) identifiers() []string {
	p.mustOperator("(")
	var names []string
	for {
		names = append(names, p.identifier())
		if !p.operator(",") {
			break
		}
	}
	p.mustOperator(")")
	return names
}

// enter and leave count nesting.
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.fail(unsupported(p.peek(), "nesting over 100 levels"))
	}
}

func (p *parser) leave() { p.depth-- }

// since is the source between a token (by index) and the one that was taken last.
func (p *parser) since(first int) string {
	if first >= p.at {
		return ""
	}
	return p.source[p.tokens[first].start:p.tokens[p.at-1].end]
}

// bindMark stands on both sides of a bind's number until the text is finished. No name and no text
// can have it: NUL is refused in both.
const bindMark = "\x00"

// finish turns the binds of a text into parameters, numbered as they first occur, so that
// each text of a statement has exactly the parameters that it uses.
func finish(sql string) (text string, binds []int) {
	var out strings.Builder
	for i, part := range strings.Split(sql, bindMark) {
		if i%2 == 0 {
			out.WriteString(part)
			continue
		}
		number, _ := strconv.Atoi(part)
		place := slices.Index(binds, number)
		if place < 0 {
			place, binds = len(binds), append(binds, number)
		}
		out.WriteString("$" + strconv.Itoa(place+1))
	}
	return out.String(), binds
}

// finished makes a query of a text, with the tables met so far.
func (p *parser) finished(q rows) *Query {
	sql, binds := finish(q.sql)
	return &Query{SQL: sql, Binds: binds, Reads: p.reads, Columns: q.columns}
}

// read notes that the text reads a table.
func (p *parser) read(n Name) {
	if !slices.Contains(p.reads, n) {
		p.reads = append(p.reads, n)
	}
}
