package engine

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// DescribeColumn is the wire's column for a column of DuckDB's type, and whether its cells must be cast to text first,
// because the driver for DuckDB would read them through floats or into trees.
func DescribeColumn(name, duckType string) (c answer.Column, cast string) {
	base, sizes, _ := strings.Cut(duckType, "(")
	switch {
	case strings.HasSuffix(duckType, "]") || base == "STRUCT" || base == "MAP" || base == "UNION":
		kind := "object"
		if strings.HasSuffix(duckType, "]") {
			kind = "array"
		}
		return answer.Column{Name: name, Type: kind, Nullable: true}, "CAST(to_json(%s) AS VARCHAR)"
	case base == "JSON":
		return answer.Column{Name: name, Type: "variant", Nullable: true}, "CAST(%s AS VARCHAR)"
	case base == "VARIANT":
		return answer.Column{Name: name, Type: "variant", Nullable: true}, "CAST(CAST(%s AS JSON) AS VARCHAR)"
	}
	switch base {
	case "DECIMAL":
		var precision, scale int64
		_, _ = fmt.Sscanf(sizes, "%d,%d", &precision, &scale)
		return answer.Fixed(name, precision, scale), ""
	case "TINYINT", "UTINYINT":
		return answer.Fixed(name, 3, 0), ""
	case "SMALLINT", "USMALLINT":
		return answer.Fixed(name, 5, 0), ""
	case "INTEGER", "UINTEGER":
		return answer.Fixed(name, 10, 0), ""
	case "BIGINT", "UBIGINT":
		return answer.Fixed(name, 19, 0), ""
	case "HUGEINT", "UHUGEINT":
		return answer.Fixed(name, 38, 0), ""
	case "DOUBLE", "FLOAT":
		return answer.Column{Name: name, Type: "real", Nullable: true}, ""
	case "BOOLEAN", "DATE":
		return answer.Column{Name: name, Type: strings.ToLower(base), Nullable: true}, ""
	case "TIME":
		return answer.Scaled(name, "time", 9), ""
	case "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS":
		return answer.Scaled(name, "timestamp_ntz", 9), ""
	case "TIMESTAMPTZ":
		return answer.Scaled(name, "timestamp_ltz", 9), ""
	case "BLOB":
		length := int64(8388608)
		return answer.Column{Name: name, Type: "binary", Length: &length, ByteLength: &length, Nullable: true}, ""
	case "VARCHAR":
		return answer.Text(name), ""
	}
	return answer.Text(name), "CAST(%s AS VARCHAR)"
}

// QueryRows runs a query and hands every row to sink. Columns are told first. A query with columns that must be
// cast is asked again inside a projection; DuckDB keeps the order of the inner query. likely says that there may be such
// columns: then they are looked for before the query runs, at the price of planning it once more.
func QueryRows(ctx context.Context, conn *sql.Conn, text string, args []any, likely bool, sink rowSink) error {
	var columns []answer.Column
	wrapped := ""
	if likely {
		var err error
		if columns, wrapped, err = DescribeQuery(ctx, conn, text, args); err != nil {
			return err
		}
	}
	if wrapped == "" {
		rows, err := conn.QueryContext(ctx, text, args...)
		if err != nil {
			return err
		}
		if columns, wrapped, err = describeRows(rows, text); err == nil && wrapped == "" {
			return sendRows(rows, columns, sink)
		}
		if err := errors.Join(err, rows.Close()); err != nil {
			return err
		}
	}
	rows, err := conn.QueryContext(ctx, wrapped, args...)
	if err != nil {
		return err
	}
	return sendRows(rows, columns, sink)
}

// sendRows hands rows to sink and closes them.
func sendRows(rows *sql.Rows, columns []answer.Column, sink rowSink) error {
	defer rows.Close()
	if err := sink.Start(columns); err != nil {
		return err
	}
	cells, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range cells {
		into[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read a row: %w", err)
		}
		row := make([]*string, len(columns))
		for i, cell := range cells {
			var err error
			if row[i], err = encodeCell(columns[i].Type, cell); err != nil {
				return err
			}
		}
		if err := sink.Row(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// rowSink receives an answer row by row.
type rowSink interface {
	Start(columns []answer.Column) error
	Row(cells []*string) error
}

// DescribeQuery tells a query's columns without running it, and the text that casts what must be cast, if anything.
func DescribeQuery(ctx context.Context, conn *sql.Conn, text string, args []any) ([]answer.Column, string, error) {
	rows, err := conn.QueryContext(ctx, "SELECT * FROM ("+text+"\n) LIMIT 0", args...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	return describeRows(rows, text)
}

// describeRows is describeQuery for the rows of text.
func describeRows(rows *sql.Rows, text string) ([]answer.Column, string, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, "", err
	}
	columns := make([]answer.Column, len(types))
	names, items := make([]string, len(types)), make([]string, len(types))
	casts := false
	for i, t := range types {
		var cast string
		columns[i], cast = DescribeColumn(t.Name(), t.DatabaseTypeName())
		names[i] = dialect.Quote("c" + strconv.Itoa(i))
		items[i] = names[i]
		if cast != "" {
			items[i] = fmt.Sprintf(cast, names[i])
			casts = true
		}
	}
	if !casts {
		return columns, "", nil
	}
	return columns, "SELECT " + strings.Join(items, ", ") + " FROM (" + text + "\n) AS q(" + strings.Join(names, ", ") + ")", nil
}

// encodeCell is the wire's text of one value. Decimals go through big integers, never through floats.
func encodeCell(kind string, value any) (*string, error) {
	var text string
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		text = v
		if kind == "variant" || kind == "object" || kind == "array" {
			text = indentJSON(v)
		}
	case bool:
		text = "0"
		if v {
			text = "1"
		}
	case []byte:
		text = strings.ToUpper(hex.EncodeToString(v))
	case *big.Int:
		text = v.String()
	case duckdb.Decimal:
		text = decimalText(v.Value, int(v.Scale))
	case float64:
		text = realText(v, 64)
	case float32:
		text = realText(float64(v), 32)
	case time.Time:
		text = answer.TimeText(kind, v)
	case int8, int16, int32, int64, uint8, uint16, uint32, uint64:
		text = fmt.Sprint(v)
	default:
		return nil, fmt.Errorf("encode a cell: unexpected value of type %T", value)
	}
	return &text, nil
}

// decimalText writes unscaled / 10^scale with all its digits.
func decimalText(unscaled *big.Int, scale int) string {
	digits := unscaled.String()
	if scale == 0 {
		return digits
	}
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale+1-len(digits)) + digits
	}
	return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}

func realText(f float64, bits int) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "NaN"
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

// indentJSON lays a document out as the service does: two blanks a level. Numbers keep their digits.
func indentJSON(text string) string {
	if !strings.ContainsAny(text, "{[") {
		return text
	}
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(text), "", "  "); err != nil {
		return text
	}
	return out.String()
}
