package record

import (
	"math"
	"testing"
)

func TestBase(t *testing.T) {
	for shard, want := range map[string]int64{
		"shardId-000000000000": 0,
		"shardId-000000000003": 30_000_000_000_000,
		"shardId-000000922336": 9_223_360_000_000_000_000,
		"shardId-000000922337": 0,
		"shardId-":             0,
		"shardId--00000000001": 0,
		"shardId-00000000000a": 0,
		"request-1":            0,
		"":                     0,
	} {
		if got := Base(shard); got != want {
			t.Errorf("Base(%q) = %d, want %d", shard, got, want)
		}
	}
	if Base("shardId-000000922336") > math.MaxInt64-ordinals {
		t.Error("the last shard has no room for its ordinals")
	}
}
