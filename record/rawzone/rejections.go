package rawzone

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Rejections says what became of rows of a chain that Snowpipe Streaming did not take: it passes over them, after their object
// was handed over, and only counts them. Whoever looks for them claims this first, then merges, and names each quarantine object
// here before it is written; so of two who look, the later one decides.
type Rejections struct {
	Stream     string `json:"stream"`
	Generation string `json:"generation,omitempty"`
	Shard      string `json:"shard"`
	// Seen is the channel as it was when all that it had rejected was dealt with.
	Seen Channel `json:"seen"`
	// Withheld counts the rows that the table refuses for good and that were put aside. No ledger counts them.
	Withheld int64 `json:"withheld"`
	// Open is the key of a quarantine object that may come to exist, and Object the object of rows that it is about.
	Open   string `json:"open,omitempty"`
	Object string `json:"object,omitempty"`
	// Claim is drawn by whoever is looking: one who was overtaken is refused by his next swap.
	Claim     string    `json:"claim,omitempty"`
	UpdatedAt time.Time `json:"updated_at"`
	// Check is a checksum over all the above.
	Check string `json:"check"`
}

// NoRejections are those of a chain that has none.
func NoRejections(c Chain) Rejections {
	return Rejections{Stream: c.Stream, Generation: c.Generation, Shard: c.Shard}
}

// Chain is what they are of.
func (r Rejections) Chain() Chain { return Chain{r.Stream, r.Generation, r.Shard} }

// RejectionsKey is their name.
func (c Chain) RejectionsKey() string {
	return Rejected + strings.TrimSuffix(c.place(), "/") + ".json"
}

// Encode is the JSON that lies in the bucket.
func (r Rejections) Encode() []byte {
	r.Check = r.sum()
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic(err) // strings, integers and a time: always encodable
	}
	return append(text, '\n')
}

// DecodeRejections reads what Encode wrote, and refuses what is damaged or another chain's.
func DecodeRejections(text []byte, c Chain) (Rejections, error) {
	var r Rejections
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Rejections{}, fmt.Errorf("%s is not readable: %w", c.RejectionsKey(), err)
	}
	switch {
	case r.Chain() != c:
		return Rejections{}, fmt.Errorf("%s belongs to another shard", c.RejectionsKey())
	case r.Check != r.sum():
		return Rejections{}, fmt.Errorf("%s has a wrong checksum: it was edited or damaged", c.RejectionsKey())
	}
	return r, nil
}

func (r Rejections) sum() string {
	text := fmt.Sprintf("%q %q %q %d %d %d %d %q %q %q %s", r.Stream, r.Generation, r.Shard, r.Seen.Committed, r.Seen.Rejected, r.Seen.Created,
		r.Withheld, r.Open, r.Object, r.Claim, r.UpdatedAt.UTC().Format(time.RFC3339Nano))
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
