package rawzone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/snowstream/snowstream/record"
)

// line is one record in quarantine, as NDJSON.
type line struct {
	Stream       string        `json:"stream"`
	Shard        string        `json:"shard"`
	Sequence     string        `json:"sequence"`
	Subsequence  int64         `json:"subsequence"`
	Generation   string        `json:"generation,omitempty"`
	Ordinal      int64         `json:"ordinal"`
	ArrivedAt    time.Time     `json:"arrived_at"`
	PartitionKey string        `json:"partition_key"`
	Reason       record.Reason `json:"reason"`
	// Data is the payload as it came, in base64: it may be anything.
	Data []byte `json:"data"`
	// Row stands for Data where a decided row was put aside and nobody had its payload any more.
	Row []byte `json:"row,omitempty"`
}

// EncodeQuarantine writes rejected records as NDJSON, one a line.
func EncodeQuarantine(stream string, rejected []record.Rejected) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	for _, r := range rejected {
		err := e.Encode(line{stream, r.Shard, r.Sequence, r.Subsequence, r.Generation, r.Ordinal, r.ArrivedAt.UTC(), r.PartitionKey, r.Reason, r.Data, r.Row})
		if err != nil {
			return nil, fmt.Errorf("quarantine record %s/%s: %w", r.Shard, r.Sequence, err)
		}
	}
	return out.Bytes(), nil
}

// DecodeQuarantine reads what EncodeQuarantine wrote.
func DecodeQuarantine(text []byte) ([]record.Rejected, error) {
	var out []record.Rejected
	d := json.NewDecoder(bytes.NewReader(text))
	for d.More() {
		var l line
		if err := d.Decode(&l); err != nil {
			return nil, fmt.Errorf("quarantine line %d: %w", len(out)+1, err)
		}
		out = append(out, record.Rejected{
			Record: record.Record{
				Position:     record.Position{Shard: l.Shard, Sequence: l.Sequence, Subsequence: l.Subsequence},
				PartitionKey: l.PartitionKey, ArrivedAt: l.ArrivedAt, Data: l.Data,
			},
			Generation: l.Generation, Ordinal: l.Ordinal, Reason: l.Reason, Row: l.Row,
		})
	}
	return out, nil
}

// Refused are rows of an object that its table does not take, as quarantine holds them: with the row itself.
func Refused(rows *record.CSVReader, generation string, refused []record.Refusal) (out []record.Rejected, err error) {
	reasons := make(map[int64]record.Reason, len(refused))
	for _, r := range refused {
		reasons[r.Ordinal] = r.Reason
	}
	lineage := slices.Index(rows.Header(), record.Lineage()[0].Name)
	if lineage < 0 || lineage+5 > len(rows.Header()) {
		return nil, errors.New("the rows do not say who they are")
	}
	for {
		row, err := rows.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		r, err := Identify(row[lineage:])
		if err != nil {
			return nil, err
		}
		if reason, is := reasons[r.Ordinal]; is {
			r.Reason, r.Generation, r.Row = reason, generation, rows.Line()
			out = append(out, r)
		}
	}
	if len(out) != len(reasons) {
		return nil, fmt.Errorf("the table has refused %d rows, and there are %d of them", len(reasons), len(out))
	}
	return out, nil
}

// Identify reads who a row is from its lineage columns.
func Identify(lineage []record.Value) (r record.Rejected, err error) {
	var errs [3]error
	r.Shard, r.Sequence = string(lineage[0].Text), string(lineage[1].Text)
	r.Subsequence, errs[0] = strconv.ParseInt(string(lineage[2].Text), 10, 64)
	r.Ordinal, errs[1] = strconv.ParseInt(string(lineage[3].Text), 10, 64)
	r.ArrivedAt, errs[2] = time.Parse(record.TimestampLayout, string(lineage[4].Text))
	return r, errors.Join(errs[:]...)
}
