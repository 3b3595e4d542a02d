package pipe

import (
	"bufio"
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/stage"
	"github.com/snowstream/snowstream/local/warehouse/stage/csvfile"
)

// readCSV hands every good record of a CSV file to sink as one row.
func (l *loader) readCSV(in io.Reader, f *fileLoad, sink func([]driver.Value) error) error {
	reader := csvfile.NewReader(in, l.format.Csv)
	header, err := l.readHeader(reader)
	if err != nil {
		return err
	}
	if header != nil && l.format.CountMatters && len(header) != len(l.target) {
		return &stage.BadFile{Number: 100080, Message: l.countMessage(len(header), len(l.target))}
	}
	places := l.places(header)
	for {
		line := reader.Line()
		fields, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		f.parsed++
		var broken *csvfile.Error
		if errors.As(err, &broken) {
			if err := l.note(f, l.csvError(broken)); err != nil {
				return err
			}
			if err := reader.Skip(); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		row, wrong := l.csvRow(fields, len(header), places, f)
		if wrong != nil {
			wrong.line = int64(line)
			if err := l.note(f, wrong); err != nil {
				return err
			}
			continue
		}
		if err := sink(row); err != nil {
			return err
		}
	}
}

// readHeader passes over SKIP_HEADER lines, or reads the names of the columns.
func (l *loader) readHeader(reader *csvfile.Reader) ([]string, error) {
	for range l.format.SkipHeader {
		if _, err := reader.Next(); errors.Is(err, io.EOF) {
			return nil, nil
		} else if err != nil {
			if err := reader.Skip(); err != nil {
				return nil, err
			}
		}
	}
	if !l.format.ParseHeader {
		return nil, nil
	}
	fields, err := reader.Next()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	var broken *csvfile.Error
	if errors.As(err, &broken) {
		return nil, &stage.BadFile{Number: 100016, Message: "The header cannot be read: " + broken.Error()}
	}
	if err != nil {
		return nil, err
	}
	header := make([]string, len(fields))
	for i, field := range fields {
		header[i] = field.Text
	}
	return header, nil
}

func (l *loader) csvError(broken *csvfile.Error) *loadError {
	e := &loadError{number: broken.Number, message: broken.Message, line: int64(broken.Line), character: int64(broken.Character)}
	if broken.Field < len(l.target) {
		e.column = l.columnLabel(l.target[broken.Field].Name, broken.Field)
	}
	return e
}

// columnLabel is how the service names a column in load errors: "T"["COLUMN":3].
func (l *loader) columnLabel(name string, at int) string {
	return fmt.Sprintf("%s[%s:%d]", dialect.Quote(l.table.Name.Object), dialect.Quote(name), at+1)
}

// places says which field of a record each column takes, -1 for none.
func (l *loader) places(header []string) []int {
	places := make([]int, len(l.target))
	for i := range places {
		places[i] = i
		if header != nil {
			places[i] = l.headerColumn(header, l.target[i].Name)
		}
	}
	return places
}

// csvRow makes a row of a record. named is the number of columns in the file's header, 0 without one.
func (l *loader) csvRow(fields []csvfile.Field, named int, places []int, f *fileLoad) ([]driver.Value, *loadError) {
	if l.copy.Select != nil {
		return l.selectRow(fields, f), nil
	}
	wanted := len(l.target)
	if named > 0 {
		wanted = named
	}
	if l.format.CountMatters && len(fields) != wanted {
		return nil, &loadError{number: 100080, message: l.countMessage(len(fields), wanted)}
	}
	row := make([]driver.Value, len(l.target))
	for i := range l.target {
		c := &l.target[i]
		at := places[i]
		field := csvfile.Field{Null: true}
		if at >= 0 && at < len(fields) {
			field = fields[at]
		}
		value, wrong := l.cell(field.Text, field.Null, c, i, f)
		if wrong != nil {
			return nil, wrong
		}
		row[i] = value
	}
	return row, nil
}

func (l *loader) countMessage(found, wanted int) string {
	return fmt.Sprintf("Number of columns in file (%d) does not match that of the corresponding table (%d), "+
		"use file format option error_on_column_count_mismatch=false to ignore this error", found, wanted)
}

// headerColumn finds a table column among a file's columns; -1 if it is not there.
func (l *loader) headerColumn(header []string, name string) int {
	for i, h := range header {
		if h == name || l.copy.MatchByColumnName == "CASE_INSENSITIVE" && strings.EqualFold(h, name) {
			return i
		}
	}
	return -1
}

func (l *loader) selectRow(fields []csvfile.Field, f *fileLoad) []driver.Value {
	row := make([]driver.Value, max(l.copy.Select.Fields, 1))
	for i := range row {
		if i < len(fields) && !fields[i].Null {
			row[i] = fields[i].Text
		}
	}
	for _, name := range l.copy.Select.Metadata {
		row = append(row, l.metadata(name, f, f.parsed))
	}
	return row
}

// cell is the value of one column: of the file, or of its metadata.
func (l *loader) cell(text string, null bool, c *dialect.Column, at int, f *fileLoad) (driver.Value, *loadError) {
	for _, m := range l.copy.IncludeMetadata {
		if m.Column == c.Name {
			var known bool
			text, known = l.metadata(m.Metadata, f, f.parsed).(string)
			null = !known
		}
	}
	if null || c.Type.DuckDB == "JSON" && strings.TrimSpace(text) == "" {
		if c.NotNull {
			return nil, &loadError{number: 100072, message: "NULL result in a non-nullable column", column: l.columnLabel(c.Name, at)}
		}
		return nil, nil
	}
	if l.copy.TruncateColumns && c.Type.Base == "VARCHAR" && utf8.RuneCountInString(text) > c.Type.Length {
		text = string([]rune(text)[:c.Type.Length])
	}
	value, err := l.format.Convert(text, c)
	var bad *stage.BadValue
	if errors.As(err, &bad) {
		return nil, &loadError{number: bad.Number, message: bad.Message, column: l.columnLabel(c.Name, at)}
	}
	if err != nil {
		return nil, &loadError{number: 100071, message: err.Error(), column: l.columnLabel(c.Name, at)}
	}
	return value, nil
}

// readJSON hands every document of a file to sink as one row. Documents follow one another with white space between
// them, or stand in one outer array.
func (l *loader) readJSON(in io.Reader, f *fileLoad, sink func([]driver.Value) error) error {
	bounded := &jsonInput{bufio.NewReader(in), csvfile.MaxRecord}
	decoder := json.NewDecoder(bounded)
	if l.format.OuterArray {
		if _, err := decoder.Token(); unreadable(err) {
			return err
		} else if err != nil && !errors.Is(err, io.EOF) {
			return &stage.BadFile{Number: 100069, Message: "Error parsing JSON: " + err.Error()}
		}
	}
	for {
		if l.format.OuterArray && !decoder.More() {
			return nil
		}
		var document json.RawMessage
		bounded.left = csvfile.MaxRecord
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if unreadable(err) {
			return err
		}
		f.parsed++
		if err != nil {
			// A syntax error leaves no place to go on from: the rest of the file is lost with it.
			if noted := l.note(f, &loadError{number: 100069, message: "Error parsing JSON: " + err.Error(), line: f.parsed}); noted != nil {
				return noted
			}
			return nil
		}
		if err := l.document(document, f, sink); err != nil {
			return err
		}
	}
}

// document hands a good document to sink as one row, and notes a bad one.
func (l *loader) document(document json.RawMessage, f *fileLoad, sink func([]driver.Value) error) error {
	row, wrong := l.jsonRow(document, f)
	if wrong != nil {
		wrong.line = f.parsed
		return l.note(f, wrong)
	}
	return sink(row)
}

// readParquet hands every good row of a file to sink: a row is the document of its columns.
func (l *loader) readParquet(ctx context.Context, f *fileLoad, ifMatch string, sink func([]driver.Value) error) (err error) {
	file, found, err := l.pipes.Files.OpenParquet(ctx, l.place, f.file.Key, l.format, ifMatch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	f.file = *found
	return file.Documents(ctx, func(document []byte) error {
		f.parsed++
		return l.document(document, f, sink)
	})
}

// jsonInput bounds how much of a file is read for one document: its reader holds that much in memory.
type jsonInput struct {
	io.Reader
	left int
}

func (d *jsonInput) Read(p []byte) (int, error) {
	if d.left <= 0 {
		return 0, &stage.BadFile{Number: 100069, Message: fmt.Sprintf("Error parsing JSON: a document has more than %d bytes", csvfile.MaxRecord)}
	}
	n, err := d.Reader.Read(p)
	d.left -= n
	return n, err
}

// unreadable tells a file that did not arrive whole, or cannot be decompressed, from one that is not JSON.
func unreadable(err error) bool {
	var bad *stage.BadFile
	var lost *stage.LostConnection
	return errors.As(err, &bad) || errors.As(err, &lost)
}

func (l *loader) jsonRow(document json.RawMessage, f *fileLoad) ([]driver.Value, *loadError) {
	if l.copy.Select != nil {
		row := []driver.Value{string(document)}
		for range l.copy.Select.Fields - 1 {
			row = append(row, nil)
		}
		for _, name := range l.copy.Select.Metadata {
			row = append(row, l.metadata(name, f, f.parsed))
		}
		return row, nil
	}
	if l.copy.MatchByColumnName == "" || l.copy.MatchByColumnName == "NONE" {
		value, wrong := l.cell(string(document), false, &l.target[0], 0, f)
		return []driver.Value{value}, wrong
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, &loadError{number: 100069, message: "The document is not an object, so its members have no names"}
	}
	row := make([]driver.Value, len(l.target))
	for i := range l.target {
		c := &l.target[i]
		text, null, err := memberText(l.member(members, c.Name), c)
		if err != nil {
			return nil, &loadError{number: 100069, message: err.Error(), column: l.columnLabel(c.Name, i)}
		}
		value, wrong := l.cell(text, null, c, i, f)
		if wrong != nil {
			return nil, wrong
		}
		row[i] = value
	}
	return row, nil
}

func (l *loader) member(members map[string]json.RawMessage, name string) json.RawMessage {
	if value, ok := members[name]; ok || l.copy.MatchByColumnName != "CASE_INSENSITIVE" {
		return value
	}
	for key, value := range members {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return nil
}

// memberText is a JSON value as the text of a field: strings without their quotes, numbers with all their digits.
func memberText(value json.RawMessage, c *dialect.Column) (text string, null bool, err error) {
	value = bytes.TrimSpace(value)
	if len(value) == 0 || string(value) == "null" {
		return "", true, nil
	}
	semi := c.Type.Base == "VARIANT" || c.Type.Base == "OBJECT" || c.Type.Base == "ARRAY"
	if value[0] == '"' && !semi {
		if err := json.Unmarshal(value, &text); err != nil {
			return "", false, fmt.Errorf("read a JSON text: %w", err)
		}
		return text, false, nil
	}
	return string(value), false, nil
}
