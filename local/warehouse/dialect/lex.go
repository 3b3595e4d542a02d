package dialect

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// class is what a token is.
type class int

const (
	classEnd      class = iota
	classWord           // unquoted identifier or keyword; text is as written
	classQuoted         // "identifier"; text is without quotes
	classString         // 'text' or $$text$$; text is decoded
	classNumber         // 12, 1.5, .5, 1e-3
	classOperator       // punctuation
	classBind           // ?
	classVariable       // $name; text is the name, folded
	classField          // $1; text is the digits
	classStage          // @name/path; text is without the @
)

// token is one word of the text, with its place.
type token struct {
	class        class
	text         string
	folded       string // of a word: in capitals
	start, end   int    // bytes of the source
	line, column int    // line from 1, column from 0, in characters
}

// shown is the token as an error message quotes it.
func (t token) shown() string {
	switch t.class {
	case classEnd:
		return "<EOF>"
	case classString:
		return "'" + t.text + "'"
	case classQuoted:
		return Quote(t.text)
	case classVariable, classField:
		return "$" + t.text
	case classStage:
		return "@" + t.text
	}
	return t.text
}

// maxText bounds a statement's text: Snowflake takes 1 MB.
const maxText = 1 << 20

// lexer cuts a text into tokens.
type lexer struct {
	source       string
	at           int
	line, column int
	tokens       []token
}

// lex gives the tokens of a text, an end token last.
func lex(source string) ([]token, error) {
	if len(source) > maxText {
		return nil, &Error{Number: 2, SQLState: "0A000", Message: "Unsupported feature 'statement text over 1 MB'. Bind the values or send several statements."}
	}
	if !utf8.ValidString(source) {
		return nil, &Error{Number: 1003, SQLState: "42000", Message: "SQL compilation error:\ninvalid UTF-8 in the statement text."}
	}
	l := &lexer{source: source, line: 1}
	for {
		if err := l.skip(); err != nil {
			return nil, err
		}
		if l.at >= len(source) {
			l.tokens = append(l.tokens, token{class: classEnd, start: l.at, end: l.at, line: l.line, column: l.column})
			return l.tokens, nil
		}
		if err := l.next(); err != nil {
			return nil, err
		}
	}
}

// advance moves over n bytes and counts lines and characters.
func (l *lexer) advance(n int) {
	for _, r := range l.source[l.at : l.at+n] {
		if r == '\n' {
			l.line, l.column = l.line+1, 0
		} else {
			l.column++
		}
	}
	l.at += n
}

func (l *lexer) rest() string { return l.source[l.at:] }

// skip moves over white space and comments.
func (l *lexer) skip() error {
	for l.at < len(l.source) {
		rest := l.rest()
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case unicode.IsSpace(r):
			l.advance(size)
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			l.advance(end)
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return l.failure("unterminated comment")
			}
			l.advance(end + 4)
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) failure(what string) error {
	return syntaxError(l.line, l.column, what)
}

// emit adds a token of n source bytes.
func (l *lexer) emit(c class, n int, text string) {
	t := token{class: c, text: text, start: l.at, end: l.at + n, line: l.line, column: l.column}
	if c == classWord {
		t.folded = strings.ToUpper(text)
	}
	l.tokens = append(l.tokens, t)
	l.advance(n)
}

func (l *lexer) next() error {
	rest := l.rest()
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case r == '\'':
		return l.quotedText()
	case r == '"':
		return l.quotedName()
	case strings.HasPrefix(rest, "$$"):
		end := strings.Index(rest[2:], "$$")
		if end < 0 {
			return l.failure("unterminated text that starts with $$")
		}
		l.emit(classString, end+4, rest[2:2+end])
	case r == '$':
		return l.dollar()
	case r == '@':
		return l.stage()
	case r == '?':
		l.emit(classBind, 1, "?")
	case isDigit(rest[0]), r == '.' && len(rest) > 1 && isDigit(rest[1]) && !l.afterName():
		l.number()
	case isNameStart(r):
		n := nameLength(rest)
		l.emit(classWord, n, rest[:n])
	default:
		return l.operator()
	}
	return nil
}

// afterName tells whether a dot here would go on with a name: t.1 is not a number.
func (l *lexer) afterName() bool {
	if len(l.tokens) == 0 {
		return false
	}
	last := l.tokens[len(l.tokens)-1]
	return last.end == l.at && (last.class == classWord || last.class == classQuoted)
}

// quotedText reads 'text' with doubled quotes and backslash escapes.
func (l *lexer) quotedText() error {
	rest := l.rest()
	var text strings.Builder
	for i := 1; i < len(rest); {
		switch {
		case rest[i] == '\'' && i+1 < len(rest) && rest[i+1] == '\'':
			text.WriteByte('\'')
			i += 2
		case rest[i] == '\'':
			l.emit(classString, i+1, text.String())
			return nil
		case rest[i] == '\\' && i+1 < len(rest):
			decoded, size := unescape(rest[i:])
			text.WriteString(decoded)
			i += size
		default:
			text.WriteByte(rest[i])
			i++
		}
	}
	return l.failure("unterminated text: the closing quote is missing")
}

