package dialect

import "strings"

// Split gives the statements of one text without their semicolons, with the comments inside
// them kept and empty statements left out. A semicolon counts only outside of texts,
// quoted names and comments. The local path of a PUT or GET gets quotes. Errors are *Error.
func Split(text string) ([]string, error) {
	text = quoteLocal(text)
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	var statements []string
	first := -1
	for i, t := range tokens {
		ends := t.class == classEnd || t.class == classOperator && t.text == ";"
		switch {
		case !ends && first < 0:
			first = i
		case ends && first >= 0:
			statements = append(statements, strings.TrimSpace(text[tokens[first].start:tokens[i-1].end]))
			first = -1
		}
	}
	return statements, nil
}
