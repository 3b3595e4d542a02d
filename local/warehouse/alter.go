package warehouse

import (
	"slices"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// alterTable changes a table's definition in DuckDB and in the catalog, as one commit. It holds the table's lock, so it
// waits for statements that change rows; a pipe that loads at this moment loses against it and loads its files again, with the
// columns that it named when it began.
func (x *execution) alterTable(st *dialect.AlterTable) (*result, error) {
	var owner lockOwner
	locks := x.runner.engine.locks
	defer locks.release(&owner)
	if err := locks.acquire(x.ctx, &owner, st.Name, x.session.lockTimeout()); err != nil {
		return nil, err
	}
	err := x.runner.catalog.define(x.ctx, func(d *draft) error {
		old := d.cat.relation(st.Name)
		if old == nil {
			if st.IfExists {
				return nil
			}
			return notExist("TABLE", st.Name.Plain())
		}
		if st.RenameTo != nil {
			return d.rename(old, *st.RenameTo, st.SQL)
		}
		changed := *old
		changed.Body.Columns = slices.Clone(old.Body.Columns)
		if err := changed.alter(st); err != nil {
			return err
		}
		if err := checkColumns(changed.Body.Columns); err != nil {
			return err
		}
		for _, text := range st.SQL {
			if err := d.exec(text); err != nil {
				return err
			}
		}
		return d.put(&changed)
	})
	if err != nil {
		return nil, err
	}
	return message(typeDDL, "Statement executed successfully."), nil
}

func (d *draft) rename(old *object, to dialect.Name, texts []string) error {
	if len(texts) == 0 {
		return unsupported("RENAME into another schema")
	}
	if d.cat.relation(to) != nil {
		return alreadyExists(to.Last())
	}
	for _, text := range texts {
		if err := d.exec(text); err != nil {
			return err
		}
	}
	renamed := *old
	renamed.Name = to
	d.drops = append(d.drops, old)
	return d.put(&renamed)
}

// alter applies a change to a copy of a table's catalog entry.
func (o *object) alter(st *dialect.AlterTable) error {
	find := func(name string) int {
		return slices.IndexFunc(o.Body.Columns, func(c dialect.Column) bool { return c.Name == name })
	}
	for _, c := range st.AddColumns {
		if find(c.Name) >= 0 {
			if st.AddIfNotExists {
				continue
			}
			return refuse(1430, "42601", "SQL compilation error:\ncolumn '%s' already exists", c.Name)
		}
		o.Body.Columns = append(o.Body.Columns, c)
	}
	for _, name := range st.DropColumns {
		at := find(name)
		if at >= 0 {
			o.Body.Columns = slices.Delete(o.Body.Columns, at, at+1)
		} else if !st.DropIfExists {
			return refuse(904, "42000", "SQL compilation error: error line 1\ninvalid identifier '%s'", name)
		}
	}
	if st.ClusterBy != nil {
		o.Body.ClusterBy = st.ClusterBy
	}
	if comment, ok := st.Set.Get("COMMENT"); ok {
		o.Comment = comment.Text
	}
	o.Body.Options = append(slices.Clone(o.Body.Options), st.Set...)
	return o.alterColumn(st, find)
}

func (o *object) alterColumn(st *dialect.AlterTable, find func(string) int) error {
	name := ""
	switch {
	case st.RenameColumn != nil:
		name = st.RenameColumn.From
	case st.AlterColumn != nil:
		name = st.AlterColumn.Name
	default:
		return nil
	}
	at := find(name)
	if at < 0 {
		return refuse(904, "42000", "SQL compilation error: error line 1\ninvalid identifier '%s'", name)
	}
	c := &o.Body.Columns[at]
	if st.RenameColumn != nil {
		c.Name = st.RenameColumn.To
		return nil
	}
	change := st.AlterColumn
	if change.Type != nil {
		c.Type = *change.Type
	}
	if change.NotNull != nil {
		c.NotNull = *change.NotNull
	}
	if change.DropDefault {
		c.Default, c.DefaultSQL = "", ""
	}
	if change.Comment != nil {
		c.Comment = *change.Comment
	}
	return nil
}
