package rawzone

import (
	"errors"
	"fmt"
	"strings"
)

// Compression is how the bytes of an object of rows are packed. The object's name says it and nothing else does: an object
// is read as it was written, whatever the setting is by then, and objects of all kinds lie side by side.
type Compression string

// The settings, fastest to write first.
const (
	None Compression = "none"
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

// ErrDamaged says that a compressed object cannot be unpacked: it was cut, or changed since it was written.
var ErrDamaged = errors.New("its compressed bytes are damaged")

// Compressions are all that there are.
func Compressions() []Compression { return []Compression{None, Gzip, Zstd} }

// ParseCompression reads a setting; an empty one is None.
func ParseCompression(text string) (Compression, error) {
	switch c := Compression(text); c {
	case "":
		return None, nil
	case None, Gzip, Zstd:
		return c, nil
	}
	return "", fmt.Errorf("compression %q: it can be %s, %s or %s", text, None, Gzip, Zstd)
}

// Extension is what an object's name has behind ".csv". Snowflake's COMPRESSION = AUTO and people's tools go by it.
func (c Compression) Extension() string {
	switch c {
	case Gzip:
		return ".gz"
	case Zstd:
		return ".zst"
	}
	return ""
}

// CompressionOf is what the name of an object says. Whatever is no object of rows is None.
func CompressionOf(key string) Compression {
	for _, c := range []Compression{Gzip, Zstd} {
		if strings.HasSuffix(key, ".csv"+c.Extension()) {
			return c
		}
	}
	return None
}
