package catalog

import (
	"fmt"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
)

// CopyTable makes a table of the same columns, with the rows when it is a clone. The definition is written out instead of
// CREATE TABLE AS, which would lose defaults and NOT NULL. A clone is a copy: it takes as long as its rows.
func (d *Draft) CopyTable(name, source dialect.Name, columns []dialect.Column, rows bool) error {
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
	if err := d.Exec("CREATE TABLE " + name.DuckDB() + " (" + strings.Join(parts, ", ") + ")"); err != nil || !rows {
		return err
	}
	return d.Exec("INSERT INTO " + name.DuckDB() + " SELECT * FROM " + source.DuckDB())
}

// ColumnsOf reads back the columns of a table or view that a query has made. Types that were named win over DuckDB's.
func (d *Draft) ColumnsOf(name dialect.Name, named []dialect.Column) ([]dialect.Column, error) {
	rows, err := d.Conn.QueryContext(d.Ctx, "SELECT * FROM "+name.DuckDB()+" LIMIT 0")
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
	c, _ := engine.DescribeColumn("", duckType)
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
