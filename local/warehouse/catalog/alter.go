package catalog

import (
	"slices"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
)

// Rename gives a table or view another name in its schema; texts do it in the database.
func (d *Draft) Rename(old *Object, to dialect.Name, texts []string) error {
	if len(texts) == 0 {
		return fault.Unsupported("RENAME into another schema")
	}
	if d.Cat.Relation(to) != nil {
		return fault.AlreadyExists(to.Last())
	}
	for _, text := range texts {
		if err := d.Exec(text); err != nil {
			return err
		}
	}
	renamed := *old
	renamed.Name = to
	d.Drops = append(d.Drops, old)
	return d.Put(&renamed)
}

// Alter applies a change to a copy of a table's catalog entry.
func (o *Object) Alter(st *dialect.AlterTable) error {
	find := func(name string) int {
		return slices.IndexFunc(o.Body.Columns, func(c dialect.Column) bool { return c.Name == name })
	}
	for _, c := range st.AddColumns {
		if find(c.Name) >= 0 {
			if st.AddIfNotExists {
				continue
			}
			return fault.New(1430, "42601", "SQL compilation error:\ncolumn '%s' already exists", c.Name)
		}
		o.Body.Columns = append(o.Body.Columns, c)
	}
	for _, name := range st.DropColumns {
		at := find(name)
		if at >= 0 {
			o.Body.Columns = slices.Delete(o.Body.Columns, at, at+1)
		} else if !st.DropIfExists {
			return fault.New(904, "42000", "SQL compilation error: error line 1\ninvalid identifier '%s'", name)
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

func (o *Object) alterColumn(st *dialect.AlterTable, find func(string) int) error {
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
		return fault.New(904, "42000", "SQL compilation error: error line 1\ninvalid identifier '%s'", name)
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
