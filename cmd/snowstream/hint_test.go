package main

import "testing"

func TestHint(t *testing.T) {
	for dir, want := range map[string]string{
		dataFolder: "snowstream status", "": "snowstream status", "/tmp/try": "snowstream status --data /tmp/try",
		"a folder": "snowstream status --data 'a folder'", "it's": `snowstream status --data 'it'\''s'`,
	} {
		if got := hint("status", dir); got != want {
			t.Errorf("for %q the hint is %q, not %q", dir, got, want)
		}
	}
	for program, want := range map[string]bool{
		"/home/me/.cache/go-build/ab/abcd-d/snowstream": false, "/tmp/go-build123/b001/exe/snowstream": true, "/usr/bin/snowstream": false,
	} {
		if isGoRun(program) != want {
			t.Errorf("%s was started by go run: %v", program, !want)
		}
	}
}
