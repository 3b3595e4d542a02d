package rawzone

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/snowstream/snowstream/record"
)

// Chain is what ordinals are dense in: the objects of one shard in one generation. Generation, shard and ordinal together
// name a row, and no two records ever share them.
type Chain struct {
	Stream string
	// Generation is the life of the stream and of its ledgers in which the rows were numbered: letters and digits, fit for
	// any name. Rows and objects from before there were generations have the empty one.
	Generation string
	Shard      string
}

// place is the chain's folder below any prefix. The generation stands in front of the shard, so that one listing finds a
// shard's objects, and a stream's generations.
func (c Chain) place() string {
	place := Escape(c.Stream) + "/"
	if c.Generation != "" {
		place += c.Generation + "/"
	}
	if c.Shard == "" {
		return place
	}
	return place + Escape(c.Shard) + "/"
}

// LedgerKey is the name of the chain's ledger.
func (c Chain) LedgerKey() string { return Ledgers + strings.TrimSuffix(c.place(), "/") + ".json" }

// RecoveredPrefix holds the chain's objects of recovered rows; without a shard, those of all shards.
func (c Chain) RecoveredPrefix() string { return recovered + c.place() }

// RecoveredFirst is the position of the first record in a recovered object's name, if it is one of the chain.
func (c Chain) RecoveredFirst(key string) (first record.Position, ok bool) {
	rest, ok := strings.CutPrefix(key, c.RecoveredPrefix())
	dir, _, found := strings.Cut(rest, "/")
	sequence, sub, split := strings.Cut(dir, "-")
	n, err := strconv.ParseInt(sub, 10, 64)
	return record.Position{Shard: c.Shard, Sequence: sequence, Subsequence: n}, ok && found && split && err == nil
}

// Compare orders chains by stream, generation and shard.
func (c Chain) Compare(other Chain) int {
	return cmp.Or(cmp.Compare(c.Stream, other.Stream), cmp.Compare(c.Generation, other.Generation), cmp.Compare(c.Shard, other.Shard))
}

// RowsIn is the prefix of the chain's objects of rows in a folder, which ends in a slash.
func (c Chain) RowsIn(folder string) string { return folder + c.place() }

// From stands, in a listing, in front of the names below a prefix that have an ordinal or a higher one.
func From(prefix string, ordinal int64) string { return prefix + fmt.Sprintf("%012d", ordinal) }

// Name reads the name of an object of rows, if it is one of the chain. Recovered and replayed rows are not: their names
// have no ordinal, or one of another object.
func (c Chain) Name(key string) (n Name, ok bool) {
	_, rest, ok := strings.Cut(strings.TrimPrefix(key, Rows), "/")
	if !ok {
		return n, false
	}
	base, ok := strings.CutPrefix(rest, c.place())
	if !ok || strings.Contains(base, "/") {
		return n, false
	}
	return parseName(base, c.Shard)
}

// Quarantined is the prefix of the chain's quarantine objects from an ordinal on: those behind it in a listing have higher ones.
func (c Chain) Quarantined() string { return Quarantine + c.place() }

// RejectedBy is the first ordinal of the object of rows that a quarantine object of the chain belongs to.
func (c Chain) RejectedBy(key string) (ordinal int64, ok bool) {
	base, ok := strings.CutPrefix(key, c.Quarantined())
	digits, _, _ := strings.Cut(base, "-")
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, ok && err == nil
}

// ChainOf is the chain of a stream that an object of rows, of quarantine or a ledger belongs to, whatever its folder.
func ChainOf(key, stream string) (c Chain, ok bool) {
	_, rest, _ := strings.Cut(key, "/")
	if strings.HasPrefix(key, Rows) {
		_, rest, _ = strings.Cut(rest, "/")
	}
	rest, ok = strings.CutPrefix(rest, Escape(stream)+"/")
	parts := strings.Split(rest, "/")
	if !ok || rest == "" {
		return Chain{}, false
	}
	c = Chain{Stream: stream}
	if IsGeneration(parts[0]) {
		c.Generation, parts = parts[0], parts[1:]
	}
	if len(parts) == 0 {
		return Chain{}, false
	}
	shard := parts[0]
	if strings.HasPrefix(key, Ledgers) {
		name, isLedger := strings.CutSuffix(shard, ".json")
		name, isClaim := strings.CutSuffix(name, ".claim")
		shard, ok = name, isLedger != isClaim && len(parts) == 1 && name != registry
	} else {
		ok = len(parts) > 1
	}
	c.Shard, _ = unescape(shard)
	return c, ok && c.Shard != ""
}

// unescape is the reverse of Escape.
func unescape(text string) (string, bool) {
	var out []byte
	for i := 0; i < len(text); i++ {
		if text[i] != '~' {
			out = append(out, text[i])
			continue
		}
		if i+2 >= len(text) {
			return "", false
		}
		n, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		out = append(out, byte(n))
		i += 2
	}
	return string(out), true
}
