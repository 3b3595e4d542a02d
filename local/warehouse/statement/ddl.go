package statement

import (
	"fmt"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

// defineObject does a statement that makes, changes or drops an object. The open transaction has been committed before.
func (x *execution) defineObject(parsed dialect.Statement) (*answer.Result, error) {
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
		if _, err := stage.ReadFormat(st.Format); err != nil {
			return nil, err
		}
		return x.create(&catalog.Object{Kind: "FILE FORMAT", Name: st.Name, Comment: st.Comment, Body: catalog.Body{Options: st.Format}}, st.OrReplace, st.IfNotExists)
	case *dialect.CreateStage:
		return x.createStage(st)
	case *dialect.CreateIntegration:
		return x.createIntegration(st)
	case *dialect.CreatePipe:
		o, err := x.runner.Pipes.Check(st)
		if err != nil {
			return nil, err
		}
		return x.create(o, st.OrReplace, st.IfNotExists)
	case *dialect.AlterPipe:
		return x.runner.Pipes.Alter(x.ctx, st)
	case *dialect.AlterTable:
		return x.alterTable(st)
	case *dialect.AlterObject:
		return x.alterObject(st)
	case *dialect.AccountStatement:
		return x.account(st)
	case *dialect.Drop:
		return x.drop(st)
	}
	return nil, fault.Unsupported(fmt.Sprintf("%T", parsed))
}

// create publishes o, or answers that it is there already. It holds the lock of the name against running changes.
func (x *execution) create(o *catalog.Object, orReplace, ifNotExists bool, steps ...func(d *catalog.Draft) error) (*answer.Result, error) {
	said := answer.Message(answer.TypeDDL, "%s %s successfully created.", fault.Title(o.Kind), o.Name.Last())
	var owner engine.Owner
	locks := x.runner.Engine.Locks
	defer locks.Release(&owner)
	if o.Kind == "TABLE" || o.Kind == "VIEW" {
		if err := locks.Acquire(x.ctx, &owner, o.Name, x.Session.LockTimeout()); err != nil {
			return nil, err
		}
	}
	o.Owner = x.Session.Env().Role
	err := x.runner.Catalog.Define(x.ctx, func(d *catalog.Draft) error {
		o.ID = 0
		old := d.Cat.Get(o.Kind, o.Name)
		if o.Kind == "TABLE" || o.Kind == "VIEW" {
			old = d.Cat.Relation(o.Name)
		}
		if old != nil && ifNotExists {
			said = answer.Message(answer.TypeDDL, "%s already exists, statement succeeded.", o.Name.Last())
			return nil
		}
		if old != nil && (!orReplace || old.Kind != o.Kind) {
			return fault.AlreadyExists(o.Name.Last())
		}
		if err := x.parentExists(d, o); err != nil {
			return err
		}
		if old != nil {
			if err := d.Drop(old); err != nil {
				return err
			}
		}
		for _, step := range steps {
			if err := step(d); err != nil {
				return err
			}
		}
		return d.Put(o)
	})
	if err != nil {
		return nil, err
	}
	x.runner.Pipes.Wake()
	return said, nil
}

// parentExists refuses what would hang in the air. DuckDB would notice for tables only.
func (x *execution) parentExists(d *catalog.Draft, o *catalog.Object) error {
	if o.Name.Object != "" && o.Name.Schema != "" && d.Cat.Get("SCHEMA", dialect.Name{Database: o.Name.Database, Schema: o.Name.Schema}) == nil {
		return fault.NotExist("SCHEMA", dialect.Name{Database: o.Name.Database, Schema: o.Name.Schema}.Plain())
	}
	if o.Kind == "SCHEMA" && d.Cat.Get("DATABASE", dialect.Name{Database: o.Name.Database}) == nil {
		return fault.NotExist("DATABASE", o.Name.Database)
	}
	return nil
}

func (x *execution) createDatabase(st *dialect.CreateDatabase) (*answer.Result, error) {
	o := &catalog.Object{Kind: "DATABASE", Name: dialect.Name{Database: st.Name}, Comment: st.Comment, Body: catalog.Body{Options: st.Options}}
	said, err := x.create(o, st.OrReplace, st.IfNotExists, func(d *catalog.Draft) error {
		return d.PutSchema(dialect.Name{Database: o.Name.Database, Schema: "PUBLIC"}, x.Session.Env().Role, "")
	})
	if err == nil {
		x.Session.Use(o.Name.Database, "PUBLIC")
	}
	return said, err
}

