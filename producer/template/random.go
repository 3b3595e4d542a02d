package template

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
)

const (
	digits       = "0123456789"
	alphaNumeric = digits + "abcdefghijklmnopqrstuvwxyz"
)

func randomMethods() map[string]prepare {
	word := oneOf(pick(products()), pick(productAdjectives()), pick(materials()), pick(streetSuffixes()), pick(counties()), pick(jobAreas()))
	return map[string]prepare{
		"number":               numberMethod,
		"arrayElement":         arrayElement,
		"weightedArrayElement": weightedArrayElement,
		"objectElement":        objectElement,
		"uuid":                 plain(uuid),
		"boolean":              plain(pick([]string{"false", "true"})),
		"alphaNumeric":         plain(runes(alphaNumeric, 1)),
		"word":                 plain(word),
		"words": func(arg value) (emit, error) {
			if arg.kind == kindUndefined {
				return list(word, 1, 3, " "), nil
			}
			n, err := count(arg, 0)
			return list(word, n, n, " "), err
		},
		"image":  plain(anyImage("640")),
		"locale": plain(pick(locales())),
	}
}

// arrayElement picks an element of an array, or a character of a text.
func arrayElement(arg value) (emit, error) {
	if !arg.truthy() {
		return pick([]string{"a", "b", "c"}), nil
	}
	return pick(arg.elements()), nil
}

// weightedArrayElement picks data[i] with the probability weights[i] / sum of weights. The running sum is rounded to
// two decimals at each step, so weights below 0.005 count for nothing, as in the KDG.
func weightedArrayElement(arg value) (emit, error) {
	if arg.kind == kindUndefined {
		return pick([]string{"dog", "cat"}), nil
	}
	weights, data := arg.field("weights"), arg.field("data")
	if weights.kind != kindArray || len(weights.items) == 0 || data.kind != kindArray {
		return nil, errors.New(`the argument must be an object such as {"weights":[0.3,0.7],"data":["a","b"]}`)
	}
	choices := data.elements()
	for len(choices) < len(weights.items) {
		choices = append(choices, "undefined")
	}
	var total, running float64
	var upTo []float64
	for _, w := range weights.items {
		if w.kind != kindNumber {
			return nil, errors.New("every weight must be a number")
		}
		total += w.num
		running = math.Floor((running+w.num)*100+0.5) / 100
		upTo = append(upTo, running)
	}
	return func(dst []byte, r *source) []byte {
		at := r.Float64() * total
		for i, limit := range upTo {
			if at <= limit {
				return append(dst, choices[i]...)
			}
		}
		return append(dst, "undefined"...)
	}, nil
}

// objectElement picks the value of one of an object's fields.
func objectElement(arg value) (emit, error) {
	if !arg.truthy() {
		return pick([]string{"bar", "car"}), nil
	}
	if arg.kind == kindObject {
		arg = value{kind: kindArray, items: arg.items}
	}
	return pick(arg.elements()), nil
}

// uuid is a version 4 UUID.
func uuid(dst []byte, r *source) []byte {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], r.Uint64())
	binary.LittleEndian.PutUint64(b[8:], r.Uint64())
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	for i, end := range []int{4, 6, 8, 10, 16} {
		start := 0
		if i > 0 {
			dst = append(dst, '-')
			start = []int{0, 4, 6, 8, 10}[i]
		}
		dst = hex.AppendEncode(dst, b[start:end])
	}
	return dst
}
