package kinesis

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

// tokenLife is how long iterators and paging tokens are good.
const tokenLife = 5 * time.Minute

const (
	macBytes = 16
	// maxToken bounds what is worth looking at; ours are shorter.
	maxToken = 2048
)

// Kinds of token, so that one is not taken for the other.
const (
	tokenIterator  = 'i'
	tokenShards    = 's'
	tokenStreams   = 'n'
	tokenConsumers = 'c'
)

// token is what an iterator or a paging token says. Clients see it signed and encoded.
type token struct {
	Kind   byte
	Issued int64 // ms since 1970
	// Stream and Created tell streams apart that had the same name. For tokenStreams, Stream is the last name listed.
	Stream  string
	Created int64 `json:",omitzero"`
	// Shard and Index are the next record of an iterator; for tokenShards, Shard is the last shard listed.
	Shard  int
	Index  int64        `json:",omitzero"`
	Filter *shardFilter `json:",omitempty"`
}

// seal encodes and signs a token.
func (s *Server) seal(t token) (string, error) {
	body, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(append(s.sign(body), body...)), nil
}

func (s *Server) sign(body []byte) []byte {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write(body)
	return mac.Sum(nil)[:macBytes]
}

// unseal undoes seal; ok is false for anything that this data folder's server did not seal as that kind.
func (s *Server) unseal(text string, kind byte) (t token, ok bool) {
	if len(text) > maxToken {
		return t, false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < macBytes || !hmac.Equal(raw[:macBytes], s.sign(raw[macBytes:])) {
		return t, false
	}
	err = json.Unmarshal(raw[macBytes:], &t)
	return t, err == nil && t.Kind == kind
}

// expired says whether a token is too old, or from the future by more than that.
func (t token) expired(now time.Time) bool {
	return now.Sub(time.UnixMilli(t.Issued)).Abs() > tokenLife
}