func (x *execution) createSchema(st *dialect.CreateSchema) (*answer.Result, error) {
	o := &catalog.Object{Kind: "SCHEMA", Name: st.Name, Comment: st.Comment, Body: catalog.Body{Options: st.Options}}
	said, err := x.create(o, st.OrReplace, st.IfNotExists, func(d *catalog.Draft) error {
		return d.Exec("CREATE SCHEMA IF NOT EXISTS " + dialect.Quote(st.Name.DuckDBSchema()))
	})
	if err == nil {
		x.Session.Use(st.Name.Database, st.Name.Schema)
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
			return fault.New(2025, "42S21", "SQL compilation error:\nduplicate column name '%s'", c.Name)
		case known:
			return fault.Unsupported(fmt.Sprintf("columns %s and %s in one table, which differ only in case", dialect.Quote(other), dialect.Quote(c.Name)))
		case len([]rune(c.Name)) > maxIdentifier:
			return fault.New(3003, "42601", "SQL compilation error:\nIdentifier of a column is longer than %d characters: '%.40s…'", maxIdentifier, c.Name)
		}
		seen[folded] = c.Name
	}
	return nil
}

// maxIdentifier is the service's limit of a name, in characters.
const maxIdentifier = 255

func (x *execution) createTable(st *dialect.CreateTable) (*answer.Result, error) {
	if err := checkColumns(st.Columns); err != nil {
		return nil, err
	}
	o := &catalog.Object{Kind: "TABLE", Name: st.Name, Comment: st.Comment,
		Body: catalog.Body{Columns: st.Columns, ClusterBy: st.ClusterBy, Transient: st.Transient, Options: st.Options}}
	if st.Temporary {
		o.Body.Session = x.Session.ID
	}
	source := st.Like
	if st.Clone != nil {
		source = st.Clone
	}
	if source != nil {
		if err := x.known(*source); err != nil {
			return nil, err
		}
		o.Body.Columns = x.runner.Catalog.Relation(*source).Body.Columns
	}
	var args []any
	if st.As != nil {
		if err := x.known(st.As.Reads...); err != nil {
			return nil, err
		}
		var err error
		if args, err = x.Binds.Args(0, x.uses(st.As.Binds)); err != nil {
			return nil, err
		}
	}
	said, err := x.create(o, st.OrReplace, st.IfNotExists, func(d *catalog.Draft) error {
		if source != nil {
			return d.CopyTable(st.Name, *source, o.Body.Columns, st.Clone != nil)
		}
		if st.As != nil {
			release, err := x.gather(d.Ctx, d.Conn, st.As.Sources)
			if err != nil {
				return err
			}
			defer release()
		}
		if err := d.Exec(st.SQL, args...); err != nil {
			return err
		}
		if st.As == nil {
			return nil
		}
		columns, err := d.ColumnsOf(st.Name, st.Columns)
		o.Body.Columns = columns
		return err
	})
	if err == nil && st.As != nil && !strings.Contains(*said.Rows[0][0], "already exists") {
		said = answer.Message(answer.TypeDDL, "Table %s successfully created.", st.Name.Object)
	}
	return said, err
}

func (x *execution) createView(st *dialect.CreateView) (*answer.Result, error) {
	if err := x.known(st.Query.Reads...); err != nil {
		return nil, err
	}
	o := &catalog.Object{Kind: "VIEW", Name: st.Name, Comment: st.Comment, Body: catalog.Body{Text: st.Text}}
	return x.create(o, st.OrReplace, st.IfNotExists, func(d *catalog.Draft) error {
		if err := d.Exec(st.SQL); err != nil {
			return err
		}
		columns, err := d.ColumnsOf(st.Name, nil)
		for i, comment := range st.Comments[:min(len(st.Comments), len(columns))] {
			columns[i].Comment = comment
		}
		o.Body.Columns = columns
		return err
	})
}

func (x *execution) drop(st *dialect.Drop) (*answer.Result, error) {
	var owner engine.Owner
	locks := x.runner.Engine.Locks
	defer locks.Release(&owner)
	if st.Kind == "TABLE" || st.Kind == "VIEW" {
		if err := locks.Acquire(x.ctx, &owner, st.Name, x.Session.LockTimeout()); err != nil {
			return nil, err
		}
	}
	said := answer.Message(answer.TypeDDL, "%s successfully dropped.", st.Name.Last())
	err := x.runner.Catalog.Define(x.ctx, func(d *catalog.Draft) error {
		o := d.Cat.Get(st.Kind, st.Name)
		switch {
		case o == nil && st.IfExists:
			said = answer.Message(answer.TypeDDL, "Drop statement executed successfully (%s already dropped).", st.Name.Last())
			return nil
		case o == nil:
			return fault.NotExist(st.Kind, st.Name.Plain())
		}
		return d.Drop(o)
	})
	if err != nil {
		return nil, err
	}
	x.runner.Pipes.Wake()
	return said, nil
}
