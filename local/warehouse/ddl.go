package warehouse

import (
	"fmt"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// defineObject does a statement that makes, changes or drops an object. The open transaction has been committed before.
func (x *execution) defineObject(parsed dialect.Statement) (*result, error) {
	switch st := parsed.(type) {
	case *dialect.CreateDatabase:
		return x.createDatabase(st)
	case *dialect.CreateSchema:
		return x.createSchema(st)
	case *dialect.CreateTable:
		return x.createTable(st)
	case *dialect.CreateView:
		return x.createView(st)
	case *dialect.CreateFileFormat:
		if _, err := readFormat(st.Format); err != nil {
			return nil, err
		}
		return x.create(&object{Kind: "FILE FORMAT", Name: st.Name, Comment: st.Comment, Body: body{Options: st.Format}}, st.OrReplace, st.IfNotExists)
	case *dialect.CreateStage:
		return x.createStage(st)
	case *dialect.CreateIntegration:
		return x.createIntegration(st)
	case *dialect.CreatePipe:
		o, err := x.runner.pipes.check(st)
		if err != nil {
			return nil, err
		}
		return x.create(o, st.OrReplace, st.IfNotExists)
	case *dialect.AlterPipe:
		return x.runner.pipes.alter(x.ctx, st)
	case *dialect.AlterTable:
		return x.alterTable(st)
	case *dialect.AlterObject:
		return x.alterObject(st)
	case *dialect.AccountStatement:
		return x.account(st)
	case *dialect.Drop:
		return x.drop(st)
	}
	return nil, unsupported(fmt.Sprintf("%T", parsed))
}

// create publishes o, or answers that it is there already. It holds the lock of the name against running changes.
func (x *execution) create(o *object, orReplace, ifNotExists bool, steps ...func(d *draft) error) (*result, error) {
	said := message(typeDDL, "%s %s successfully created.", title(o.Kind), o.Name.Last())
	var owner lockOwner
	locks := x.runner.engine.locks
	defer locks.release(&owner)
	if o.Kind == "TABLE" || o.Kind == "VIEW" {
		if err := locks.acquire(x.ctx, &owner, o.Name, x.session.lockTimeout()); err != nil {
			return nil, err
		}
	}
	o.Owner = x.session.env().Role
	err := x.runner.catalog.define(x.ctx, func(d *draft) error {
		o.ID = 0
		old := d.cat.get(o.Kind, o.Name)
		if o.Kind == "TABLE" || o.Kind == "VIEW" {
			old = d.cat.relation(o.Name)
		}
		if old != nil && ifNotExists {
			said = message(typeDDL, "%s already exists, statement succeeded.", o.Name.Last())
			return nil
		}
		if old != nil && (!orReplace || old.Kind != o.Kind) {
			return alreadyExists(o.Name.Last())
		}
		if err := x.parentExists(d, o); err != nil {
			return err
		}
		if old != nil {
			if err := d.drop(old); err != nil {
				return err
			}
		}
		for _, step := range steps {
			if err := step(d); err != nil {
				return err
			}
		}
		return d.put(o)
	})
	if err != nil {
		return nil, err
	}
	x.runner.pipes.wake()
	return said, nil
}

// parentExists refuses what would hang in the air. DuckDB would notice for tables only.
func (x *execution) parentExists(d *draft, o *object) error {
	if o.Name.Object != "" && o.Name.Schema != "" && d.cat.get("SCHEMA", dialect.Name{Database: o.Name.Database, Schema: o.Name.Schema}) == nil {
		return notExist("SCHEMA", dialect.Name{Database: o.Name.Database, Schema: o.Name.Schema}.Plain())
	}
	if o.Kind == "SCHEMA" && d.cat.get("DATABASE", dialect.Name{Database: o.Name.Database}) == nil {
		return notExist("DATABASE", o.Name.Database)
	}
	return nil
}

func (x *execution) createDatabase(st *dialect.CreateDatabase) (*result, error) {
	o := &object{Kind: "DATABASE", Name: dialect.Name{Database: st.Name}, Comment: st.Comment, Body: body{Options: st.Options}}
	said, err := x.create(o, st.OrReplace, st.IfNotExists, func(d *draft) error {
		return d.putSchema(dialect.Name{Database: o.Name.Database, Schema: "PUBLIC"}, x.session.env().Role, "")
	})
	if err == nil {
		x.session.use(o.Name.Database, "PUBLIC")
	}
	return said, err
}

func (x *execution) createSchema(st *dialect.CreateSchema) (*result, error) {
	o := &object{Kind: "SCHEMA", Name: st.Name, Comment: st.Comment, Body: body{Options: st.Options}}
	said, err := x.create(o, st.OrReplace, st.IfNotExists, func(d *draft) error {
		return d.exec("CREATE SCHEMA IF NOT EXISTS " + dialect.Quote(st.Name.DuckDBSchema()))
	})
	if err == nil {
		x.session.use(st.Name.Database, st.Name.Schema)
	}
	return said, err
}

// checkColumns refuses columns that DuckDB takes for one: it does not tell the case of the letters A to Z, and renaming
// one of them in silence would send a file's values into the wrong column.
func checkColumns(columns []dialect.Column) error {
	seen := map[string]string{}
	for _, c := range columns {
		folded := strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				return r + 'a' - 'A'
			}
			return r
		}, c.Name)
		other, known := seen[folded]
		switch {
		case known && other == c.Name:
			return refuse(2025, "42S21", "SQL compilation error:\nduplicate column name '%s'", c.Name)
		case known:
			return unsupported(fmt.Sprintf("columns %s and %s in one table, which differ only in case", dialect.Quote(other), dialect.Quote(c.Name)))
		case len([]rune(c.Name)) > maxIdentifier:
			return refuse(3003, "42601", "SQL compilation error:\nIdentifier of a column is longer than %d characters: '%.40s…'", maxIdentifier, c.Name)
		}
		seen[folded] = c.Name
	}
	return nil
}

