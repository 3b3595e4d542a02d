package record

// Origin are lineage columns that a schema may ask for: where a record came from, besides its identity.
type Origin uint8

// The columns. They may be NULL: plain content has neither a key nor a stream, and older rows have no value for them.
const (
	// PartitionKeyOrigin: the partition key, in _PARTITION_KEY; of an aggregated record each user record's own.
	PartitionKeyOrigin Origin = 1 << iota
	// StreamOrigin: the stream's name, in _STREAM.
	StreamOrigin
)

// origins are the columns' names in a schema file, in the tables' order, and originColumns those in the tables.
var (
	origins       = []bitName[Origin]{{PartitionKeyOrigin, "partition-key"}, {StreamOrigin, "stream"}}
	originColumns = map[Origin]string{PartitionKeyOrigin: "_PARTITION_KEY", StreamOrigin: "_STREAM"}
)

// OriginWords are the names of all such columns.
func OriginWords() []string { return wordsOf(origins, ^Origin(0)) }

// OriginOf is the column with a name, 0 if there is none.
func OriginOf(name string) Origin { return bitOf(origins, name) }

// Words are the names of the columns in o.
func (o Origin) Words() []string { return wordsOf(origins, o) }

// Columns are the columns themselves.
func (o Origin) Columns() (out []Column) {
	for _, one := range origins {
		if o&one.bit != 0 {
			out = append(out, Column{Name: originColumns[one.bit], Type: String})
		}
	}
	return out
}

// OfStream names the stream whose records come next, for the column that holds it.
func (d *Decoder) OfStream(name string) *Decoder {
	d.stream = name
	return d
}

// appendOrigin appends the fields of the origin. The key of an aggregated record may be no text, as nothing has checked it: each
// byte that is none becomes U+FFFD, as it does in quarantine.
func (d *Decoder) appendOrigin(dst []byte, r *Record) []byte {
	for _, one := range origins {
		if d.schema.Origin&one.bit == 0 {
			continue
		}
		text := d.stream
		if one.bit == PartitionKeyOrigin {
			text = string([]rune(r.PartitionKey))
		}
		dst = append(appendField(dst, Value{Text: []byte(text), Null: text == ""}), ',')
	}
	return dst
}
