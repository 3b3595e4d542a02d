package rawzone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Repaired is the prefix of what a repair has taken away: rows as NDJSON, and objects as they were.
const Repaired = "repaired/"

// RepairedPrefix holds all that repairs of a stream's tables have taken away.
func RepairedPrefix(stream string) string { return Repaired + Escape(stream) + "/" }

// rowsEnd and objectEnd tell the two kinds apart.
const (
	rowsEnd   = "-rows.ndjson"
	objectEnd = "-object"
)

// KeptRowsKey and KeptObjectKey name what is kept at a moment; unique keeps two of one moment apart.
func KeptRowsKey(stream string, at time.Time, unique string) string {
	return kept(stream, at, unique) + rowsEnd
}

// KeptObjectKey is the name of an object of the raw zone as it was.
func KeptObjectKey(stream string, at time.Time, unique string) string {
	return kept(stream, at, unique) + objectEnd
}

func kept(stream string, at time.Time, unique string) string {
	return RepairedPrefix(stream) + at.UTC().Format("20060102T150405.000000Z") + "-" + Escape(unique)
}

// KeptRows reports whether a key is that of kept rows, and KeptObject of a kept object.
func KeptRows(key string) bool { return strings.HasSuffix(key, rowsEnd) }

// KeptObject reports whether a key is that of a kept object.
func KeptObject(key string) bool { return strings.HasSuffix(key, objectEnd) }

// Kept are rows that a repair has deleted or replaced, or is about to.
type Kept struct {
	Stream string `json:"stream"`
	Shard  string `json:"shard"`
	// Table is the place in the words of the audit: streaming or microbatch.
	Table string `json:"table"`
	// Reason is what the audit had found, At when, By the version of the program.
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	// Columns are the table's, in the order of the rows' values.
	Columns []string  `json:"columns"`
	Rows    []KeptRow `json:"-"`
}

// KeptRow is one of them.
type KeptRow struct {
	Ordinal     int64  `json:"ordinal"`
	Sequence    string `json:"sequence"`
	Subsequence int64  `json:"subsequence"`
	// Values are texts as the warehouse takes them, null for NULL.
	Values []*string `json:"values"`
}

// Encode writes a line that says what it is, and a line a row.
func (k Kept) Encode() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(k)
	for _, r := range k.Rows {
		err = errors.Join(err, e.Encode(r))
	}
	return out.Bytes(), err
}

// DecodeKept reads what Encode wrote.
func DecodeKept(text []byte) (k Kept, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&k); err != nil || k.Shard == "" || k.Table == "" || len(k.Columns) == 0 {
		return k, errors.New("its first line does not say what was kept")
	}
	for d.More() {
		var r KeptRow
		if err := d.Decode(&r); err != nil || len(r.Values) != len(k.Columns) {
			return k, fmt.Errorf("row %d of it is damaged", len(k.Rows)+1)
		}
		k.Rows = append(k.Rows, r)
	}
	return k, nil
}

// The metadata of a kept object besides its own.
const (
	KeptFrom   = "repaired-from"
	KeptReason = "repaired-reason"
	KeptBy     = "repaired-by"
	KeptAt     = "repaired-at"
)