// maxIdentifier is the service's limit of a name, in characters.
const maxIdentifier = 255

func (x *execution) createTable(st *dialect.CreateTable) (*result, error) {
	if err := checkColumns(st.Columns); err != nil {
		return nil, err
	}
	o := &object{Kind: "TABLE", Name: st.Name, Comment: st.Comment,
		Body: body{Columns: st.Columns, ClusterBy: st.ClusterBy, Transient: st.Transient, Options: st.Options}}
	if st.Temporary {
		o.Body.Session = x.session.id
	}
	source := st.Like
	if st.Clone != nil {
		source = st.Clone
	}
	if source != nil {
		if err := x.known(*source); err != nil {
			return nil, err
		}
		o.Body.Columns = x.runner.catalog.relation(*source).Body.Columns
	}
	var args []any
	if st.As != nil {
		if err := x.known(st.As.Reads...); err != nil {
			return nil, err
		}
		var err error
		if args, err = x.binds.args(0, x.uses(st.As.Binds)); err != nil {
			return nil, err
		}
	}
	said, err := x.create(o, st.OrReplace, st.IfNotExists, func(d *draft) error {
		if source != nil {
			return d.copyTable(st.Name, *source, o.Body.Columns, st.Clone != nil)
		}
		if err := d.exec(st.SQL, args...); err != nil {
			return err
		}
		if st.As == nil {
			return nil
		}
		columns, err := d.columnsOf(st.Name, st.Columns)
		o.Body.Columns = columns
		return err
	})
	if err == nil && st.As != nil && !strings.Contains(*said.rows[0][0], "already exists") {
		said = message(typeDDL, "Table %s successfully created.", st.Name.Object)
	}
	return said, err
}

