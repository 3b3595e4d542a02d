// Package rawzone is how the bucket is laid out: the names of its objects and the formats of those that are not CSV.
//
// Three prefixes, and nothing else:
//
//	kinesiscsv/sensor-6/<stream>/<shard>/<ordinal>-<sequence>-<subsequence>.csv   rows, one object a batch
//	ledger/<stream>/<shard>.json                                                  how far the shard has landed
//	quarantine/<stream>/<shard>/<ordinal>-<sequence>-….ndjson                     records that cannot become rows
//	kinesiscsv/replayed/<stream>/<shard>/<ordinal>-<sequence>-…/<n>.csv           those of them that later could
//
// Only the first lies where the stage looks, because ALTER PIPE ... REFRESH loads whatever it finds there. The
// package is pure: the functions that write the bucket, the audit that reads it and the stack that grants access
// to it agree on this text alone.
package rawzone

import (
	"fmt"
	"strings"

	"github.com/snowstream/snowstream/record"
)

// The prefixes.
const (
	Rows       = "kinesiscsv/"
	Ledgers    = "ledger/"
	Quarantine = "quarantine/"
)

// maxFolder bounds a folder value in a key: a value comes from data and may be a megabyte long.
const maxFolder = 64

// RowsKey is the name of the object that opens with this record. It holds nothing that changes when a batch is
// retried with other boundaries, so a retry meets its own object; no two records share a name.
func RowsKey(folder record.Folder, value, stream string, first record.Position, ordinal int64) string {
	return Rows + folderName(folder.Label, value) + "/" + place(stream, first.Shard) + name(first, ordinal) + ".csv"
}

// QuarantineKey is the name of the object with the rejected records of one object of rows. last is the end of the
// run: a retry with other boundaries writes another object, and only the one that the object of rows names counts.
func QuarantineKey(stream string, first, last record.Position, ordinal int64) string {
	return Quarantine + place(stream, first.Shard) + name(first, ordinal) + "-to-" + last.Sequence + fmt.Sprintf("-%d", last.Subsequence) + ".ndjson"
}

// Replayed is the prefix of the rows that were replayed from quarantine. It cannot be a folder of rows: those have a
// hyphen behind their label.
const Replayed = Rows + "replayed/"

// ReplayKey is the name of the n-th object of rows, from 0, that was made from a quarantine object. As each attempt has
// to take the next number, and only one can create it, no record is replayed by two attempts.
func ReplayKey(quarantine string, n int) string {
	return ReplayPrefix(quarantine) + fmt.Sprintf("%06d.csv", n)
}

// ReplayPrefix holds all objects that were made from a quarantine object.
func ReplayPrefix(quarantine string) string {
	return Replayed + strings.TrimSuffix(strings.TrimPrefix(quarantine, Quarantine), ".ndjson") + "/"
}

// LedgerKey is the name of a shard's ledger.
func LedgerKey(stream, shard string) string {
	return strings.TrimSuffix(Ledgers+place(stream, shard), "/") + ".json"
}

// OfShard reports whether an object of rows belongs to the shard, and the first ordinal in its name.
func OfShard(key, stream, shard string) (ordinal int64, ok bool) {
	_, rest, ok := strings.Cut(strings.TrimPrefix(key, Rows), "/")
	if !ok {
		return 0, false
	}
	base, ok := strings.CutPrefix(rest, place(stream, shard))
	if !ok || strings.Contains(base, "/") {
		return 0, false
	}
	if _, err := fmt.Sscanf(base, "%d-", &ordinal); err != nil {
		return 0, false
	}
	return ordinal, true
}

func place(stream, shard string) string { return Escape(stream) + "/" + Escape(shard) + "/" }

func name(first record.Position, ordinal int64) string {
	return fmt.Sprintf("%012d-%s-%d", ordinal, Escape(first.Sequence), first.Subsequence)
}

// folderName is the folder of an object: "~none" stands for a missing value, and a long one is cut. The cut loses
// nothing, because the rest of the key is unique by itself. A schema without a folder has all objects in "records".
func folderName(label, value string) string {
	switch {
	case label == "":
		return "records"
	case value == "":
		value = "~none"
	case len(value) > maxFolder:
		value = Escape(value[:maxFolder]) + "~cut"
	default:
		value = Escape(value)
	}
	return Escape(label) + "-" + value
}

// Escape writes any bytes with letters, digits, '-', '_' and '.' alone; other bytes, and dots in front, become ~
// and two hex digits. So no value leads out of its folder, and no client has to encode the result.
func Escape(value string) string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(value))
	for i := range len(value) {
		c := value[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_', c == '.' && i > 0:
			out = append(out, c)
		default:
			out = append(out, '~', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}
