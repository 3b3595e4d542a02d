package engine

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/variant"
)

// Binds are the values that came with a statement, by number from 1: one row of them, or several when they are arrays.
type Binds struct {
	kinds  []string
	Rows   [][]*string
	array  bool
	length int
}

func (b *Binds) Size() int { return b.length }

// ReadBinds orders the bindings by number. Array binds must all have the same length.
func ReadBinds(bindings map[string]Binding) (*Binds, error) {
	b := &Binds{kinds: make([]string, len(bindings)), Rows: [][]*string{make([]*string, len(bindings))}}
	for name, bound := range bindings {
		n, err := strconv.Atoi(name)
		if err != nil || n < 1 || n > len(bindings) {
			return nil, fault.New(2049, "42601", "SQL compilation error: error\nBind variable %s is not one of 1 to %d.", name, len(bindings))
		}
		b.length += len(bound.Value)
		b.kinds[n-1] = strings.ToUpper(bound.Type)
		if err := b.put(n-1, bound.Value); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *Binds) put(at int, value json.RawMessage) error {
	if len(value) == 0 || value[0] != '[' {
		if text, ok := variant.Unquote(string(value)); ok {
			for _, row := range b.Rows {
				row[at] = &text
			}
			return nil
		}
		var text *string
		if err := json.Unmarshal(value, &text); err != nil && len(value) > 0 {
			return fault.New(2049, "42601", "SQL compilation error: error\nThe value of bind variable %d is not a text.", at+1)
		}
		for _, row := range b.Rows {
			row[at] = text
		}
		return nil
	}
	var texts []*string
	if err := json.Unmarshal(value, &texts); err != nil {
		return fault.New(2049, "42601", "SQL compilation error: error\nThe array of bind variable %d is not a list of texts.", at+1)
	}
	if b.array && len(texts) != len(b.Rows) {
		return fault.New(2049, "42601", "SQL compilation error: error\nArray bind variables have different lengths: %d and %d.", len(b.Rows), len(texts))
	}
	for len(b.Rows) < len(texts) {
		b.Rows = append(b.Rows, append([]*string(nil), b.Rows[0]...))
	}
	b.Rows, b.array = b.Rows[:len(texts)], true
	for i, text := range texts {
		b.Rows[i][at] = text
	}
	return nil
}

// Texts are the first row's values as they came, without the first binds; NULL is an empty text.
func (b *Binds) Texts(from int) []string {
	texts := make([]string, max(len(b.kinds)-from, 0))
	for i := range texts {
		if text := b.Rows[0][from+i]; text != nil {
			texts[i] = *text
		}
	}
	return texts
}

// Args are the values of one row for DuckDB, in the order of its parameters; uses maps parameters to bind numbers.
func (b *Binds) Args(row int, uses []int) ([]any, error) {
	args := make([]any, len(uses))
	for i, n := range uses {
		if n < 1 || n > len(b.kinds) {
			return nil, fault.New(2049, "42601", "SQL compilation error: error\nBind variable :%d not set.", n)
		}
		if row >= len(b.Rows) {
			return nil, fault.New(2049, "42601", "SQL compilation error: error\nAn array bind variable is empty.")
		}
		value, err := bindValue(b.kinds[n-1], b.Rows[row][n-1])
		if err != nil {
			return nil, fault.New(2049, "42601", "SQL compilation error: error\nBind variable %d: %v.", n, err)
		}
		args[i] = value
	}
	return args, nil
}

// bindValue is the value of DuckDB for a text of the wire.
func bindValue(kind string, text *string) (any, error) {
	if text == nil {
		return nil, nil
	}
	switch kind {
	case "FIXED":
		if n, err := strconv.ParseInt(*text, 10, 64); err == nil {
			return n, nil
		}
		return *text, nil
	case "REAL":
		return bindReal(*text)
	case "BOOLEAN":
		truth, err := strconv.ParseBool(*text)
		if err != nil {
			return nil, fmt.Errorf("it is no BOOLEAN")
		}
		return truth, nil
	case "BINARY":
		raw, err := hex.DecodeString(*text)
		if err != nil {
			return nil, fmt.Errorf("it is no hexadecimal BINARY")
		}
		return raw, nil
	case "DATE", "TIME", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ":
		return bindTime(kind, *text)
	}
	return *text, nil
}

func bindReal(text string) (any, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("it is no REAL")
	}
	return f, nil
}

// bindTime reads epoch milliseconds (DATE), nanoseconds since midnight (TIME), epoch nanoseconds, and for TIMESTAMP_TZ
// the zone offset behind a space. A text that is no number is left to the database to read.
func bindTime(kind, text string) (any, error) {
	number, zone, _ := strings.Cut(text, " ")
	n, ok := new(big.Int).SetString(number, 10)
	if !ok {
		return text, nil
	}
	if kind == "DATE" {
		if !n.IsInt64() {
			return nil, fmt.Errorf("the DATE is out of range")
		}
		return duckdb.Typed(time.UnixMilli(n.Int64()).UTC(), duckdb.TYPE_DATE), nil
	}
	seconds, nanos := new(big.Int).DivMod(n, big.NewInt(1e9), new(big.Int))
	if !seconds.IsInt64() {
		return nil, fmt.Errorf("the %s is out of range", kind)
	}
	at := time.Unix(seconds.Int64(), nanos.Int64()).UTC()
	switch kind {
	case "TIME":
		return duckdb.Typed(at, duckdb.TYPE_TIME), nil
	case "TIMESTAMP_NTZ":
		// The driver for DuckDB takes nanoseconds of whole years only.
		if at.Year() < 1678 || at.Year() > 2261 {
			if nanos.Int64()%1000 != 0 {
				return nil, fmt.Errorf("the TIMESTAMP_NTZ has nanoseconds in a year, %d, for which this warehouse holds microseconds", at.Year())
			}
			return duckdb.Typed(at, duckdb.TYPE_TIMESTAMP), nil
		}
		return duckdb.Typed(at, duckdb.TYPE_TIMESTAMP_NS), nil
	}
	if zone != "" {
		if _, err := strconv.Atoi(zone); err != nil {
			return nil, fmt.Errorf("the zone of the TIMESTAMP_TZ is no number")
		}
	}
	return duckdb.Typed(at, duckdb.TYPE_TIMESTAMP_TZ), nil
}

// HoldsNanoseconds says whether a time lies in the years that DuckDB's TIMESTAMP_NS has.
func HoldsNanoseconds(t time.Time) bool {
	return !t.Before(time.Unix(-9223286400, 0)) && t.Before(time.Unix(9223372036, 0))
}

// Binding is one bind: a text, null, or a list of them.
type Binding struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

// Times is how often a statement runs: once, or once for each element of its array binds.
func (b *Binds) Times(uses []int) int {
	if len(uses) == 0 {
		return 1
	}
	return len(b.Rows)
}
