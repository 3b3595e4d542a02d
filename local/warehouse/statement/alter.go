package statement

import (
	"slices"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
	"github.com/snowstream/snowstream/local/warehouse/fault"
)

// alterTable changes a table's definition in DuckDB and in the catalog, as one commit. It holds the table's lock, so it
// waits for statements that change rows; a pipe that loads at this moment loses against it and loads its files again, with the
// columns that it named when it began.
func (x *execution) alterTable(st *dialect.AlterTable) (*answer.Result, error) {
	var owner engine.Owner
	locks := x.runner.Engine.Locks
	defer locks.Release(&owner)
	if err := locks.Acquire(x.ctx, &owner, st.Name, x.Session.LockTimeout()); err != nil {
		return nil, err
	}
	err := x.runner.Catalog.Define(x.ctx, func(d *catalog.Draft) error {
		old := d.Cat.Relation(st.Name)
		if old == nil {
			if st.IfExists {
				return nil
			}
			return fault.NotExist("TABLE", st.Name.Plain())
		}
		if st.RenameTo != nil {
			return d.Rename(old, *st.RenameTo, st.SQL)
		}
		changed := *old
		changed.Body.Columns = slices.Clone(old.Body.Columns)
		if err := changed.Alter(st); err != nil {
			return err
		}
		if err := checkColumns(changed.Body.Columns); err != nil {
			return err
		}
		for _, text := range st.SQL {
			if err := d.Exec(text); err != nil {
				return err
			}
		}
		return d.Put(&changed)
	})
	if err != nil {
		return nil, err
	}
	return answer.Message(answer.TypeDDL, "Statement executed successfully."), nil
}
