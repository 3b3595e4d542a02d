package variant

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/number"
)

// Register makes the functions of this package known to the database behind conn, for all its connections:
//
//	variant_json(text)           Canonical; NULL for a text of white space
//	variant_try_json(text)       the same, NULL for a text that is wrong
//	variant_get(value, path)     Get
//	variant_text(value, path)    Get and Text
//	variant_elements(value)      Elements, a list
//	variant_keys(value)          Keys, a list
//	variant_key(value)           Key
//	variant_number_key(value)    NumberKey
//	number_key(text)             number.Key
//	number_divide(a, b, type)    number.Divide, of floats where type is DOUBLE
//	number_trunc(x, n)           number.Trunc
//
// NULL in gives NULL out. They are not stored in the database: register them before a statement, view or macro uses them.
//
// given is called for each vector of results and counts the bytes of each before it is handed over; its error fails the
// statement. DuckDB cannot refuse a result that it has no memory for: its exception would end the process.
func Register(conn *sql.Conn, given func() func(bytes int) error) error {
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
		{"variant_key", 1, text, func(v []string) (any, error) { return orNull(Key(v[0])), nil }},
		{"variant_number_key", 1, text, func(v []string) (any, error) {
			key, ok, err := NumberKey(v[0])
			return orNull(key, ok), err
		}},
		{"number_key", 1, text, func(v []string) (any, error) { return orNull(number.Key(v[0])), nil }},
		{"number_divide", 3, text, func(v []string) (any, error) { return number.Divide(v[0], v[1], v[2] == "DOUBLE") }},
		{"number_trunc", 2, text, func(v []string) (any, error) {
			n, err := strconv.Atoi(v[1])
			if err != nil {
				return nil, fmt.Errorf("the scale of TRUNC is no whole number: %w", err)
			}
			return number.Trunc(v[0], n)
		}},
	} {
		config := duckdb.ScalarFuncConfig{ResultTypeInfo: f.result}
		for range f.arguments {
			config.InputTypeInfos = append(config.InputTypeInfos, text)
		}
		if err := duckdb.RegisterScalarUDF(conn, f.name, &scalar{config, f.do, given}); err != nil {
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
	given  func() func(bytes int) error
}

var _ duckdb.ScalarFunc = (*scalar)(nil)

func (s *scalar) Config() duckdb.ScalarFuncConfig { return s.config }

// Executor is called for each vector.
func (s *scalar) Executor() duckdb.ScalarFuncExecutor {
	given := s.given()
	return duckdb.ScalarFuncExecutor{RowExecutor: func(values []driver.Value) (any, error) {
		var texts [3]string
		for i, v := range values {
			texts[i], _ = v.(string)
		}
		out, err := s.do(texts[:len(values)])
		if err == nil {
			err = given(size(out))
		}
		return out, err
	}}
}

// size is how many bytes a result has.
func size(result any) (n int) {
	switch v := result.(type) {
	case string:
		n = len(v)
	case []string:
		for _, text := range v {
			n += len(text)
		}
	}
	return n
}
