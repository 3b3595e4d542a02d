package snowflake

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// Column is a column of an answer: its name and Snowflake's type, such as FIXED, TEXT or TIMESTAMP_NTZ.
type Column struct{ Name, Type string }

// Answer receives what a statement of a person's own answers, as text. Head is called once before the first row; a NULL
// has no Valid. What a row is given is good until Row returns.
type Answer struct {
	Head func([]Column) error
	Row  func([]sql.NullString) error
}

// Read runs any statement and hands its answer over as text: numbers with the digits that the service sent, times as
// Snowflake's default formats write them, in nine decimal places at most. What Snowflake says of the statement is part of the error:
// it goes to whoever wrote the statement. A statement without rows answers with what it did.
func (db *DB) Read(ctx context.Context, a Answer, statement string) error {
	return db.do(ctx, true, func(c *sql.Conn) error {
		rows, err := c.QueryContext(ctx, statement)
		if err != nil {
			return err
		}
		defer rows.Close()
		types, err := rows.ColumnTypes()
		if err != nil {
			return err
		}
		columns, values := make([]Column, len(types)), make([]any, len(types))
		into, texts := make([]any, len(types)), make([]sql.NullString, len(types))
		for i, t := range types {
			columns[i], into[i] = Column{t.Name(), strings.ToUpper(t.DatabaseTypeName())}, &values[i]
		}
		if err := a.Head(columns); err != nil {
			return err
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				return err
			}
			for i, v := range values {
				texts[i] = text(v, columns[i].Type)
			}
			if err := a.Row(texts); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// text writes a value of the driver as Snowflake's own output formats do.
func text(v any, kind string) sql.NullString {
	switch v := v.(type) {
	case nil:
		return sql.NullString{}
	case time.Time:
		return sql.NullString{String: v.Format(layout(kind)), Valid: true}
	case []byte:
		if kind == "BINARY" {
			return sql.NullString{String: fmt.Sprintf("%X", v), Valid: true}
		}
		return sql.NullString{String: string(v), Valid: true}
	}
	return sql.NullString{String: fmt.Sprint(v), Valid: true}
}

// layout is how a type's values are written; the parts of a second are as many as there are.
func layout(kind string) string {
	switch kind {
	case "DATE":
		return time.DateOnly
	case "TIME":
		return "15:04:05.999999999"
	case "TIMESTAMP_NTZ":
		return "2006-01-02 15:04:05.999999999"
	}
	return "2006-01-02 15:04:05.999999999 -0700"
}
