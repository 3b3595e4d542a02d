package upsert

import (
	"testing"

	"github.com/snowstream/snowstream/processing/rowpath"
	"github.com/snowstream/snowstream/record/rawzone"
)

// TestChannelOf: the ledger remembers of a channel what that one has committed, and not how far a former one was, whose table may be gone.
func TestChannelOf(t *testing.T) {
	for name, c := range map[string]struct {
		known rawzone.Channel
		want  int64
	}{
		"the same one":              {rawzone.Channel{Committed: 9, Created: 2}, 9},
		"a former one":              {rawzone.Channel{Committed: 9, Created: 1}, 5},
		"a former one, merged last": {rawzone.Channel{Committed: 9, Created: 1, Merged: true}, 9},
		"none":                      {rawzone.Channel{}, 5},
	} {
		got := channelOf(c.known, rowpath.State{Committed: 5, Known: true, Created: 2, Rejected: 3})
		if want := (rawzone.Channel{Committed: c.want, Created: 2, Rejected: 3}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}
