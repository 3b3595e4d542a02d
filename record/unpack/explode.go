package unpack

import (
	"bytes"
	"iter"

	"github.com/snowstream/snowstream/record"
)

// maxAround bounds what is repeated for each element of an exploded array: the bytes around the array times its elements.
const maxAround = 64 << 20

// explode are the documents that a document becomes, one for each element of the array at path: the document itself, with the
// element in the array's place. So an element's fields lie below the path, and those around the array beside it. Where
// there is no array with an element, the document is left as it is: null, a missing field and an empty array make one row without
// one, and what an earlier call made of it stays one.
//
// refused is TooLarge where the elements would repeat more than maxAround. A document that is no JSON is left to the decoder,
// which says what is wrong with it.
func explode(document []byte, path []string) (each iter.Seq[[]byte], refused record.Code) {
	whole := func(yield func([]byte) bool) { yield(document) }
	array, ok := find(document, path)
	if !ok {
		return whole, record.OK
	}
	list, ok := elements(array)
	if !ok {
		return whole, record.OK
	}
	n := 0
	for range list {
		n++
	}
	at := start(document, array)
	before, after := document[:at], document[at+len(array):]
	switch {
	case n == 0:
		return func(yield func([]byte) bool) { yield(join(before, []byte("null"), after)) }, record.OK
	case n > 1 && n*(len(before)+len(after)) > maxAround:
		return nil, record.TooLarge
	}
	return func(yield func([]byte) bool) {
		for element := range list {
			if !yield(join(before, element, after)) {
				return
			}
		}
	}, record.OK
}

// find is the array at a path of a document. It looks at brackets and strings alone, as a fault inside one element is that
// element's own.
func find(document []byte, path []string) (array []byte, ok bool) {
	for _, name := range path {
		if document = member(document, name); document == nil {
			return nil, false
		}
	}
	return document, len(document) > 0 && document[0] == '['
}

// member is a member's value in an object, nil if there is none of that name.
func member(object []byte, name string) (found []byte) {
	object = bytes.Trim(object, blank)
	if len(object) < 2 || object[0] != '{' || closing(object) != len(object) {
		return nil
	}
	rest := object[1 : len(object)-1]
	for len(rest) > 0 {
		n := comma(rest)
		one := rest
		if n >= 0 {
			one = rest[:n]
		}
		one = bytes.Trim(one, blank)
		if len(one) > 0 && one[0] == '"' {
			if end := endOfString(one, 0); end > 0 && string(one[1:end]) == name {
				value := bytes.TrimLeft(one[end+1:], blank)
				if len(value) > 0 && value[0] == ':' {
					found = bytes.TrimLeft(value[1:], blank)
				}
			}
		}
		if n < 0 {
			break
		}
		rest = rest[n+1:]
	}
	return found
}

// start is where in a document a piece of it begins.
func start(document, piece []byte) int { return cap(document) - cap(piece) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
