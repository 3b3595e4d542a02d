package pipe

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

// reader is a loader without a table: for queries of files.
func (p *Pipes) reader(of *dialect.Copy) (*loader, error) {
	st, at, err := stage.Locate(p.Catalog, of.Stage)
	if err != nil {
		return nil, err
	}
	format, err := stage.ResolveFormat(p.Catalog, of, st)
	if err != nil {
		return nil, err
	}
	return &loader{pipes: p, copy: of, place: at, format: format, policy: errorPolicy{abort: true}}, nil
}

// Rows makes a temporary table of conn with the records of the files that of names: a column for each field that its Select
// counts, and its METADATA$ columns. The first record that is no good is the error.
func (p *Pipes) Rows(ctx context.Context, conn *sql.Conn, table string, of *dialect.Copy) error {
	l, err := p.reader(of)
	if err != nil {
		return err
	}
	files, err := l.copyFiles(ctx)
	if err != nil {
		return err
	}
	names := l.selectFields()
	columns, types := make([]string, len(names)), make([]duckdb.TypeInfo, len(names))
	for i, name := range names {
		columns[i] = dialect.Quote(name) + " VARCHAR"
		if l.format.Kind != "CSV" && strings.HasPrefix(name, "$") {
			columns[i] = dialect.Quote(name) + " JSON"
		}
		if types[i], err = duckdb.NewTypeInfo(duckdb.TYPE_VARCHAR); err != nil {
			return err
		}
	}
	if _, err := conn.ExecContext(ctx, "CREATE OR REPLACE TEMP TABLE "+dialect.Quote(table)+" ("+strings.Join(columns, ", ")+")"); err != nil {
		return err
	}
	return conn.Raw(func(raw any) error {
		sink, err := duckdb.NewQueryAppender(raw.(driver.Conn), "INSERT INTO "+dialect.Quote(table)+" SELECT * FROM file_rows", "file_rows", types, names)
		if err != nil {
			return err
		}
		for _, file := range files {
			f := &fileLoad{file: file, name: l.nameOf(file.Key)}
			err := l.read(ctx, f, "", func(row []driver.Value) error { return sink.AppendRow(row...) })
			if errors.Is(err, errAborted) {
				err = fault.New(f.first.number, "22000", "%s\n  File '%s', line %d, character %d", f.first.message, f.name, f.first.line, f.first.character)
			}
			var bad *stage.BadFile
			if errors.As(err, &bad) {
				err = fault.New(bad.Number, "22000", "%s\n  File '%s'", bad.Message, f.name)
			}
			if err != nil {
				return errors.Join(err, sink.Clear(), sink.Close())
			}
		}
		return sink.CloseWithCancel(ctx)
	})
}

// Infer answers INFER_SCHEMA: the columns of Parquet files and the types that a table for them would have.
func (p *Pipes) Infer(ctx context.Context, of *dialect.Copy) (*answer.Result, error) {
	l, err := p.reader(of)
	if err != nil {
		return nil, err
	}
	if l.format.Kind != "PARQUET" {
		return nil, fault.Unsupported("INFER_SCHEMA of " + l.format.Kind + " files")
	}
	files, err := l.copyFiles(ctx)
	if err != nil {
		return nil, err
	}
	t := answer.NewTable(answer.TypeSelect, "COLUMN_NAME", "TYPE", "NULLABLE", "EXPRESSION", "FILENAMES", "ORDER_ID")
	t.Res.Columns[2], t.Res.Columns[5] = answer.Column{Name: "NULLABLE", Type: "boolean", Nullable: true}, answer.Fixed("ORDER_ID", 38, 0)
	type column struct {
		name, kind string
		files      []string
	}
	var found []*column
	for _, file := range files {
		names, types, err := l.parquetColumns(ctx, file)
		if err != nil {
			return nil, err
		}
		for i, name := range names {
			kind := inferred(types[i], l.format.BinaryStays)
			at := slices.IndexFunc(found, func(c *column) bool { return c.name == name })
			if at < 0 {
				at, found = len(found), append(found, &column{name: name, kind: kind})
			}
			if found[at].kind != kind {
				return nil, fault.Unsupported(fmt.Sprintf("INFER_SCHEMA of files in which column %s is of different types, %s and %s", name, found[at].kind, kind))
			}
			found[at].files = append(found[at].files, l.place.Shown(file.Key))
		}
	}
	for i, c := range found {
		t.Add(c.name, c.kind, true, "$1:"+c.name+"::"+c.kind, strings.Join(c.files, ", "), i)
	}
	return t.Res, nil
}

func (l *loader) parquetColumns(ctx context.Context, file stage.File) (names, types []string, err error) {
	q, _, err := l.pipes.Files.OpenParquet(ctx, l.place, file.Key, l.format, "")
	if err != nil {
		return nil, nil, err
	}
	names, types, err = q.Columns(ctx)
	var bad *stage.BadFile
	if errors.As(err, &bad) {
		err = fault.New(bad.Number, "22000", "%s\n  File '%s'", bad.Message, l.nameOf(file.Key))
	}
	return names, types, errors.Join(err, q.Close())
}

var duckDecimal = regexp.MustCompile(`^DECIMAL\((\d+),(\d+)\)$`)

// inferred is the column type for one of DuckDB.
func inferred(duck string, binaryStays bool) string {
	if m := duckDecimal.FindStringSubmatch(duck); m != nil {
		return "NUMBER(" + m[1] + ", " + m[2] + ")"
	}
	switch duck {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT":
		return "NUMBER(38, 0)"
	case "FLOAT", "DOUBLE":
		return "REAL"
	case "BOOLEAN", "DATE", "TIME":
		return duck
	case "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS":
		return "TIMESTAMP_NTZ"
	case "TIMESTAMPTZ":
		return "TIMESTAMP_LTZ"
	case "VARCHAR":
		return "TEXT"
	case "BLOB":
		if binaryStays {
			return "BINARY"
		}
		return "TEXT"
	}
	return "VARIANT"
}
