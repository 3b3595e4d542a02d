// Package long lets `go test ./...` leave out the tests that take long: a million rows, thousands of seeds, hundreds of
// kills. CI runs them, with the variable set.
package long

import (
	"os"
	"testing"
)

// Variable is the environment variable that, set to anything, runs the long tests, too.
const Variable = "SNOWSTREAM_LONG"

// Wanted reports whether the long tests run.
func Wanted() bool { return os.Getenv(Variable) != "" }

// Test marks a test as a long one: it is skipped unless long tests are wanted.
func Test(t testing.TB) {
	t.Helper()
	if !Wanted() {
		t.Skipf("not run: it takes long; %s=1 go test runs it", Variable)
	}
}
