package variant

import (
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/duckdb/duckdb-go/v2"
)

// Register makes the functions of this package known to the database behind conn, for all its connections:
//
//	variant_json(text)           Canonical; NULL for a text of white space
//	variant_try_json(text)       the same, NULL for a text that is wrong
//	variant_get(value, path)     Get
//	variant_text(value, path)    Get and Text
//	variant_elements(value)      Elements, a list
//	variant_keys(value)          Keys, a list
//
// NULL in gives NULL out. They are not stored in the database: register them before a statement, view or macro uses them.
func Register(conn *sql.Conn) error {
	text, err := duckdb.NewTypeInfo(duckdb.TYPE_VARCHAR)
	if err != nil {
		return fmt.Errorf("register the functions of VARIANT: %w", err)
	}
	list, err := duckdb.NewListInfo(text)
	if err != nil {
		return fmt.Errorf("register the functions of VARIANT: %w", err)
	}
	for _, f := range []function{
		{"variant_json", 1, text, func(v []string) (any, error) {
			canonical, err := Canonical(v[0])
			return orNull(canonical, canonical != ""), err
		}},
		{"variant_try_json", 1, text, func(v []string) (any, error) {
			canonical, err := Canonical(v[0])
			return orNull(canonical, err == nil && canonical != ""), nil
		}},
		{"variant_get", 2, text, func(v []string) (any, error) {
			return orNull(Get(v[0], v[1])), nil
		}},
		{"variant_text", 2, text, func(v []string) (any, error) {
			value, _ := Get(v[0], v[1])
			return orNull(Text(value)), nil
		}},
		{"variant_elements", 1, list, func(v []string) (any, error) { return Elements(v[0]), nil }},
		{"variant_keys", 1, list, func(v []string) (any, error) { return Keys(v[0]), nil }},
	} {
		config := duckdb.ScalarFuncConfig{ResultTypeInfo: f.result}
		for range f.arguments {
			config.InputTypeInfos = append(config.InputTypeInfos, text)
		}
		if err := duckdb.RegisterScalarUDF(conn, f.name, &scalar{config, f.do}); err != nil {
			return fmt.Errorf("register %s: %w", f.name, err)
		}
	}
	return nil
}

// function is one function of texts.
type function struct {
	name      string
	arguments int
	result    duckdb.TypeInfo
	do        func(values []string) (any, error)
}

func orNull(text string, ok bool) any {
	if !ok {
		return nil
	}
	return text
}

// scalar is a function as the driver wants it.
type scalar struct {
	config duckdb.ScalarFuncConfig
	do     func(values []string) (any, error)
}

var _ duckdb.ScalarFunc = (*scalar)(nil)

func (s *scalar) Config() duckdb.ScalarFuncConfig { return s.config }

func (s *scalar) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{RowExecutor: func(values []driver.Value) (any, error) {
		var texts [2]string
		for i, v := range values {
			texts[i], _ = v.(string)
		}
		return s.do(texts[:len(values)])
	}}
}
