package record

import (
	"bytes"
	"strings"
)

// Batch is a run of consecutive records of one shard, decided: each is either a row of the CSV or rejected, and each
// has its ordinal.
type Batch struct {
	// First and Last are the positions of the run's ends, rejected records included.
	First, Last Position
	// FirstOrdinal and LastOrdinal number the run: LastOrdinal - FirstOrdinal + 1 records.
	FirstOrdinal, LastOrdinal int64
	// Records counts Kinesis records: fewer than ordinals where some were aggregated.
	Records int
	// Rows counts the lines of CSV behind the header.
	Rows int
	// CSV is the run's rows as they lie in the raw zone; with no row it is the header alone.
	CSV []byte
	// Rejected are the records that cannot become rows, in order.
	Rejected []Rejected
	// Folder is the folder value of the first record, empty where it has none.
	Folder string
}

// Rejected is a record that cannot become a row, with all that is needed to make it one later.
type Rejected struct {
	Record
	// Generation is what numbered it, see Lineage.
	Generation string
	Ordinal    int64
	Reason     Reason
	// Row is the record as CSV, with the header, where its payload was not at hand when it was put aside.
	Row []byte
}

// Cut decides records, which must not be empty, in the order of their shard and numbers them from ordinal on, in a
// generation. It keeps the records' Data where they are rejected. The CSV is valid until the next call.
func (d *Decoder) Cut(records []Record, generation string, ordinal int64) Batch {
	first, last := records[0], records[len(records)-1]
	b := Batch{First: first.Position, Last: last.Position, FirstOrdinal: ordinal}
	// The ends of a batch are kept in ledgers; they must not hold on to the text of a whole event.
	b.First.Sequence, b.Last.Sequence = strings.Clone(b.First.Sequence), strings.Clone(b.Last.Sequence)
	b.Folder, _ = FolderValue(first.Data, d.schema.Folder.Field)
	b.CSV = append(d.csv[:0], d.header...)
	for i := range records {
		if i == 0 || records[i].Subsequence == 0 || records[i].Sequence != records[i-1].Sequence {
			b.Records++
		}
		var reason *Reason
		if b.CSV, reason = d.AppendRow(b.CSV, &records[i], generation, ordinal); reason != nil {
			b.Rejected = append(b.Rejected, Rejected{Record: records[i], Generation: generation, Ordinal: ordinal, Reason: *reason})
		} else {
			b.Rows++
		}
		ordinal++
	}
	b.LastOrdinal, d.csv = ordinal-1, b.CSV
	return b
}

// Header is the header line of the schema's CSV.
func (d *Decoder) Header() []byte { return bytes.Clone(d.header) }

// AppendRow decides one record: it appends the record's line of CSV to dst, or returns the reason why there is none.
func (d *Decoder) AppendRow(dst []byte, r *Record, generation string, ordinal int64) ([]byte, *Reason) {
	if r.Refused != OK {
		return dst, &Reason{Code: r.Refused}
	}
	payload := r.Data
	if d.enveloped {
		var code Code
		if payload, code = d.schema.Open(payload); code != OK {
			return dst, &Reason{Code: code}
		}
	}
	out, ok := d.appendKnown(dst, payload)
	if !ok {
		row, reason := d.decode(payload)
		if reason != nil {
			return dst, reason
		}
		d.remember(payload)
		out = dst
		for _, v := range row {
			out = append(appendField(out, v), ',')
		}
	}
	return d.appendLineage(out, r, generation, ordinal), nil
}
