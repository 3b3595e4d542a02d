package stage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// badParquet is the error of a file that is not Parquet, or a damaged one.
const badParquet = 100182

// Parquet is an open Parquet file, on the disk of this machine.
type Parquet struct {
	db           *sql.DB
	path         string
	binaryAsText bool
	end          func()
}

// OpenParquet opens a file of the stage that p is in; ifMatch is as in OpenFile. An object of a bucket is fetched first. Close it.
func (f *Files) OpenParquet(ctx context.Context, p Place, key string, format *Format, ifMatch string) (*Parquet, *File, error) {
	// The file is read by a database of its own: that of the account cannot reach files, whatever SQL asks for.
	connector, err := duckdb.NewConnector("?threads=1&memory_limit=256MB&autoinstall_known_extensions=false&autoload_known_extensions=false", nil)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", key, err)
	}
	q := &Parquet{db: sql.OpenDB(connector), binaryAsText: !format.BinaryStays, end: func() {}}
	q.db.SetMaxOpenConns(1)
	found, err := f.local(ctx, q, p, key, ifMatch)
	if err != nil {
		return nil, nil, errors.Join(err, q.Close())
	}
	return q, found, nil
}

// local finds or makes the file on disk.
func (f *Files) local(ctx context.Context, q *Parquet, p Place, key, ifMatch string) (*File, error) {
	in, found, err := f.OpenFile(ctx, p, key, "NONE", ifMatch)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if p.Folder != "" {
		q.path = filepath.Join(f.internal.dir, p.Folder, filepath.FromSlash(key))
		return found, nil
	}
	file, err := os.CreateTemp(filepath.Join(f.internal.dir, arriving), "*")
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", key, err)
	}
	q.path, q.end = file.Name(), func() { os.Remove(file.Name()) }
	_, err = io.Copy(file, in)
	return found, errors.Join(err, file.Close())
}

// Close gives back what the reading took.
func (q *Parquet) Close() error {
	q.end()
	return q.db.Close()
}

func (q *Parquet) source() string { return "read_parquet(" + dialect.Literal(q.path) + ")" }

// Columns are the names of the file's columns and their types in DuckDB, in order. An error of the file is a *BadFile.
func (q *Parquet) Columns(ctx context.Context) (names, types []string, err error) {
	rows, err := q.db.QueryContext(ctx, "SELECT * FROM "+q.source()+" LIMIT 0")
	if err != nil {
		return nil, nil, q.bad(err)
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	for _, c := range columns {
		names, types = append(names, c.Name()), append(types, c.DatabaseTypeName())
	}
	return names, types, err
}

func (q *Parquet) bad(err error) error {
	return &BadFile{badParquet, "Error reading the Parquet file: " + strings.ReplaceAll(err.Error(), q.path, "the file")}
}

// Documents hands every row to sink as a JSON object of its columns, without those that are NULL: times are texts, decimals
// have all their digits, bytes are texts or, where they are none or the format says so, hexadecimal.
func (q *Parquet) Documents(ctx context.Context, sink func(document []byte) error) error {
	names, types, err := q.Columns(ctx)
	if err != nil {
		return err
	}
	members := make([]string, len(names))
	for i, name := range names {
		column := dialect.Quote(name)
		value := column
		switch {
		case types[i] == "BLOB" && q.binaryAsText:
			value = "coalesce(try(decode(" + column + ")), hex(" + column + "))"
		case types[i] == "BLOB":
			value = "hex(" + column + ")"
		}
		text := "CAST(to_json(" + value + ") AS VARCHAR)"
		if types[i] == "DOUBLE" || types[i] == "FLOAT" {
			text = "CASE WHEN isfinite(" + column + ") THEN " + text + " ELSE '\"' || CAST(" + column + " AS VARCHAR) || '\"' END"
		}
		members[i] = "CASE WHEN " + column + " IS NOT NULL THEN CAST(to_json(" + dialect.Literal(name) + ") AS VARCHAR) || ':' || " + text + " END"
	}
	rows, err := q.db.QueryContext(ctx, "SELECT '{' || concat_ws(',', "+strings.Join(members, ", ")+") || '}' FROM "+q.source())
	if err != nil {
		return q.bad(err)
	}
	defer rows.Close()
	for rows.Next() {
		var document string
		if err := rows.Scan(&document); err != nil {
			return q.bad(err)
		}
		if err := sink([]byte(document)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil && ctx.Err() == nil {
		return q.bad(err)
	}
	return ctx.Err()
}
