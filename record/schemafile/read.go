package schemafile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// read turns a file into the nodes of its one document.
func read(text []byte) (*yaml.Node, *Problem) {
	if len(text) > MaxSize {
		return nil, &Problem{1, 1, fmt.Sprintf("the file has %d bytes: a schema has at most %d", len(text), MaxSize)}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if at := unreadable(text); at >= 0 {
		line, column := position(text, at)
		return nil, &Problem{line, column, "this byte is not text: a schema file is UTF-8 without control characters"}
	}
	if json.Valid(text) && bytes.IndexByte(text, '{') >= 0 {
		return readJSON(text)
	}
	root, problem := readYAML(text)
	if problem != nil && jsonStart.Match(text) {
		return nil, jsonProblem(text)
	}
	return root, problem
}

// jsonStart is how a file begins whose author thought of JSON, and wants to hear of that.
var jsonStart = regexp.MustCompile(`^\s*\{\s*"`)

func jsonProblem(text []byte) *Problem {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(text, new(json.RawMessage)); !errors.As(err, &syntax) {
		return &Problem{1, 1, "this is not JSON"}
	}
	line, column := position(text, max(0, int(syntax.Offset)-1))
	return &Problem{line, column, "this is not JSON: " + syntax.Error()}
}

// unreadable is the offset of the first byte that no YAML file has, or -1.
func unreadable(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		control := r < ' ' && r != '\t' && r != '\n' && r != '\r' || r >= 0x7f && r < 0xa0 && r != 0x85
		if control || r == utf8.RuneError && size == 1 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			return i
		}
		i += size
	}
	return -1
}

// position is the line and column, both from 1, of the byte at an offset.
func position(text []byte, offset int) (line, column int) {
	before := text[:offset]
	line = bytes.Count(before, []byte("\n")) + 1
	return line, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
}

// readYAML reads one YAML document.
func readYAML(text []byte) (*yaml.Node, *Problem) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := decode(decoder, &document)
	if errors.Is(err, io.EOF) || err == nil && isNothing(document.Content[0]) {
		return nil, &Problem{1, 1, "the file is empty: a schema begins with `columns:`"}
	}
	if err == nil {
		err = decode(decoder, &second)
		if errors.Is(err, io.EOF) {
			return document.Content[0], nil
		}
	}
	if err == nil {
		return nil, &Problem{second.Line, second.Column, "a second document begins here: a schema file has one"}
	}
	return nil, syntaxProblem(text, err)
}

func isNothing(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// decode guards against the YAML library, which panics where it meets a state that its authors thought impossible.
func decode(d *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("yaml: this is not understood")
		}
	}()
	return d.Decode(into)
}

// yamlMessage takes the library's message apart.
var yamlMessage = regexp.MustCompile(`^yaml: (?:line (\d+): )?((?s).*)$`)

// syntaxProblem says where the YAML library stumbled. For most errors of its scanner, the line in its message is
// right. For those of its parser it is that of the enclosing block, or missing; so the place is searched: the line
// after the longest prefix of whole lines that is YAML.
func syntaxProblem(text []byte, err error) *Problem {
	message := yamlMessage.FindStringSubmatch(err.Error())
	line, _ := strconv.Atoi(message[1])
	if line == 0 || strings.HasPrefix(message[2], "did not find expected") || strings.HasPrefix(message[2], "found a tab") {
		line = searchLine(text)
	}
	lines := bytes.Split(text, []byte("\n"))
	line = min(line, len(lines))
	content := lines[line-1]
	column := utf8.RuneCount(content) - utf8.RuneCount(bytes.TrimLeft(content, " \t")) + 1
	return &Problem{line, column, "this is not YAML: " + message[2]}
}

// maxSearch bounds the prefixes that are tried.
const maxSearch = 32

// searchLine goes back from where the library had read to when it gave up.
func searchLine(text []byte) int {
	source := &byteReader{text: text}
	var n yaml.Node
	_ = decode(yaml.NewDecoder(source), &n)
	last, _ := position(text, source.at)
	lines := bytes.SplitAfter(text, []byte("\n"))
	for line := last; line > max(0, last-maxSearch); line-- {
		prefix := bytes.Join(lines[:line-1], nil)
		if err := decode(yaml.NewDecoder(bytes.NewReader(prefix)), &n); err == nil || errors.Is(err, io.EOF) {
			return line
		}
	}
	return last
}

// byteReader hands out single bytes, so that where it stands is where its reader is.
type byteReader struct {
	text []byte
	at   int
}

func (r *byteReader) Read(into []byte) (int, error) {
	if r.at == len(r.text) {
		return 0, io.EOF
	}
	n := copy(into[:1], r.text[r.at:])
	r.at += n
	return n, nil
}
