package warehouse

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Statement types, as the driver tells DML (0x3000 to 0x3500) and queries from the rest.
const (
	typeSelect = 0x1000
	typeInsert = 0x3100
	typeUpdate = 0x3200
	typeDelete = 0x3300
	typeMerge  = 0x3400
	typeCopy   = 0x3600
	typeSet    = 0x4000
	typeUse    = 0x4300
	typeBegin  = 0x5000
	typeDDL    = 0x6000
	typeList   = 0x7000
	typeMulti  = 0xA000
)

// result is a statement's answer before it is encoded. Rows that do not fit inline are in chunks on disk.
type result struct {
	kind    int64
	columns []column
	rows    [][]*string
	chunks  []chunkFile
	total   int64
	bytes   int
	binds   int
	// ids and kinds list the queries of a request with several statements, separated by commas.
	ids, kinds string
}

// message is the one-cell answer of statements that have nothing else to say.
func message(kind int64, format string, args ...any) *result {
	text := fmt.Sprintf(format, args...)
	return &result{kind: kind, columns: []column{textColumn("status")}, rows: [][]*string{{&text}}, total: 1}
}

// counts is the answer of a statement that changed rows: one number under each name.
func counts(kind int64, names []string, numbers ...int64) *result {
	r := &result{kind: kind, rows: [][]*string{make([]*string, len(names))}, total: 1}
	for i, name := range names {
		text := strconv.FormatInt(numbers[i], 10)
		r.columns = append(r.columns, fixedColumn(name, 19, 0))
		r.rows[0][i] = &text
	}
	return r
}

func textColumn(name string) column {
	length := int64(16777216)
	bytes := 4 * length
	return column{Name: name, Type: "text", Length: &length, ByteLength: &bytes, Nullable: true}
}

func fixedColumn(name string, precision, scale int64) column {
	return column{Name: name, Type: "fixed", Precision: &precision, Scale: &scale, Nullable: true}
}

func scaledColumn(name, kind string, scale int64) column {
	precision := int64(0)
	return column{Name: name, Type: kind, Precision: &precision, Scale: &scale, Nullable: true}
}

// timeText writes days, or seconds with nine digits behind the point.
func timeText(kind string, t time.Time) string {
	switch kind {
	case "date":
		return strconv.FormatInt(int64(math.Floor(float64(t.Unix())/86400)), 10)
	case "time":
		return fmt.Sprintf("%d.%09d", t.Hour()*3600+t.Minute()*60+t.Second(), t.Nanosecond())
	}
	// The driver reads the parts apart and adds them, so before 1970 the seconds are rounded down.
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

// column describes one column of an answer.
type column struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Precision  *int64 `json:"precision"`
	Scale      *int64 `json:"scale"`
	Length     *int64 `json:"length"`
	ByteLength *int64 `json:"byteLength"`
	Nullable   bool   `json:"nullable"`
}
