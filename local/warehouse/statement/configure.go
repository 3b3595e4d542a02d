package statement

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
)

// configure does the statements that change the session alone.
func (x *execution) configure(parsed dialect.Statement) (*answer.Result, error) {
	done := answer.Message(answer.TypeSet, "Statement executed successfully.")
	switch st := parsed.(type) {
	case *dialect.Use:
		done.Kind = answer.TypeUse
		return done, x.use(st)
	case *dialect.Set:
		return done, x.set(st)
	case *dialect.Unset:
		x.Session.Unset(st.Names)
		return done, nil
	case *dialect.AlterSession:
		return done, x.Session.Alter(st)
	}
	return nil, fault.Unsupported("this statement")
}

func (x *execution) use(st *dialect.Use) error {
	catalog := x.runner.Catalog
	switch st.Kind {
	case "DATABASE":
		if catalog.Get("DATABASE", st.Name) == nil {
			return fault.New(2043, "02000", "SQL compilation error:\nObject does not exist, or operation cannot be performed.")
		}
		x.Session.Use(st.Name.Database, "PUBLIC")
		return nil
	case "SCHEMA":
		if catalog.Get("SCHEMA", st.Name) == nil {
			return fault.New(2043, "02000", "SQL compilation error:\nObject does not exist, or operation cannot be performed.")
		}
		x.Session.Use(st.Name.Database, st.Name.Schema)
		return nil
	}
	x.Session.Assume(st.Kind, st.Name.Object)
	return nil
}

// set evaluates the expressions and keeps their values as literals of SQL.
func (x *execution) set(st *dialect.Set) error {
	res, err := x.query(st.Query)
	if err != nil {
		return err
	}
	if len(res.Rows) != 1 || len(res.Rows[0]) != len(st.Names) {
		return fault.New(1003, "42000", "SQL compilation error:\nSET needs one value for each variable.")
	}
	values := res.Rows[0]
	if err := x.asTexts(st.Query, res.Columns, values); err != nil {
		return err
	}
	literals := make([]string, len(values))
	for i := range values {
		literals[i] = variableLiteral(res.Columns[i].Type, values[i])
	}
	x.Session.Set(st.Names, literals)
	return nil
}

// asTexts replaces dates and times, which the wire writes as numbers, by their texts.
func (x *execution) asTexts(q *dialect.Query, columns []answer.Column, values []*string) error {
	var items, names []string
	plain := true
	for i, c := range columns {
		names = append(names, "c"+strconv.Itoa(i))
		items = append(items, "CAST(c"+strconv.Itoa(i)+" AS VARCHAR)")
		plain = plain && c.Type != "date" && !strings.HasPrefix(c.Type, "time")
	}
	if plain {
		return nil
	}
	args, err := x.Binds.Args(0, x.uses(q.Binds))
	if err != nil {
		return err
	}
	text := "SELECT " + strings.Join(items, ", ") + " FROM (" + q.SQL + "\n) AS q(" + strings.Join(names, ", ") + ")"
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	return x.Session.Read(x.ctx, func(ctx context.Context, conn *sql.Conn) error {
		return conn.QueryRowContext(ctx, text, args...).Scan(into...)
	})
}

func variableLiteral(kind string, value *string) string {
	switch {
	case value == nil:
		return "NULL"
	case kind == "fixed", kind == "real":
		return *value
	case kind == "boolean":
		return strings.ToUpper(strconv.FormatBool(*value == "1"))
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(*value) + "'"
}
