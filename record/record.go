// Package record is what travels through the drawing: records on their way into a stream, records read from a
// shard, the schema that turns them into rows, and the CSV in which rows lie in the raw zone.
//
// Every box agrees on this package, so it is pure: no I/O, no SDK, nothing of ours imported. A Kinesis batch becomes
// rows here and nowhere else, which is why both tables hold the same values.
package record

import "time"

// Entry is a record on its way in: what a producer hands to a stream.
type Entry struct {
	// PartitionKey chooses the shard: 1 to 256 Unicode characters.
	PartitionKey string
	// Data is the payload, at most 1 MiB together with the key unless the stream allows more.
	Data []byte
}

// Record is a record as read from a shard.
type Record struct {
	Position
	// PartitionKey is the key the producer gave.
	PartitionKey string
	// ArrivedAt is Kinesis' approximate arrival time, UTC, millisecond precision.
	ArrivedAt time.Time
	// Data is the payload.
	Data []byte
	// Refused says why the record could not even be unpacked; Data is then what Kinesis held.
	Refused Code
}
