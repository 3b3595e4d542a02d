// Package csvfile reads delimited text files by the rules that Snowflake documents for TYPE = CSV.
//
// encoding/csv cannot be used: it turns \r\n inside quotes into \n, cannot tell "" from nothing, knows no escape
// characters and no delimiters of several characters. Here every byte of an enclosed field is kept as it is, and a
// field remembers whether it was enclosed, because an empty unenclosed field is NULL while "" is an empty string.
//
// A Reader holds one record at a time, at most MaxRecord bytes. It is pure: it reads from an io.Reader and knows
// nothing of stages, compression or tables.
package csvfile

import "errors"

// MaxRecord is the largest record in bytes. A longer one is an error that Skip can pass over.
const MaxRecord = 64 << 20

// Format is how a file is written. The zero value is not useful: start from Default.
type Format struct {
	// FieldDelimiter stands between fields; empty means that a record is one field.
	FieldDelimiter string
	// RecordDelimiter ends a record; "\n" also accepts "\r\n". Empty means that the file is one record.
	RecordDelimiter string
	// Enclosure is the quote character; 0 means that no field is enclosed.
	Enclosure byte
	// Escape is the escape character in every field; 0 means none.
	Escape byte
	// EscapeUnenclosed is the escape character in unenclosed fields, unless Escape is set; 0 means none.
	EscapeUnenclosed byte
	// NullIf lists texts that stand for NULL.
	NullIf []string
	// EmptyAsNull makes an empty unenclosed field NULL.
	EmptyAsNull bool
	// TrimSpace removes white space around fields, outside the enclosure.
	TrimSpace bool
	// SkipBlankLines passes over records without a single byte.
	SkipBlankLines bool
	// KeepMark makes a byte order mark at the start of the file a part of the first field.
	KeepMark bool
	// ReplaceInvalid puts U+FFFD in place of bytes that are not UTF-8, which are an error otherwise.
	ReplaceInvalid bool
}

// Default is Snowflake's format when no option is given.
func Default() Format {
	return Format{
		FieldDelimiter: ",", RecordDelimiter: "\n", EscapeUnenclosed: '\\',
		NullIf: []string{`\N`}, EmptyAsNull: true,
	}
}

// Field is one value of a record.
type Field struct {
	// Text is the value, without enclosure and escapes; empty when Null.
	Text string
	// Null says that the field stands for SQL NULL.
	Null bool
	// Enclosed says that the field stood in quotes.
	Enclosed bool
}

// Error is a record that cannot be read. The reader can go on after Skip.
type Error struct {
	// Line and Character say where: Line counts records' lines from 1, Character counts bytes in the line from 1.
	Line, Character int
	// Field is the index of the field, from 0.
	Field int
	// Number is Snowflake's error number.
	Number int
	// Message says what was found.
	Message string
}

func (e *Error) Error() string { return e.Message }

var errTooLong = errors.New("record too long")
