// Package rawzone is how the bucket is laid out: the names of its objects and the formats of those that are not CSV.
//
// Four prefixes, and nothing else:
//
//	kinesiscsv/sensor-6/<chain>/<ordinal>-<sequence>-<subsequence>.csv   rows, one object a batch
//	kinesiscsv/recovered/<chain>/<sequence>-<subsequence>/<n>.csv        rows of records that were given up first
//	ledger/<chain>.json                                                  how far the shard has landed
//	ledger/<stream>/registry.json                                        which generations there are
//	quarantine/<chain>/<ordinal>-<sequence>-….ndjson                     records that cannot become rows
//	kinesiscsv/replayed/<chain>/<ordinal>-<sequence>-…/<n>.csv           those of them that later could
//	quarantine/<chain>/<ordinal>-<sequence>-<sub>-withheld-<n>.ndjson     rows that the tables do not take
//	lifted/<chain>/<ordinal>-…-withheld-<n>/<ordinal>                    those of them that later could be brought
//	rejected/<chain>.json                                                what became of rows that Snowpipe Streaming passed over
//	aws/lambda/<mapping>/<shard>/…                                       batches that Lambda gave up, and what became of them
//	repaired/<stream>/<time>-<name>…                                     what a repair has deleted or overwritten; see Kept
//	sealed/<stream>.json                                                 what audits have proved; see Seals
//
// A <chain> is <stream>/<generation>/<shard>; before there were generations it was <stream>/<shard>. See Chain and Registry.
//
// An object of rows that is compressed has .gz or .zst behind its name; see Compression.
//
// A name whose writer was given up before the object was there is made void: an object without rows holds it for good.
// The next name for the same ordinal has a turn at its end, "-1", "-2".
//
// Only the first lies where the stage looks, because ALTER PIPE ... REFRESH loads whatever it finds there. The
// package is pure: the functions that write the bucket, the audit that reads it and the stack that grants access
// to it agree on this text alone.
package rawzone

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/snowstream/snowstream/record"
)

// The prefixes.
const (
	Rows       = "kinesiscsv/"
	Ledgers    = "ledger/"
	Quarantine = "quarantine/"
	Lifted     = "lifted/"
	Rejected   = "rejected/"
)

// maxFolder bounds a folder value in a key: a value comes from data and may be a megabyte long.
const maxFolder = 64

// RowsKey is the name of the object that opens with this record. Only the writer whose ledger names it may create it, and
// turn keeps it from being a name that was made void, so each name has one writer.
func RowsKey(folder record.Folder, value string, c Chain, first record.Position, ordinal int64, turn int) string {
	return Rows + folderName(folder.Label, value) + "/" + c.place() + name(first, ordinal) + suffix(turn) + ".csv"
}

// QuarantineKey is the name of the object with the rejected records of one object of rows. Ordinal and turn belong to one
// writer, as the object's own name does; only what an object of rows names counts.
func QuarantineKey(c Chain, first, last record.Position, ordinal int64, turn int) string {
	return c.Quarantined() + name(first, ordinal) + "-to-" + last.Sequence + fmt.Sprintf("-%d", last.Subsequence) + suffix(turn) + ".ndjson"
}

// withheld stands in the names of quarantine objects with rows that their tables do not take. Behind the others of the same
// object of rows, in the order of names: whoever lists on from the last name that he knows must find these.
const withheld = "-withheld-"

// WithheldPrefix begins the names of all quarantine objects with withheld rows of an object of rows.
func WithheldPrefix(stream string, o Object) string {
	return Chain{stream, o.Generation, o.First.Shard}.Quarantined() + name(o.First, o.FirstOrdinal) + withheld
}

// WithheldKey is the n-th of them, from 0. Its writer is the one whose ledger names it.
func WithheldKey(stream string, o Object, n int) string {
	return WithheldPrefix(stream, o) + fmt.Sprintf("%06d.ndjson", n)
}

// late stands in the names of those that were written after the ledger had gone on; see Rejections.
const late = "late-"

// LateKey is the name of the n-th quarantine object, from 0, with rows that were found refused after their object was handed over.
func LateKey(stream string, o Object, n int) string {
	return WithheldPrefix(stream, o) + fmt.Sprintf(late+"%06d.ndjson", n)
}

