package rawzone

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// registry is the registry's name in the stream's folder of ledgers. No shard has it.
const registry = "registry"

// Registry says which generations a stream's rows have. There is one a stream, written when a life of the stream begins.
type Registry struct {
	Stream string `json:"stream"`
	// Generations are in the order of their births. New shards are numbered in the last one; shards that were claimed in
	// an earlier one go on there, until it has ended.
	Generations []Generation `json:"generations"`
	// Check is a checksum over all the above.
	Check string `json:"check"`
}

// Generation is one life of what numbers a stream's rows.
type Generation struct {
	// ID is what NewGeneration made, or empty for what was numbered before there were generations.
	ID string `json:"id"`
	// ARN and StreamCreatedAt are the stream's whose records are numbered; empty and zero where nobody could say.
	ARN             string    `json:"arn,omitempty"`
	StreamCreatedAt time.Time `json:"stream_created_at,omitzero"`
	// BornAt is when the generation was entered here.
	BornAt time.Time `json:"born_at"`
	// Unclaimed is one more than the highest shard number that may have landed here without a claim, 0 if there is none.
	Unclaimed int64 `json:"unclaimed,omitempty"`
	// Ended says that the stream's life is over: nothing is numbered here any more.
	Ended bool `json:"ended,omitempty"`
}

// Last is the generation in which new shards are numbered; there is always one.
func (r Registry) Last() Generation { return r.Generations[len(r.Generations)-1] }

// Chains are those in which a shard may go on, in the order in which to look for its ledger. The last one is where the
// shard begins if it has none.
func (r Registry) Chains(shard string) (live []Chain) {
	for i, g := range r.Generations {
		if !g.Ended && (i == len(r.Generations)-1 || shardNumber(shard) < g.Unclaimed) {
			live = append(live, Chain{r.Stream, g.ID, shard})
		}
	}
	return live
}

// Ended are the chains in which a shard must not go on.
func (r Registry) Ended(shard string) (over []Chain) {
	for _, g := range r.Generations {
		if g.Ended {
			over = append(over, Chain{r.Stream, g.ID, shard})
		}
	}
	return over
}

// AllShards is the value of Unclaimed where any shard may have landed.
const AllShards = 1 << 62

// UnclaimedOf is the value of Unclaimed for shards that are known to have landed.
func UnclaimedOf(shards []string) (n int64) {
	for _, s := range shards {
		n = max(n, min(shardNumber(s), AllShards-1)+1)
	}
	return n
}

// shardNumber is the number in a shard's id; ids of another form are all taken for the same number.
func shardNumber(shard string) int64 {
	digits, ok := strings.CutPrefix(shard, "shardId-")
	n, err := strconv.ParseUint(digits, 10, 62)
	if !ok || err != nil {
		return 0
	}
	return int64(n)
}

// RegistryKey is the name of a stream's registry.
func RegistryKey(stream string) string { return Ledgers + Escape(stream) + "/" + registry + ".json" }

// ClaimKey is the name of the object that says that a chain has begun. It outlives a ledger that is lost.
func (c Chain) ClaimKey() string { return strings.TrimSuffix(c.LedgerKey(), ".json") + ".claim" }

const (
	generationDigits = "0123456789abcdefghijklmnopqrstuv"
	generationTime   = 7
	generationRandom = 8
)

// NewGeneration is an id for a generation that is born now: g, seven characters of the time in seconds, and eight of the
// random bits. Ids sort by birth. They are short enough for a channel's name and need quotes nowhere.
func NewGeneration(now time.Time, random uint64) string {
	id := make([]byte, 1+generationTime+generationRandom)
	id[0] = 'g'
	seconds := uint64(now.Unix())
	for i := generationTime; i > 0; i-- {
		id[i], seconds = generationDigits[seconds%32], seconds/32
	}
	for i := range generationRandom {
		id[1+generationTime+i], random = generationDigits[random%32], random/32
	}
	return string(id)
}

// IsGeneration reports whether text is the id of a generation.
func IsGeneration(text string) bool {
	return len(text) == 1+generationTime+generationRandom && text[0] == 'g' && strings.Trim(text, generationDigits) == ""
}

// Encode is the registry as it lies in the bucket: indented JSON, to be read by people too.
func (r Registry) Encode() []byte {
	r.Check = r.sum()
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic(err) // strings, integers and times: always encodable
	}
	return append(text, '\n')
}

// DecodeRegistry reads a registry and refuses one that is damaged or another stream's.
func DecodeRegistry(text []byte, stream string) (Registry, error) {
	var r Registry
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Registry{}, fmt.Errorf("registry of stream %s is not readable: %w", stream, err)
	}
	switch {
	case r.Stream != stream:
		return Registry{}, fmt.Errorf("registry of stream %s belongs to %s", stream, r.Stream)
	case len(r.Generations) == 0, r.Last().Ended, r.Check != r.sum():
		return Registry{}, fmt.Errorf("registry of stream %s has a wrong checksum: it was edited or damaged", stream)
	}
	return r, nil
}

func (r Registry) sum() string {
	r.Check = ""
	text, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
