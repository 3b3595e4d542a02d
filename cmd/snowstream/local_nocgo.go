//go:build !cgo

package main

import (
	"context"
	"errors"
	"io"

	"github.com/snowstream/snowstream/producer"
)

// errNoEngine is why the local warehouse cannot run.
var errNoEngine = errors.New("this snowstream was built without cgo, and the local warehouse needs it: install a C compiler (such as gcc) and build with CGO_ENABLED=1; all other commands work")

// openStores needs the local warehouse, too.
func openStores(string) (stores, error) { return stores{}, errNoEngine }

// runLocal needs the local warehouse, whose database is a C++ library.
func runLocal(context.Context, localOptions, producer.Config, io.Writer, io.Writer) error {
	return errNoEngine
}
