package dialect

import (
	"regexp"
	"strings"
)

// transferText finds PUT and GET with a local path that is not in quotes: its two slashes would begin a comment.
var transferText = regexp.MustCompile(`(?is)^((?:\s|/\*.*?\*/|(?:--|//)[^\n]*\n)*(?:put\s+|get\s+(?:'(?:[^'\\]|\\.|'')*'|@(?:"[^"]*"|[^\s"])+)\s+))(file://[^\s';]+)(.*)$`)

// quoteLocal puts the local path of a PUT or GET in quotes; any other text is as it was.
func quoteLocal(text string) string {
	m := transferText.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	return m[1] + "'" + strings.ReplaceAll(m[2], `\`, `\\`) + "'" + m[3]
}

// transfer reads PUT and GET after their first word.
func (p *parser) transfer(t token) Statement {
	s := &Transfer{Put: t.folded == "PUT", Parallel: 4, AutoCompress: true, Compression: "auto_detect"}
	if s.Put {
		s.Local = p.local()
	}
	s.Stage = p.stagePlace()
	if !s.Put {
		s.Local, s.Parallel = p.local(), 10
	}
	for _, o := range p.options() {
		known := true
		switch {
		case o.Name == "PARALLEL":
			s.Parallel, known = o.Value.Int()
			known = known && s.Parallel >= 1 && s.Parallel <= 99
		case o.Name == "PATTERN" && !s.Put:
			s.Pattern = o.Value.Text
		case o.Name == "AUTO_COMPRESS" && s.Put:
			s.AutoCompress, known = o.Value.Bool()
		case o.Name == "OVERWRITE" && s.Put:
			s.Overwrite, known = o.Value.Bool()
		case o.Name == "SOURCE_COMPRESSION" && s.Put:
			s.Compression = strings.ToLower(p.oneOf(t, o, "AUTO_DETECT", "GZIP", "BZ2", "BROTLI", "ZSTD", "DEFLATE", "RAW_DEFLATE", "NONE"))
		default:
			p.known(t, t.folded, Options{o}, "")
		}
		if !known {
			p.fail(badValue(t, o))
		}
	}
	return s
}

// local reads 'file://path'.
func (p *parser) local() string {
	t := p.peek()
	path, ok := strings.CutPrefix(p.str(), "file://")
	if !ok || path == "" {
		p.fail(unexpected(t))
	}
	return path
}
