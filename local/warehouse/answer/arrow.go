package answer

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// narrow is how many digits fit into 64 bits.
const narrow = 18

// ToArrow writes the rows again as Arrow streams, in the types in which the service sends them: the inline rows into
// Inline, each chunk into its file. wide says which columns have numbers of more than 18 digits, for the others travel as
// 64 bits, as users of data frames expect. An answer
// without any row has no stream either. Rows stay, for who asks for the answer again.
func (r *Result) ToArrow(dir string, wide []bool) error {
	if r.Total == 0 {
		// As the service does it. The Python connector 4 dies of an empty batch, and cannot make a table of a stream without one.
		r.Inline = []byte{}
		return nil
	}
	schema := arrowSchema(r.Columns, wide)
	inline, err := arrowStream(schema, r.Columns, r.Rows)
	if err != nil {
		return err
	}
	for i := range r.Chunks {
		if err := r.Chunks[i].toArrow(dir, schema, r.Columns); err != nil {
			return err
		}
	}
	r.Inline = inline
	return nil
}

// read is the rows of a stored part that is no Arrow stream.
func (c *ChunkFile) read(dir string) ([][]*string, error) {
	packed, err := os.ReadFile(filepath.Join(dir, c.Name))
	if err != nil {
		return nil, fmt.Errorf("read a result chunk: %w", err)
	}
	unzip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("read a result chunk: %w", err)
	}
	var rows [][]*string
	decoder := json.NewDecoder(io.MultiReader(strings.NewReader("["), unzip, strings.NewReader("]")))
	if err := decoder.Decode(&rows); err != nil {
		return nil, fmt.Errorf("read a result chunk: %w", err)
	}
	return rows, nil
}

func (c *ChunkFile) toArrow(dir string, schema *arrow.Schema, columns []Column) error {
	rows, err := c.read(dir)
	if err != nil {
		return err
	}
	stream, err := arrowStream(schema, columns, rows)
	if err != nil {
		return err
	}
	again, err := zipped(stream)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, c.Name), again, 0o600); err != nil {
		return fmt.Errorf("store a result chunk: %w", err)
	}
	c.Plain, c.Packed = int64(len(stream)), int64(len(again))
	return nil
}

// arrowSchema has the service's names of types in each field's metadata: clients read them there.
func arrowSchema(columns []Column, wide []bool) *arrow.Schema {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		names, values := []string{"logicalType"}, []string{strings.ToUpper(c.Type)}
		for _, size := range []struct {
			name string
			n    *int64
		}{{"precision", c.Precision}, {"scale", c.Scale}, {"charLength", c.Length}, {"byteLength", c.ByteLength}} {
			if size.n != nil {
				names, values = append(names, size.name), append(values, strconv.FormatInt(*size.n, 10))
			}
		}
		fields[i] = arrow.Field{Name: c.Name, Type: arrowType(c, wide[i]), Nullable: true, Metadata: arrow.NewMetadata(names, values)}
	}
	return arrow.NewSchema(fields, nil)
}

func arrowType(c Column, wide bool) arrow.DataType {
	switch c.Type {
	case "fixed":
		if wide {
			return &arrow.Decimal128Type{Precision: 38, Scale: int32(*c.Scale)}
		}
		return arrow.PrimitiveTypes.Int64
	case "real":
		return arrow.PrimitiveTypes.Float64
	case "boolean":
		return arrow.FixedWidthTypes.Boolean
	case "date":
		return arrow.FixedWidthTypes.Date32
	case "time":
		return arrow.PrimitiveTypes.Int64
	case "timestamp_ntz", "timestamp_ltz":
		return arrow.StructOf(arrow.Field{Name: "epoch", Type: arrow.PrimitiveTypes.Int64}, arrow.Field{Name: "fraction", Type: arrow.PrimitiveTypes.Int32})
	case "timestamp_tz":
		return arrow.StructOf(arrow.Field{Name: "epoch", Type: arrow.PrimitiveTypes.Int64}, arrow.Field{Name: "fraction", Type: arrow.PrimitiveTypes.Int32},
			arrow.Field{Name: "timezone", Type: arrow.PrimitiveTypes.Int32})
	case "binary":
		return arrow.BinaryTypes.Binary
	}
	return arrow.BinaryTypes.String
}

// arrowStream is one stream of the rows.
func arrowStream(schema *arrow.Schema, columns []Column, rows [][]*string) ([]byte, error) {
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	for _, row := range rows {
		for i, cell := range row {
			field := builder.Field(i)
			if cell == nil {
				field.AppendNull()
				continue
			}
			if err := appendCell(field, columns[i], *cell); err != nil {
				return nil, fmt.Errorf("encode column %s for Arrow: %w", columns[i].Name, err)
			}
		}
	}
	record := builder.NewRecordBatch()
	defer record.Release()
	var out bytes.Buffer
	writer := ipc.NewWriter(&out, ipc.WithSchema(schema))
	if err := writer.Write(record); err != nil {
		return nil, fmt.Errorf("encode an answer for Arrow: %w", err)
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("encode an answer for Arrow: %w", err)
	}
	return out.Bytes(), nil
}

func appendCell(field array.Builder, c Column, text string) error {
	switch into := field.(type) {
	case *array.StringBuilder:
		into.Append(text)
	case *array.BooleanBuilder:
		into.Append(text == "1")
	case *array.BinaryBuilder:
		raw, err := hex.DecodeString(text)
		into.Append(raw)
		return err
	case *array.Float64Builder:
		f, err := strconv.ParseFloat(text, 64)
		into.Append(f)
		return err
	case *array.Date32Builder:
		days, err := strconv.ParseInt(text, 10, 32)
		into.Append(arrow.Date32(days))
		return err
	case *array.Decimal128Builder:
		unscaled, ok := new(big.Int).SetString(strings.Replace(text, ".", "", 1), 10)
		if !ok {
			return strconv.ErrSyntax
		}
		into.Append(decimal128.FromBigInt(unscaled))
	case *array.Int64Builder:
		return appendWhole(into, c, text)
	case *array.StructBuilder:
		return appendMoment(into, text)
	}
	return nil
}

// appendWhole appends a number without its point, or a time in nanoseconds since midnight.
func appendWhole(into *array.Int64Builder, c Column, text string) error {
	n, err := strconv.ParseInt(strings.Replace(text, ".", "", 1), 10, 64)
	into.Append(n)
	return err
}

// appendMoment appends the seconds of a timestamp, rounded down, the nanoseconds above them, and the minutes of its zone.
func appendMoment(into *array.StructBuilder, text string) error {
	number, zone, _ := strings.Cut(text, " ")
	nanos, ok := new(big.Int).SetString(strings.Replace(number, ".", "", 1), 10)
	if !ok {
		return strconv.ErrSyntax
	}
	seconds, fraction := new(big.Int).DivMod(nanos, big.NewInt(1e9), new(big.Int))
	into.Append(true)
	into.FieldBuilder(0).(*array.Int64Builder).Append(seconds.Int64())
	into.FieldBuilder(1).(*array.Int32Builder).Append(int32(fraction.Int64()))
	if into.NumField() == 3 {
		offset, err := strconv.ParseInt(zone, 10, 32)
		into.FieldBuilder(2).(*array.Int32Builder).Append(int32(offset))
		return err
	}
	return nil
}
