package s3

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

const (
	maxChunkLine   = 4096 // the bufio default: a chunk header with its signature is about 100 bytes
	maxTrailerRows = 16
)

var errFraming = errors.New("the body is not aws-chunked")

// chunked takes the framing off an aws-chunked body:
//
//	<size in hex>[;chunk-signature=...]\r\n <bytes> \r\n ... 0[;...]\r\n [<trailer>:<value>\r\n ...] \r\n
//
// A trailer may also end in \n, or in \n\r\n as minio-go writes it.
// It reads every byte of the framing and refuses what does not fit, so framing is never taken for content.
type chunked struct {
	src      *bufio.Reader
	left     int64 // bytes of the current chunk still to come
	open     bool  // inside a chunk, its final CRLF is still to come
	err      error
	trailers map[string]string // complete once Read has returned io.EOF; names in lower case
}

func newChunked(src io.Reader) *chunked {
	return &chunked{src: bufio.NewReaderSize(src, maxChunkLine), trailers: map[string]string{}}
}

func (c *chunked) Read(p []byte) (int, error) {
	if c.err == nil && c.left == 0 {
		c.err = c.next()
	}
	if c.err != nil || len(p) == 0 {
		return 0, c.err
	}
	n, err := c.src.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	c.err = err
	return n, err
}

// next reads up to the bytes of the next chunk; after the last one it reads the trailers and returns io.EOF.
func (c *chunked) next() error {
	if c.open {
		if line, err := c.line(); err != nil || line != "" {
			return errors.Join(errFraming, err)
		}
	}
	line, err := c.line()
	if err != nil {
		return err
	}
	digits, _, _ := strings.Cut(line, ";")
	size, err := strconv.ParseUint(digits, 16, 62)
	if err != nil {
		return errFraming
	}
	c.left, c.open = int64(size), true
	if size > 0 {
		return nil
	}
	return c.end()
}

func (c *chunked) end() error {
	for range maxTrailerRows {
		line, err := c.trailer()
		if err != nil {
			return err
		}
		if line == "" {
			return io.EOF
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return errFraming
		}
		c.trailers[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	return errFraming
}

func (c *chunked) line() (string, error) {
	line, err := c.raw()
	if err != nil {
		return "", err
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return "", errFraming
	}
	return text, nil
}

// trailer reads a line of the trailers.
func (c *chunked) trailer() (string, error) {
	line, err := c.raw()
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), err
}

// raw reads up to the next \n.
func (c *chunked) raw() (string, error) {
	line, err := c.src.ReadSlice('\n')
	switch {
	case err == io.EOF:
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", errors.Join(errFraming, err)
	}
	return string(line), nil
}
