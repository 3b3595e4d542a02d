package listener

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/snowstream/snowstream/record"
)

func TestRange(t *testing.T) {
	expire := func(w http.ResponseWriter, operation string, n int) bool {
		if operation == "GetRecords" && n == 2 {
			refuse(w, 400, "ExpiredIteratorException")
			return true
		}
		return false
	}
	unknown := func(w http.ResponseWriter, operation string, n int) bool {
		if operation == "GetShardIterator" {
			refuse(w, 400, "ResourceNotFoundException")
			return true
		}
		return false
	}
	for _, tt := range []struct {
		name, shard string
		trimmed     int
		before      func(http.ResponseWriter, string, int) bool
		first, last string
		want        string
	}{
		{"one", "shardId-0", 0, nil, "7", "7", "7..7"},
		{"several reads", "shardId-0", 0, nil, "9", "42", "9..42"},
		{"to the end", "shardId-0", 0, nil, "40", "99", "40..50"},
		{"from the start", "shardId-0", 0, nil, "1", "10", "1..10"},
		{"an iterator expires", "shardId-0", 0, expire, "9", "42", "9..42"},
		{"partly past retention", "shardId-0", 20, nil, "9", "42", "21..42"},
		{"past retention", "shardId-0", 45, nil, "9", "42", ""},
		{"a shard that is gone", "shardId-7", 0, unknown, "9", "42", ""},
		{"a stream that is gone", "shardId-0", 0, unknown, "9", "42", "error"},
	} {
		s, api := newStand(t)
		s.fill(50)
		s.trimmed, s.before = tt.trimmed, tt.before
		var all []record.Record
		err := NewReader(api, "kdEntry", quickReader()).Range(t.Context(), tt.shard, tt.first, tt.last, func(more []record.Record) error {
			all = append(all, more...)
			return nil
		})
		got := ""
		if n := len(all); n > 0 {
			got = fmt.Sprintf("%s..%s", all[0].Sequence, all[n-1].Sequence)
			for i, r := range all[1:] {
				if record.CompareSequence(all[i].Sequence, r.Sequence) >= 0 {
					t.Errorf("%s: %s before %s", tt.name, all[i].Sequence, r.Sequence)
				}
			}
		}
		if err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s, %v", tt.name, got, tt.want, err)
		}
	}
	s, api := newStand(t)
	s.fill(50)
	enough := errors.New("enough")
	if err := NewReader(api, "kdEntry", quickReader()).Range(t.Context(), "shardId-0", "1", "50", func([]record.Record) error { return enough }); err != enough {
		t.Errorf("the error of yield became %v", err)
	}
}
