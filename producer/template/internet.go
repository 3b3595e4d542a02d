package template

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

func internetMethods() map[string]prepare {
	at := literal("@")
	word := lowered(pick(firstNames()))
	domain := sequence(word, literal("."), pick(domainSuffixes()))
	scheme := pick([]string{"http", "https"})
	octet := integer(0, 255)
	point, colon := literal("."), literal(":")
	hexes := runes("0123456789abcdef", 2)
	return map[string]prepare{
		"avatar":       plain(avatar()),
		"userAgent":    plain(userAgent()),
		"email":        mail(at, pick([]string{"gmail.com", "yahoo.com", "hotmail.com"})),
		"exampleEmail": mail(at, pick([]string{"example.org", "example.com", "example.net"})),
		"userName":     func(arg value) (emit, error) { return userName(arg, false), nil },
		"session":      plain(session),
		"protocol":     plain(scheme),
		"url":          plain(sequence(scheme, literal("://"), domain)),
		"domainName":   plain(domain),
		"domainSuffix": plain(pick(domainSuffixes())),
		"domainWord":   plain(word),
		"ip":           plain(sequence(octet, point, octet, point, octet, point, octet)),
		"color":        color,
		"mac":          plain(sequence(hexes, colon, hexes, colon, hexes, colon, hexes, colon, hexes, colon, hexes)),
		"password": func(arg value) (emit, error) {
			n, err := countOr(arg, 15)
			if arg.truthy() && math.IsNaN(arg.toNumber()) {
				err = errors.New("the argument must be a number: the KDG never ends with this one")
			}
			return runes(alphaNumeric+capitals+"_", n), err
		},
	}
}

// session is the KDG's session id: a number of 16 digits, which may carry a fraction.
func session(dst []byte, r *source) []byte {
	const low, high = 1007199254740991, 9007199254740991
	return appendNumber(dst, low+r.Float64()*(high-low))
}

// lowered is a part of ASCII in small letters.
func lowered(part emit) emit {
	return func(dst []byte, r *source) []byte {
		start := len(dst)
		dst = part(dst, r)
		for i, c := range dst[start:] {
			if 'A' <= c && c <= 'Z' {
				dst[start+i] += 'a' - 'A'
			}
		}
		return dst
	}
}

// userName gives a name for an account: a first name, which may be the argument, with a number, the last name, or
// both. For a mail address it is made of word characters only.
func userName(arg value, mail bool) emit {
	first, last, mark := orText(arg, pick(firstNames())), pick(lastNames()), pick([]string{".", "_"})
	numbered := sequence(first, integer(0, 99))
	if arg.truthy() && arg.kind <= kindNumber {
		// JavaScript adds the two numbers.
		numbered = func(dst []byte, r *source) []byte { return appendNumber(dst, arg.toNumber()+float64(r.IntN(100))) }
	}
	user := oneOf(numbered, sequence(first, mark, last), sequence(first, mark, last, integer(0, 99)))
	if !arg.truthy() {
		return user // our names need no cleaning
	}
	return func(dst []byte, r *source) []byte {
		name := strings.NewReplacer("'", "", " ", "").Replace(string(user(nil, r)))
		if mail {
			name = slugify(name)
		}
		return append(dst, name...)
	}
}

func mail(at, provider emit) prepare {
	return func(arg value) (emit, error) { return sequence(userName(arg, true), at, provider), nil }
}

// color gives a dark color: each channel is the mean of a random one and, for red, the argument, else 0.
func color(arg value) (emit, error) {
	base := value{kind: kindNumber}
	if arg.truthy() {
		base = arg
	}
	channel := func(dst []byte, r *source, base value) []byte {
		n := value{kind: kindNumber, num: float64(r.IntN(257))}.plus(base).toNumber()
		text := "NaN"
		if !math.IsNaN(n) {
			text = strconv.FormatInt(int64(math.Floor(n/2)), 16)
		}
		if len(text) == 1 {
			dst = append(dst, '0')
		}
		return append(dst, text...)
	}
	return func(dst []byte, r *source) []byte {
		dst = channel(append(dst, '#'), r, base)
		dst = channel(dst, r, value{kind: kindNumber})
		return channel(dst, r, value{kind: kindNumber})
	}, nil
}
