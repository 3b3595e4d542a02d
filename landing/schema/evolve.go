package schema

import (
	"errors"
	"fmt"
	"strings"

	"github.com/snowstream/snowstream/record"
)

// Have is a column that a table has, as DESC TABLE tells it.
type Have struct {
	Name string
	// Type is Snowflake's, such as NUMBER(38,0).
	Type     string
	Nullable bool
}

// Evolve returns the statements that bring an existing table to the schema: new optional columns are added. The pipe
// finds columns by the names in an object's header, so it is not touched and forgets nothing: objects from before the
// change load NULL, objects from after it load the value.
//
// What would need old rows or objects to change is an error that names every column: a new required column, another
// type, and a required column that the schema no longer has.
func Evolve(table string, s record.Schema, have []Have) ([]string, error) {
	existing := map[string]Have{}
	for _, h := range have {
		existing[h.Name] = h
	}
	var statements []string
	var errs []error
	for _, c := range s.TableColumns() {
		h, ok := existing[c.Name]
		delete(existing, c.Name)
		switch {
		case !ok && c.Required:
			errs = append(errs, fmt.Errorf("column %s is new and required, but the rows that are there have no value for it: make it optional", c.Name))
		case !ok:
			statements = append(statements, fmt.Sprintf("ALTER TABLE %s ADD COLUMN IF NOT EXISTS %s %s", table, Quote(c.Name), Type(c)))
		case !sameType(h.Type, Type(c)):
			errs = append(errs, fmt.Errorf("column %s is %s in the table and %s in the schema: a type cannot change; take another column name", c.Name, h.Type, Type(c)))
		case !h.Nullable && !c.Required:
			statements = append(statements, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", table, Quote(c.Name)))
		}
	}
	for _, h := range have {
		if _, left := existing[h.Name]; left && !h.Nullable {
			errs = append(errs, fmt.Errorf("column %s of the table is NOT NULL and not in the schema any more: new rows would be refused; keep it, or drop its NOT NULL", h.Name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("bring table %s to the schema: %w", table, err)
	}
	return statements, nil
}

// sameType compares types with their parameters, except for a text's length, which Snowflake adds by itself.
func sameType(a, b string) bool {
	plain := func(t string) string {
		if strings.HasPrefix(t, "VARCHAR") {
			return "VARCHAR"
		}
		return strings.ReplaceAll(strings.ToUpper(t), " ", "")
	}
	return plain(a) == plain(b)
}
