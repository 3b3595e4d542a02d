package s3

import (
	"net/http"
	"strings"

	"github.com/rclone/gofakes3"
)

// conditions are the preconditions of a write. The library checks some of them before it reads the body; only the
// check under the lock of the key, just before the key changes, decides a race.
type conditions struct {
	match  string // If-Match: the ETag the key must have; "" for no condition
	absent bool   // If-None-Match: *, the key must not exist
}

func conditionsFrom(h http.Header) (conditions, error) {
	c := conditions{match: unquote(h.Get("If-Match"))}
	switch h.Get("If-None-Match") {
	case "":
	case "*", `"*"`:
		c.absent = true
	default:
		return c, refuse(gofakes3.ErrNotImplemented, "a write takes If-None-Match only with *")
	}
	return c, nil
}

func unquote(etag string) string { return strings.Trim(etag, `"`) }

// check compares with the present object; e is nil if there is none.
func (c conditions) check(e *entry) error {
	switch {
	case c.absent && e != nil:
		return refuse(gofakes3.ErrPreconditionFailed, preconditionFailed)
	case c.match == "":
		return nil
	case e == nil:
		return noSuchKey()
	case c.match != "*" && c.match != e.etag:
		return refuse(gofakes3.ErrPreconditionFailed, preconditionFailed)
	}
	return nil
}

// checkDelete is check for a deletion: it has nothing to do, and so nothing to refuse, if there is no object.
func (c conditions) checkDelete(e *entry) error {
	if e == nil {
		return nil
	}
	return conditions{match: c.match}.check(e)
}
