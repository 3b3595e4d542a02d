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
		x.session.mu.Lock()
		defer x.session.mu.Unlock()
		for _, name := range st.Names {
			delete(x.session.variables, name)
		}
		return done, nil
	case *dialect.AlterSession:
		return done, x.alterSession(st)
	}
	return nil, unsupported("this statement")
}

func (x *execution) use(st *dialect.Use) error {
	catalog := x.server.engine.catalog
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
	x.session.mu.Lock()
	defer x.session.mu.Unlock()
	switch st.Kind {
	case "WAREHOUSE":
		x.session.info.WarehouseName = st.Name.Object
	case "ROLE":
		x.session.info.RoleName = st.Name.Object
	}
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
	x.session.mu.Lock()
	defer x.session.mu.Unlock()
	for i, name := range st.Names {
		x.session.variables[name] = variableLiteral(res.columns[i].Type, values[i])
	}
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
	return x.read(func(ctx context.Context, conn *sql.Conn) error {
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

func (x *execution) alterSession(st *dialect.AlterSession) error {
	x.session.mu.Lock()
	defer x.session.mu.Unlock()
	for _, o := range st.Set {
		var value any = o.Value.Text
		if truth, ok := o.Value.Bool(); ok && !o.Value.Quoted && o.Value.Text != "1" && o.Value.Text != "0" {
			value = truth
		} else if n, ok := o.Value.Int(); ok {
			value = n
		}
		x.session.settings[o.Name] = value
	}
	defaults := defaultSettings()
	for _, name := range st.Unset {
		delete(x.session.settings, name)
		if value, ok := defaults[name]; ok {
			x.session.settings[name] = value
		}
	}
	x.session.settings["CLIENT_STAGE_ARRAY_BINDING_THRESHOLD"] = 0
	return nil
}
