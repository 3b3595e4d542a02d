package main

import (
	"strings"
	"testing"
)

// TestVerdict: each kind of end says what it comes to, and what to type next.
func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		result
		says, not []string
	}{
		{result{Accepted: 10}, []string{"Nothing is missing, nothing is doubled."}, []string{"quarantine"}},
		{result{}, []string{"No record was accepted"}, []string{"Nothing is missing"}},
		{result{Accepted: 200, Quarantined: 200, FirstReason: "missing_field, sensorId: expected an integer", dir: "/tmp/try"},
			[]string{"NO RECORD BECAME A ROW", "missing_field, sensorId", "quarantine ls --data /tmp/try"}, []string{"Nothing is missing"}},
		{result{Accepted: 200, Quarantined: 3, FirstReason: "not_json, at byte 0"}, []string{"3 of 200 records are in quarantine", "not_json, at byte 0"}, nil},
		{result{Accepted: 200, Missing: 1}, []string{"NOT COMPLETE", "snowstream audit"}, []string{"Nothing is missing"}},
	} {
		got := tt.verdict()
		for _, want := range tt.says {
			if !strings.Contains(got, want) {
				t.Errorf("%+v: %q does not say %q", tt.result, got, want)
			}
		}
		for _, no := range tt.not {
			if strings.Contains(got, no) {
				t.Errorf("%+v: %q says %q", tt.result, got, no)
			}
		}
	}
}
