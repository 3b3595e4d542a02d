package warehouse

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// configure does the statements that change the session alone.
func (x *execution) configure(parsed dialect.Statement) (*result, error) {
	done := message(typeSet, "Statement executed successfully.")
	switch st := parsed.(type) {
	case *dialect.Use:
		done.kind = typeUse
		return done, x.use(st)
	case *dialect.Set:
		return done, x.set(st)
	case *dialect.Unset:
		x.session.unset(st.Names)
		return done, nil
	case *dialect.AlterSession:
		x.session.alter(st)
		return done, nil
	}
	return nil, unsupported("this statement")
}

func (x *execution) use(st *dialect.Use) error {
	catalog := x.runner.catalog
	switch st.Kind {
	case "DATABASE":
		if catalog.get("DATABASE", st.Name) == nil {
			return refuse(2043, "02000", "SQL compilation error:\nObject does not exist, or operation cannot be performed.")
		}
		x.session.use(st.Name.Database, "PUBLIC")
		return nil
	case "SCHEMA":
		if catalog.get("SCHEMA", st.Name) == nil {
			return refuse(2043, "02000", "SQL compilation error:\nObject does not exist, or operation cannot be performed.")
		}
		x.session.use(st.Name.Database, st.Name.Schema)
		return nil
	}
	x.session.assume(st.Kind, st.Name.Object)
	return nil
}

// set evaluates the expressions and keeps their values as literals of SQL.
func (x *execution) set(st *dialect.Set) error {
	res, err := x.query(st.Query)
	if err != nil {
		return err
	}
	if len(res.rows) != 1 || len(res.rows[0]) != len(st.Names) {
		return refuse(1003, "42000", "SQL compilation error:\nSET needs one value for each variable.")
	}
	values := res.rows[0]
	if err := x.asTexts(st.Query, res.columns, values); err != nil {
		return err
	}
	literals := make([]string, len(values))
	for i := range values {
		literals[i] = variableLiteral(res.columns[i].Type, values[i])
	}
	x.session.set(st.Names, literals)
	return nil
}

// asTexts replaces dates and times, which the wire writes as numbers, by their texts.
func (x *execution) asTexts(q *dialect.Query, columns []column, values []*string) error {
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
	args, err := x.binds.args(0, x.uses(q.Binds))
	if err != nil {
		return err
	}
	text := "SELECT " + strings.Join(items, ", ") + " FROM (" + q.SQL + "\n) AS q(" + strings.Join(names, ", ") + ")"
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	return x.session.read(x.ctx, func(ctx context.Context, conn *sql.Conn) error {
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
		return strings.ToUpper(*value)
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(*value) + "'"
}
