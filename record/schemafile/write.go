package schemafile

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/snowstream/snowstream/record"
)

// Notes are comments for people, each a line without the #. They may hold any text.
type Notes struct {
	Head    []string   // above everything
	Columns [][]string // above the column with the same index; may be shorter than the columns
	Foot    []string   // above what follows the columns
}

// Format writes a schema that has passed Check so that Parse reads the same schema. What is the default is left out.
func Format(s record.Schema) []byte { return FormatWith(s, Notes{}) }

// FormatWith is Format with comments.
func FormatWith(s record.Schema, notes Notes) []byte {
	var w writer
	w.comment("", notes.Head)
	w.WriteString("columns:\n")
	for i, c := range s.Columns {
		if i < len(notes.Columns) {
			w.comment("  ", notes.Columns[i])
		}
		w.column(c)
	}
	w.comment("", notes.Foot)
	switch {
	case s.Unknown == record.Keep && s.Rest != Rest:
		fmt.Fprintf(&w, "unknown: {variant: %s}\n", quote(s.Rest))
	default:
		fmt.Fprintf(&w, "unknown: %s\n", s.Unknown)
	}
	if s.LastOne {
		w.WriteString("duplicates: last\n")
	}
	if s.Origin != 0 {
		fmt.Fprintf(&w, "lineage: [%s]\n", strings.Join(s.Origin.Words(), ", "))
	}
	w.wrapping(s)
	if s.Folder != (record.Folder{}) {
		fmt.Fprintf(&w, "folder: {label: %s, field: %s}\n", quote(s.Folder.Label), quote(s.Folder.Field))
	}
	w.state(s.State)
	return []byte(w.String())
}

type writer struct{ strings.Builder }

// comment writes one line for each note, whatever is in it.
func (w *writer) comment(indent string, notes []string) {
	for _, note := range notes {
		note = strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) {
				return ' '
			}
			return r
		}, note)
		w.WriteString(strings.TrimRight(indent+"# "+note, " ") + "\n")
	}
}

func (w *writer) column(c record.Column) {
	fmt.Fprintf(w, "  - field: %s\n", field(c.Path))
	if c.Name != ColumnName(c.Path) {
		fmt.Fprintf(w, "    column: %s\n", quote(c.Name))
	}
	fmt.Fprintf(w, "    type: %s\n", TypeText(c))
	w.reading(c)
	if c.Required {
		w.WriteString("    required: true\n")
	}
}

// reading writes how the values are written in the payload, where the type's brackets do not say it.
func (w *writer) reading(c record.Column) {
	if len(c.Forms) > 0 && !bracketed(c) {
		fmt.Fprintf(w, "    forms: %s\n", quotedList(c.Forms))
	}
	if c.Zone != "" {
		fmt.Fprintf(w, "    zone: %s\n", quote(c.Zone))
	}
	if c.Accept != 0 {
		fmt.Fprintf(w, "    accept: [%s]\n", strings.Join(c.Accept.Words(), ", "))
	}
	if c.NonFinite != record.RefuseNonFinite {
		fmt.Fprintf(w, "    nonfinite: %s\n", quote(c.NonFinite.String()))
	}
}

// ReadingText says for people which values a column takes beyond its type, "" if there is nothing to say.
func ReadingText(c record.Column) string {
	var parts []string
	if len(c.Forms) > 0 && !bracketed(c) {
		var forms []string
		for _, f := range c.Forms {
			forms = append(forms, string(f))
		}
		parts = append(parts, "what is written as "+either(forms))
	}
	if c.Zone != "" {
		parts = append(parts, "times without a zone as those of "+c.Zone)
	}
	parts = append(parts, c.Accept.Words()...)
	switch c.NonFinite {
	case record.NullNonFinite:
		parts = append(parts, "NaN and infinities as NULL")
	case record.KeepNonFinite:
		parts = append(parts, "NaN and infinities as they are")
	}
	return strings.Join(parts, "; ")
}

// bracketed reports whether the column's only form stands in its type's brackets.
func bracketed(c record.Column) bool {
	return len(c.Forms) == 1 && slices.Contains(record.FormWords(c.Type)[1:], c.Forms[0])
}

// TypeText is a column's type as it is written in a file.
func TypeText(c record.Column) string {
	switch {
	case c.Type == record.Number:
		return fmt.Sprintf("number(%d,%d)", c.Precision, c.Scale)
	case record.FormWords(c.Type) == nil:
	case bracketed(c) && c.Micros:
		return fmt.Sprintf("%s(%s,6)", c.Type, c.Forms[0])
	case bracketed(c):
		return fmt.Sprintf("%s(%s)", c.Type, c.Forms[0])
	case c.Micros && len(c.Forms) > 0:
		return c.Type.String() + "(6)"
	case c.Micros:
		return fmt.Sprintf("%s(%s,6)", c.Type, record.FormWords(c.Type)[0])
	}
	return c.Type.String()
}

// field is a path with dots where that is unambiguous, else a list.
func field(path []string) string {
	if !slices.ContainsFunc(path, func(name string) bool { return name == "" || strings.Contains(name, ".") }) {
		return quote(strings.Join(path, "."))
	}
	return quotedList(path)
}

// quotedList writes names as a list.
func quotedList[T ~string](names []T) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = quote(string(name))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// quote writes a name as it is if no YAML reader can take it for anything else, and in double quotes otherwise.
func quote(name string) string {
	if plain(name) {
		return name
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range name {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// plain is far stricter than YAML: letters, digits, _ and dots, a letter or _ in front, and none of the words that some
// version of YAML reads as a truth value, a number or nothing.
func plain(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '.' && (r < '0' || r > '9')) {
			return false
		}
	}
	switch strings.ToLower(name) {
	case "", "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return false
	}
	return true
}
