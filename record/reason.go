package record

import "fmt"

// Code is why a record cannot become a row. It stands in the quarantine, so its text never changes.
type Code string

// The reasons. OK is the absence of one.
const (
	OK             Code = ""
	Empty          Code = "empty"           // no bytes, or only white space
	NotUTF8        Code = "not_utf8"        // text that is not UTF-8
	NotJSON        Code = "not_json"        // not a JSON document, or bytes after its end
	NotObject      Code = "not_object"      // JSON, but not an object
	LoneSurrogate  Code = "lone_surrogate"  // half of a surrogate pair, which no text can hold
	DuplicateField Code = "duplicate_field" // a name that comes twice in one object
	TooDeep        Code = "too_deep"        // nested deeper than 64 levels
	MissingField   Code = "missing_field"   // a required field is not there
	NullField      Code = "null_field"      // a required field is null
	WrongType      Code = "wrong_type"      // a value of another kind
	NotExact       Code = "not_exact"       // a number with more decimal places than the column has
	OutOfRange     Code = "out_of_range"    // more digits than the column holds, or a time outside the column's years
	AmbiguousTime  Code = "ambiguous_time"  // a local time that the column's zone shows twice, or leaves out
	UnknownField   Code = "unknown_field"   // a field that the schema does not name, where it asks to refuse those
	BadAggregate   Code = "bad_aggregate"   // an aggregated record with a wrong checksum or structure; it is kept whole
	Restored       Code = "restored"        // it lay in quarantine, whose object was lost, and fits the schema by now
	BadCompression Code = "bad_compression" // gzip, zlib or zstd that does not unpack, or too many layers; it is kept whole
	BadEncoding    Code = "bad_encoding"    // no base64, where it is declared; it is kept whole
	SchemaRegistry Code = "schema_registry" // the header of AWS Glue Schema Registry: Avro, Protobuf or JSON that needs its schema
	WrongEnvelope  Code = "wrong_envelope"  // JSON, but not what the schema's envelope looks like
	ControlRecord  Code = "control_record"  // what an envelope's system sends for itself, without data; set aside
	Tombstone      Code = "tombstone"       // an empty record that says that a key was deleted; set aside
	TooLarge       Code = "too_large"       // more than 16 MiB, the most that a Snowflake text can hold, once unpacked
	OverMemory     Code = "over_memory"     // unpacks to more than a function of this memory can hold; it is kept packed

	RefusedByDestination Code = "refused_by_destination" // a row that the table does not take, by its own error
	WithheldByHand       Code = "withheld_by_hand"       // a row that a person has put aside
)

// Reason says what was wrong with a record and where. It never holds a piece of the payload: reasons are logged,
// payloads are not.
type Reason struct {
	Code Code `json:"code"`
	// Field is the schema's field that did not fit, if it was one.
	Field string `json:"field,omitempty"`
	// Expected is what the schema asked for there.
	Expected string `json:"expected,omitempty"`
	// Offset is the byte of the payload at which reading ended.
	Offset int `json:"offset"`
	// Number and SQLState are the destination's error, and Message what it means. The destination's own text is left out: it
	// quotes the value.
	Number   int    `json:"number,omitempty"`
	SQLState string `json:"sqlstate,omitempty"`
	Message  string `json:"message,omitempty"`
}

// Merged is what became of rows that were brought to a table.
type Merged struct {
	// Read rows were looked at; Inserted ones were new.
	Read     int
	Inserted int64
	// Refused rows were not taken; all others that were read are there.
	Refused []Refusal
	// More says that not all rows were read: there were too many refusals to go on at once.
	More bool
	// Taken says that other records' rows stand under some of the ordinals, nil if none do. Changed counts rows that stand
	// there with other values than they came with.
	Taken   *Taken
	Changed int64
}

// Taken is a row that stands where another one should.
type Taken struct {
	// Ordinal is the lowest of its kind, Sequence and Subsequence are those of the row that stands there.
	Ordinal     int64  `json:"ordinal"`
	Sequence    string `json:"sequence"`
	Subsequence int64  `json:"subsequence"`
}

// Error says what was found; nothing of it was changed.
func (t *Taken) Error() string {
	return fmt.Sprintf("the streaming table has a row of another record, %s/%d, under ordinal %d: was it filled or restored from elsewhere, or the ledger put back? "+
		"Nothing was overwritten, and the shard waits; `snowstream audit` says which rows these are", t.Sequence, t.Subsequence, t.Ordinal)
}

// Refusal is a row that the destination does not take.
type Refusal struct {
	Ordinal int64  `json:"ordinal"`
	Reason  Reason `json:"reason"`
}

// Aside reports whether a record with the code is set aside as the schema declares, instead of being refused.
func (c Code) Aside() bool { return c == ControlRecord || c == Tombstone }