// copyTable makes a table of the same columns, with the rows when it is a clone. The definition is written out instead of
// CREATE TABLE AS, which would lose defaults and NOT NULL. A clone is a copy: it takes as long as its rows.
func (d *draft) copyTable(name, source dialect.Name, columns []dialect.Column, rows bool) error {
	var parts []string
	for _, c := range columns {
		part := dialect.Quote(c.Name) + " " + c.Type.DuckDB
		if c.DefaultSQL != "" {
			part += " DEFAULT " + c.DefaultSQL
		}
		if c.NotNull {
			part += " NOT NULL"
		}
		parts = append(parts, part)
	}
	if err := d.exec("CREATE TABLE " + name.DuckDB() + " (" + strings.Join(parts, ", ") + ")"); err != nil || !rows {
		return err
	}
	return d.exec("INSERT INTO " + name.DuckDB() + " SELECT * FROM " + source.DuckDB())
}

// columnsOf reads back the columns of a table or view that a query has made. Types that were named win over DuckDB's.
func (d *draft) columnsOf(name dialect.Name, named []dialect.Column) ([]dialect.Column, error) {
	rows, err := d.conn.QueryContext(d.ctx, "SELECT * FROM "+name.DuckDB()+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	columns := make([]dialect.Column, len(types))
	for i, t := range types {
		columns[i] = dialect.Column{Name: t.Name(), Type: snowflakeType(t.DatabaseTypeName())}
		if i < len(named) && named[i].Type.Name != "" {
			columns[i] = named[i]
		}
	}
	return columns, nil
}

// snowflakeType is the type in which the service would show a column of DuckDB's type. It serves tables and views made
// by a query, where nobody has named the types.
func snowflakeType(duckType string) dialect.Type {
	c, _ := describeColumn("", duckType)
	t := dialect.Type{Base: strings.ToUpper(c.Type), DuckDB: duckType}
	switch c.Type {
	case "fixed":
		t.Base, t.Precision, t.Scale = "NUMBER", int(*c.Precision), int(*c.Scale)
		t.Name = fmt.Sprintf("NUMBER(%d,%d)", t.Precision, t.Scale)
		return t
	case "text":
		t.Base, t.Length = "VARCHAR", int(*c.Length)
	case "binary":
		t.Length = int(*c.Length)
	case "real":
		t.Base = "FLOAT"
	case "time", "timestamp_ntz", "timestamp_ltz":
		t.Scale = 9
	}
	t.Name = t.Base
	switch {
	case t.Length > 0:
		t.Name = fmt.Sprintf("%s(%d)", t.Base, t.Length)
	case t.Scale > 0:
		t.Name = fmt.Sprintf("%s(%d)", t.Base, t.Scale)
	}
	return t
}

func (x *execution) createView(st *dialect.CreateView) (*result, error) {
	if err := x.known(st.Query.Reads...); err != nil {
		return nil, err
	}
	o := &object{Kind: "VIEW", Name: st.Name, Comment: st.Comment, Body: body{Text: st.Text}}
	return x.create(o, st.OrReplace, st.IfNotExists, func(d *draft) error {
		if err := d.exec(st.SQL); err != nil {
			return err
		}
		columns, err := d.columnsOf(st.Name, nil)
		o.Body.Columns = columns
		return err
	})
}

func (x *execution) drop(st *dialect.Drop) (*result, error) {
	var owner lockOwner
	locks := x.runner.engine.locks
	defer locks.release(&owner)
	if st.Kind == "TABLE" || st.Kind == "VIEW" {
		if err := locks.acquire(x.ctx, &owner, st.Name, x.session.lockTimeout()); err != nil {
			return nil, err
		}
	}
	said := message(typeDDL, "%s successfully dropped.", st.Name.Last())
	err := x.runner.catalog.define(x.ctx, func(d *draft) error {
		o := d.cat.get(st.Kind, st.Name)
		switch {
		case o == nil && st.IfExists:
			said = message(typeDDL, "Drop statement executed successfully (%s already dropped).", st.Name.Last())
			return nil
		case o == nil:
			return notExist(st.Kind, st.Name.Plain())
		}
		return d.drop(o)
	})
	if err != nil {
		return nil, err
	}
	x.runner.pipes.wake()
	return said, nil
}