// unescape decodes the escape sequence that s starts with and gives its length.
func unescape(s string) (decoded string, size int) {
	switch s[1] {
	case 'n':
		return "\n", 2
	case 't':
		return "\t", 2
	case 'r':
		return "\r", 2
	case 'b':
		return "\b", 2
	case 'f':
		return "\f", 2
	case 'x':
		if r, ok := codePoint(s, 2, 4, 16); ok {
			return string(r), 4
		}
	case 'u':
		if r, ok := codePoint(s, 2, 6, 16); ok {
			return string(r), 6
		}
	case '0', '1', '2', '3':
		if r, ok := codePoint(s, 1, 4, 8); ok {
			return string(r), 4
		}
		if s[1] == '0' {
			return "\x00", 2
		}
	}
	_, n := utf8.DecodeRuneInString(s[1:])
	return s[1 : 1+n], 1 + n
}

// codePoint reads s[from:to] as a number of a base.
func codePoint(s string, from, to, base int) (rune, bool) {
	if len(s) < to {
		return 0, false
	}
	value := 0
	for _, c := range []byte(s[from:to]) {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 || digit >= base || (c < '0') {
			return 0, false
		}
		value = value*base + digit
	}
	return rune(value), utf8.ValidRune(rune(value))
}

// quotedName reads "name" with doubled quotes.
func (l *lexer) quotedName() error {
	rest := l.rest()
	var name strings.Builder
	for i := 1; i < len(rest); i++ {
		if rest[i] != '"' {
			name.WriteByte(rest[i])
			continue
		}
		if i+1 < len(rest) && rest[i+1] == '"' {
			name.WriteByte('"')
			i++
			continue
		}
		l.emit(classQuoted, i+1, name.String())
		return nil
	}
	return l.failure("unterminated name: the closing quote is missing")
}

// dollar reads $1 or $name.
func (l *lexer) dollar() error {
	rest := l.rest()[1:]
	n := 0
	for n < len(rest) && isDigit(rest[n]) {
		n++
	}
	if n > 0 {
		l.emit(classField, n+1, rest[:n])
		return nil
	}
	if r, _ := utf8.DecodeRuneInString(rest); !isNameStart(r) {
		return l.failure("unexpected '$'")
	}
	n = nameLength(rest)
	l.emit(classVariable, n+1, strings.ToUpper(rest[:n]))
	return nil
}

// stage reads @name/path up to white space, a comma, a bracket or a semicolon. It is one
// token because a path may have // or /* in it, which start no comment there.
func (l *lexer) stage() error {
	rest := l.rest()
	quoted := false
	n := 1
	for ; n < len(rest); n++ {
		c := rest[n]
		if c == '"' {
			quoted = !quoted
		}
		if !quoted && strings.IndexByte(" \t\r\n\f\v,();'", c) >= 0 {
			break
		}
	}
	if quoted {
		return l.failure("unterminated name: the closing quote is missing")
	}
	if n == 1 {
		return l.failure("unexpected '@'")
	}
	l.emit(classStage, n, rest[1:n])
	return nil
}

func (l *lexer) number() {
	rest := l.rest()
	n := digits(rest, 0)
	if n < len(rest) && rest[n] == '.' {
		n = digits(rest, n+1)
	}
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		exponent := n + 1
		if exponent < len(rest) && (rest[exponent] == '+' || rest[exponent] == '-') {
			exponent++
		}
		if end := digits(rest, exponent); end > exponent {
			n = end
		}
	}
	l.emit(classNumber, n, rest[:n])
}

func digits(s string, from int) int {
	for from < len(s) && isDigit(s[from]) {
		from++
	}
	return from
}

func (l *lexer) operator() error {
	rest := l.rest()
	for _, two := range [...]string{"::", "=>", "<>", "!=", "<=", ">=", "||", "->"} {
		if strings.HasPrefix(rest, two) {
			l.emit(classOperator, 2, two)
			return nil
		}
	}
	if strings.IndexByte("+-*/%=<>(),.;:[]{}", rest[0]) >= 0 {
		l.emit(classOperator, 1, rest[:1])
		return nil
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return l.failure("unexpected '" + string(r) + "'")
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameStart(r rune) bool { return r == '_' || unicode.IsLetter(r) }

func nameLength(s string) int {
	for i, r := range s {
		if !isNameStart(r) && !unicode.IsDigit(r) && r != '$' {
			return i
		}
	}
	return len(s)
}
