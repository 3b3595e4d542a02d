package record

import (
	"strconv"
	"strings"
)

// ordinals is how many each shard has: at 1,000 records a second, as many as Kinesis lets in, for 317 years.
const ordinals = 10_000_000_000_000

// Base is the ordinal in front of a shard's first one: ordinals of shardId-000000000003 start at 3 x 10^13 + 1 and are
// dense from there. A shard that comes from a split or a merge has a higher number than its parents, and takes records
// only after theirs, so the ordinals of one partition key are in the order of acceptance through all shards. Ids of
// another form, and numbers above 922,336, which 64 bits do not hold, have base 0.
func Base(shard string) int64 {
	const most = 922_336
	digits, ok := strings.CutPrefix(shard, "shardId-")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n > most {
		return 0
	}
	return int64(n) * ordinals
}
