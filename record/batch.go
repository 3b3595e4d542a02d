package record

import "strconv"

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
	Ordinal int64
	Reason  Reason
}

// Cut decides records, which must not be empty, in the order of their shard and numbers them from ordinal on. It
// keeps the records' Data where they are rejected.
func (d *Decoder) Cut(records []Record, ordinal int64) Batch {
	first, last := records[0], records[len(records)-1]
	b := Batch{First: first.Position, Last: last.Position, FirstOrdinal: ordinal}
	b.Folder, _ = FolderValue(first.Data, d.schema.Folder.Field)
	b.CSV = AppendCSVHeader(make([]byte, 0, 128+len(records)*160), d.schema.TableColumns())
	for i := range records {
		if i == 0 || records[i].Sequence != records[i-1].Sequence {
			b.Records++
		}
		var reason *Reason
		if b.CSV, reason = d.AppendRow(b.CSV, &records[i], ordinal); reason != nil {
			b.Rejected = append(b.Rejected, Rejected{Record: records[i], Ordinal: ordinal, Reason: *reason})
		} else {
			b.Rows++
		}
		ordinal++
	}
	b.LastOrdinal = ordinal - 1
	return b
}

// Header is the header line of the schema's CSV.
func (d *Decoder) Header() []byte { return AppendCSVHeader(nil, d.schema.TableColumns()) }

// AppendRow decides one record: it appends the record's line of CSV to dst, or returns the reason why there is none.
func (d *Decoder) AppendRow(dst []byte, r *Record, ordinal int64) ([]byte, *Reason) {
	if r.Refused != OK {
		return dst, &Reason{Code: r.Refused}
	}
	row, reason := d.Decode(r.Data)
	if reason != nil {
		return dst, reason
	}
	return appendRow(dst, row, r, ordinal), nil
}

// appendRow appends a row's line, lineage last. Shard ids and sequence numbers need no quotes.
func appendRow(dst []byte, row []Value, r *Record, ordinal int64) []byte {
	for _, v := range row {
		dst = append(appendField(dst, v), ',')
	}
	dst = append(append(dst, r.Shard...), ',')
	dst = append(append(dst, r.Sequence...), ',')
	dst = append(strconv.AppendInt(dst, r.Subsequence, 10), ',')
	dst = append(strconv.AppendInt(dst, ordinal, 10), ',')
	return append(r.ArrivedAt.UTC().AppendFormat(dst, TimestampLayout), '\n')
}
