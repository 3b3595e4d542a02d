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

// origins are the columns in the tables' order, with their names in a schema file.
var origins = []struct {
	origin Origin
	name   string
	column string
}{{PartitionKeyOrigin, "partition-key", "_PARTITION_KEY"}, {StreamOrigin, "stream", "_STREAM"}}

// OriginWords are the names of all such columns.
func OriginWords() []string { return (PartitionKeyOrigin | StreamOrigin).Words() }

// OriginOf is the column with a name, 0 if there is none.
func OriginOf(name string) Origin {
	for _, o := range origins {
		if o.name == name {
			return o.origin
		}
	}
	return 0
}

// Has reports whether o holds all of b.
func (o Origin) Has(b Origin) bool { return o&b == b }

// Words are the names of the columns in o.
func (o Origin) Words() (out []string) {
	for _, one := range origins {
		if o.Has(one.origin) {
			out = append(out, one.name)
		}
	}
	return out
}

// Columns are the columns themselves.
func (o Origin) Columns() (out []Column) {
	for _, one := range origins {
		if o.Has(one.origin) {
			out = append(out, Column{Name: one.column, Type: String})
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
		text := d.stream
		if one.origin == PartitionKeyOrigin {
			text = string([]rune(r.PartitionKey))
		}
		if d.schema.Origin.Has(one.origin) {
			dst = append(appendField(dst, Value{Text: []byte(text), Null: text == ""}), ',')
		}
	}
	return dst
}
