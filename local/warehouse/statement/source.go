package statement

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
)

// again is an earlier answer as it was.
func (x *execution) again(id string) (*answer.Result, error) {
	found, err := x.Earlier.Answer(id)
	if err != nil {
		return nil, err
	}
	if found.Inline != nil && !x.Session.ReadsArrow() {
		return nil, fault.Unsupported("RESULT_SCAN of an answer that another client has had as Arrow")
	}
	res := *found
	res.Kind = answer.TypeSelect
	return &res, nil
}

// gather makes the temporary tables that a statement reads: rows of files and of earlier answers. release drops them.
func (x *execution) gather(ctx context.Context, conn *sql.Conn, sources []dialect.Source) (release func(), err error) {
	release = func() {
		for _, s := range sources {
			// A table that is left is replaced when the connection is used for another one of its name.
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "DROP TABLE IF EXISTS "+dialect.Quote(s.Table))
		}
	}
	for _, s := range sources {
		switch {
		case s.Infer:
			var found *answer.Result
			if found, err = x.runner.Pipes.Infer(ctx, s.Files); err == nil {
				err = x.fill(ctx, conn, s.Table, found)
			}
		case s.Files != nil:
			err = x.runner.Pipes.Rows(ctx, conn, s.Table, s.Files)
		default:
			var found *answer.Result
			if found, err = x.Earlier.Answer(s.Result); err == nil {
				err = x.fill(ctx, conn, s.Table, found)
			}
		}
		if err != nil {
			release()
			return nil, err
		}
	}
	return release, nil
}

// fillBatch is how many rows go to the database at once.
const fillBatch = 5000

// fill makes a temporary table of an answer.
func (x *execution) fill(ctx context.Context, conn *sql.Conn, table string, of *answer.Result) error {
	definitions, values := make([]string, len(of.Columns)), make([]string, len(of.Columns))
	for i, c := range of.Columns {
		kind, value := stored(c)
		definitions[i], values[i] = dialect.Quote(c.Name)+" "+kind, fmt.Sprintf(value, fmt.Sprintf("r[%d]", i+1))
	}
	if _, err := conn.ExecContext(ctx, "CREATE OR REPLACE TEMP TABLE "+dialect.Quote(table)+" ("+strings.Join(definitions, ", ")+")"); err != nil {
		return err
	}
	insert := "INSERT INTO " + dialect.Quote(table) + " SELECT " + strings.Join(values, ", ") + " FROM (SELECT unnest(CAST(CAST($1 AS JSON) AS VARCHAR[][])) AS r)"
	var batch [][]*string
	flush := func() error {
		text, err := json.Marshal(batch)
		if err == nil {
			_, err = conn.ExecContext(ctx, insert, string(text))
		}
		batch = batch[:0]
		return err
	}
	err := of.All(x.runner.ResultDir, func(cells []*string) error {
		for i, cell := range cells {
			if x.Session.Client == "Go" && cell != nil && strings.HasPrefix(of.Columns[i].Type, "timestamp") && strings.HasPrefix(*cell, "-") {
				return fault.Unsupported("RESULT_SCAN of times before 1970 that this driver has had rounded down")
			}
		}
		if batch = append(batch, cells); len(batch) < fillBatch {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// stored is DuckDB's type for a column of the wire, and how a cell's text becomes a value of it.
func stored(c answer.Column) (kind, value string) {
	const micros = "to_microseconds(CAST(CAST(%s AS DECIMAL(38,9)) * 1000000 AS BIGINT))"
	switch c.Type {
	case "fixed":
		return fmt.Sprintf("DECIMAL(%d,%d)", *c.Precision, *c.Scale), "%s"
	case "real":
		return "DOUBLE", "%s"
	case "boolean":
		return "BOOLEAN", "%s"
	case "date":
		return "DATE", "DATE '1970-01-01' + CAST(%s AS INTEGER)"
	case "time":
		return "TIME", "TIME '00:00:00' + " + micros
	case "timestamp_ntz":
		return "TIMESTAMP_NS", "make_timestamp_ns(CAST(CAST(%s AS DECIMAL(38,9)) * 1000000000 AS BIGINT))"
	case "timestamp_ltz", "timestamp_tz":
		return "TIMESTAMPTZ", "TIMESTAMPTZ '1970-01-01 00:00:00+00' + " + micros
	case "binary":
		return "BLOB", "unhex(%s)"
	case "variant", "object", "array":
		return "JSON", "CAST(%s AS JSON)"
	}
	return "VARCHAR", "%s"
}
