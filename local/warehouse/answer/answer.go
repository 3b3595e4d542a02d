// Package answer is what a statement gives back: columns, rows as the wire's texts, and the part of a large answer that
// waits in files.
//
// It knows no database, no session and no protocol beyond the form of a cell. It may write the files of one folder.
package answer

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Statement types, as the driver tells DML (0x3000 to 0x3500) and queries from the rest.
const (
	TypeSelect = 0x1000
	TypeInsert = 0x3100
	TypeUpdate = 0x3200
	TypeDelete = 0x3300
	TypeMerge  = 0x3400
	TypeCopy   = 0x3600
	TypeSet    = 0x4000
	TypeUse    = 0x4300
	TypeBegin  = 0x5000
	TypeDDL    = 0x6000
	typeList   = 0x7000
	TypeMulti  = 0xA000
)

// Result is a statement's answer before it is encoded. Rows that do not fit inline are in chunks on disk.
type Result struct {
	Kind    int64
	Columns []Column
	Rows    [][]*string
	Chunks  []ChunkFile
	Total   int64
	// Inline is an Arrow stream in place of Rows, where the client reads those.
	Inline []byte
	bytes  int
	Binds  int
	// Transfer is the answer of PUT and GET, in place of rows.
	Transfer *Transfer
	// ids and kinds list the queries of a request with several statements, separated by commas.
	Ids, Kinds string
}

// Transfer tells a client which files it should move.
type Transfer struct {
	Put bool
	// Sources are of PUT the local paths, of GET the names below Folder.
	Sources []string
	// Local is where the files of GET go.
	Local        string
	Parallel     int64
	AutoCompress bool
	Compression  string
	Overwrite    bool
	// Folder is where the client finds or writes the files itself. Where it is empty Addresses are the paths of HTTP for
	// the Sources, in their order.
	Folder    string
	Addresses []string
}

// Message is the one-cell answer of statements that have nothing else to say.
func Message(kind int64, format string, args ...any) *Result {
	text := fmt.Sprintf(format, args...)
	return &Result{Kind: kind, Columns: []Column{Text("status")}, Rows: [][]*string{{&text}}, Total: 1}
}

// Counts is the answer of a statement that changed rows: one number under each name.
func Counts(kind int64, names []string, numbers ...int64) *Result {
	r := &Result{Kind: kind, Rows: [][]*string{make([]*string, len(names))}, Total: 1}
	for i, name := range names {
		text := strconv.FormatInt(numbers[i], 10)
		r.Columns = append(r.Columns, Fixed(name, 19, 0))
		r.Rows[0][i] = &text
	}
	return r
}

func Text(name string) Column {
	length := int64(16777216)
	bytes := 4 * length
	return Column{Name: name, Type: "text", Length: &length, ByteLength: &bytes, Nullable: true}
}

func Fixed(name string, precision, scale int64) Column {
	return Column{Name: name, Type: "fixed", Precision: &precision, Scale: &scale, Nullable: true}
}

func Scaled(name, kind string, scale int64) Column {
	precision := int64(0)
	return Column{Name: name, Type: kind, Precision: &precision, Scale: &scale, Nullable: true}
}

// TimeText writes days, or seconds with nine digits behind the point.
func TimeText(kind string, t time.Time) string {
	switch kind {
	case "date":
		return strconv.FormatInt(int64(math.Floor(float64(t.Unix())/86400)), 10)
	case "time":
		return fmt.Sprintf("%d.%09d", t.Hour()*3600+t.Minute()*60+t.Second(), t.Nanosecond())
	}
	seconds, nanos := t.Unix(), int64(t.Nanosecond())
	if seconds < 0 && nanos > 0 {
		return fmt.Sprintf("-%d.%09d", -seconds-1, 1_000_000_000-nanos)
	}
	return fmt.Sprintf("%d.%09d", seconds, nanos)
}

// Column describes one column of an answer.
type Column struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Precision  *int64 `json:"precision"`
	Scale      *int64 `json:"scale"`
	Length     *int64 `json:"length"`
	ByteLength *int64 `json:"byteLength"`
	Nullable   bool   `json:"nullable"`
}
