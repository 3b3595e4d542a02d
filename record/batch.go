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
	// Inside says that the Kinesis record of Last goes on behind it, and how; see rawzone.Ledger. Whoever cuts sets it.
	Inside string
	// FirstOrdinal and LastOrdinal number the run: LastOrdinal - FirstOrdinal + 1 records.
	FirstOrdinal, LastOrdinal int64
	// Records counts Kinesis records that begin in it: fewer than ordinals where some were aggregated.
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
// generation. The CSV is valid until the next call.
func (d *Decoder) Cut(records []Record, generation string, ordinal int64) Batch {
	return d.Take(func(int) *Record {
		if len(records) == 0 {
			return nil
		}
		r := &records[0]
		records = records[1:]
		return r
	}, generation, ordinal)
}

// perRejected is what a rejected record takes besides its payload, in bytes, and perByte the payload's factor on its way into
// quarantine, with a copy.
const (
	perRejected = 1 << 10
	perByte     = 3
)

// Take is Cut for records that come one at a time, at least one: next gives them, and nil behind the last one. It is told how
// many bytes those before take in memory. What it gives need be valid only until it is called again: payloads that are
// rejected are copied.
func (d *Decoder) Take(next func(taken int) *Record, generation string, ordinal int64) Batch {
	b := Batch{FirstOrdinal: ordinal, CSV: append(d.csv[:0], d.header...)}
	rejected := 0
	for r := next(len(b.CSV)); r != nil; r = next(len(b.CSV) + rejected) {
		if ordinal == b.FirstOrdinal {
			b.First = r.Position
			b.Folder, _ = FolderValue(r.Data, d.schema.Folder.Field)
		}
		if r.Subsequence == 0 {
			b.Records++
		}
		b.Last = r.Position
		var reason *Reason
		if b.CSV, reason = d.AppendRow(b.CSV, r, generation, ordinal); reason != nil {
			kept := *r
			kept.Data = bytes.Clone(r.Data)
			b.Rejected = append(b.Rejected, Rejected{Record: kept, Generation: generation, Ordinal: ordinal, Reason: *reason})
			rejected += perRejected + perByte*len(r.Data)
		} else {
			b.Rows++
		}
		ordinal++
	}
	// The ends of a batch are kept in ledgers; they must not hold on to the text of a whole event.
	b.First.Sequence, b.Last.Sequence = strings.Clone(b.First.Sequence), strings.Clone(b.Last.Sequence)
	b.LastOrdinal, d.csv = ordinal-1, b.CSV
	for _, buffer := range []*[]byte{&d.csv, &d.text, &d.rest, &d.scan.text} {
		if cap(*buffer) > maxKept {
			*buffer = nil
		}
	}
	return b
}

// maxKept is the largest buffer that is kept for the next batch, in bytes.
const maxKept = 8 << 20

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
	if d.schema.Origin != 0 {
		out = d.appendOrigin(out, r)
	}
	return d.appendLineage(out, r, generation, ordinal), nil
}
