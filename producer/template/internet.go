package template

import (
	"math/rand/v2"
	"strings"
)

func internetMethods() map[string]maker {
	first, last := pick(firstNames()), pick(lastNames())
	mark := pick([]string{".", "_"})
	user := oneOf(sequence(first, integer(0, 99)), sequence(first, mark, last),
		sequence(first, mark, last, integer(0, 99)))
	at := literal("@")
	word := lowered(oneOf(first, last))
	domain := sequence(word, literal("."), pick(domainSuffixes()))
	scheme := pick([]string{"http", "https"})
	octet := integer(0, 255)
	point, colon := literal("."), literal(":")
	hexes := runes("0123456789abcdef", 2)
	return map[string]maker{
		"email":        plain(sequence(user, at, pick([]string{"gmail.com", "yahoo.com", "hotmail.com"}))),
		"exampleEmail": plain(sequence(user, at, pick([]string{"example.org", "example.com", "example.net"}))),
		"userName":     plain(user),
		"session":      plain(session),
		"protocol":     plain(scheme),
		"url":          plain(sequence(scheme, literal("://"), domain)),
		"domainName":   plain(domain),
		"domainSuffix": plain(pick(domainSuffixes())),
		"domainWord":   plain(word),
		"ip":           plain(sequence(octet, point, octet, point, octet, point, octet)),
		"color":        plain(sequence(literal("#"), hexes, hexes, hexes)),
		"mac":          plain(sequence(hexes, colon, hexes, colon, hexes, colon, hexes, colon, hexes, colon, hexes)),
		"password": func(arg value) (emit, error) {
			n, err := count(arg, 15)
			return runes(alphaNumeric+capitals+"_", n), err
		},
	}
}

// session is the KDG's session id: a number of 16 digits, which may carry a fraction.
func session(dst []byte, r *rand.Rand) []byte {
	const low, high = 1007199254740991, 9007199254740991
	return appendNumber(dst, low+r.Float64()*(high-low))
}

// lowered is a part in small letters.
func lowered(part emit) emit {
	return func(dst []byte, r *rand.Rand) []byte {
		start := len(dst)
		dst = part(dst, r)
		return append(dst[:start], strings.ToLower(string(dst[start:]))...)
	}
}