// IsLate tells them from those that the shard's ledger names and counts.
func IsLate(key string) bool {
	return IsWithheld(key) && strings.Contains(path.Base(key), withheld+late)
}

// IsWithheld tells quarantine objects with withheld rows from those with records that never became rows.
func IsWithheld(key string) bool {
	return strings.HasPrefix(key, Quarantine) && strings.Contains(path.Base(key), withheld)
}

// LiftedPrefix holds a note for each record of a withheld object that was brought since; LiftedKey is the note's name.
func LiftedPrefix(withheld string) string {
	return Lifted + strings.TrimSuffix(strings.TrimPrefix(withheld, Quarantine), ".ndjson") + "/"
}

// LiftedKey is the name of the note of one record.
func LiftedKey(withheld string, ordinal int64) string {
	return LiftedPrefix(withheld) + fmt.Sprintf("%012d", ordinal)
}

// LiftedOrdinal is the ordinal in a note's name, and the shard's folder.
func LiftedOrdinal(key string) (shard string, ordinal int64, ok bool) {
	n, err := strconv.ParseInt(path.Base(key), 10, 64)
	return path.Base(path.Dir(path.Dir(key))), n, err == nil && strings.HasPrefix(key, Lifted)
}

func suffix(turn int) string {
	if turn == 0 {
		return ""
	}
	return fmt.Sprintf("-%d", turn)
}

// recovered is the prefix of rows whose records were given up at first. It cannot be a folder of rows: those have a
// hyphen behind their label, or are "records".
const recovered = Rows + "recovered/"

// RecoveredKey is the n-th name, from 0, for recovered records that open with this one. It has no ordinal: whoever
// brings the same records again finds them there, wherever they were appended. n counts up over void names.
func RecoveredKey(c Chain, first record.Position, n int) string {
	return c.RecoveredPrefix() + fmt.Sprintf("%s-%d/%06d.csv", Escape(first.Sequence), first.Subsequence, n)
}

// HasRows reports whether a folder directly below Rows holds objects that landed in their turn.
func HasRows(folder string) bool { return folder != recovered && folder != Replayed }

// Replayed is the prefix of the rows that were replayed from quarantine. It cannot be a folder of rows: those have a
// hyphen behind their label.
const Replayed = Rows + "replayed/"

// ReplayKey is the name of the n-th object of rows, from 0, that was made from a quarantine object. As each attempt has
// to take the next number, and only one can create it, no record is replayed by two attempts. It is never compressed: with
// two names for one number, each of two attempts could create its own.
func ReplayKey(quarantine string, n int) string {
	return ReplayPrefix(quarantine) + fmt.Sprintf("%06d.csv", n)
}

// ReplayPrefix holds all objects that were made from a quarantine object.
func ReplayPrefix(quarantine string) string {
	return Replayed + strings.TrimSuffix(strings.TrimPrefix(quarantine, Quarantine), ".ndjson") + "/"
}

// Name is what the name of an object of rows says.
type Name struct {
	Ordinal int64
	First   record.Position
	Turn    int
}

// parseName reads the last part of an object's key.
func parseName(base, shard string) (n Name, ok bool) {
	base = strings.TrimSuffix(base, CompressionOf(base).Extension())
	parts := strings.Split(strings.TrimSuffix(base, ".csv"), "-")
	if len(parts) < 3 || len(parts) > 4 {
		return n, false
	}
	n.First = record.Position{Shard: shard, Sequence: parts[1]}
	var errs [3]error
	n.Ordinal, errs[0] = strconv.ParseInt(parts[0], 10, 64)
	n.First.Subsequence, errs[1] = strconv.ParseInt(parts[2], 10, 64)
	if len(parts) == 4 {
		n.Turn, errs[2] = strconv.Atoi(parts[3])
	}
	return n, errors.Join(errs[:]...) == nil
}

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

// Unescape is the inverse of Escape. Text that Escape has not written comes back as it is.
func Unescape(text string) string {
	if out, ok := unescape(text); ok {
		return out
	}
	return text
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
