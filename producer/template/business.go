package template

import (
	"math"
	"strconv"
	"strings"
)

func companyMethods() map[string]prepare {
	space, last := literal(" "), pick(lastNames())
	suffixes := companySuffixes()
	forms := []emit{
		sequence(last, space, pick(suffixes)),
		sequence(last, literal(" - "), last),
		sequence(last, literal(", "), last, literal(" and "), last),
	}
	catchAdjectives, catchDescriptors, catchNouns := catchPhrases()
	bsVerbs, bsAdjectives, bsNouns := businessWords()
	adjective, descriptor, noun := pick(catchAdjectives), pick(catchDescriptors), pick(catchNouns)
	bsAdjective, buzz, bsNoun := pick(bsAdjectives), pick(bsVerbs), pick(bsNouns)
	return map[string]prepare{
		"suffixes":              plain(literal(strings.Join(suffixes, ","))),
		"companyName":           choose(forms),
		"companySuffix":         plain(pick(suffixes)),
		"catchPhrase":           plain(sequence(adjective, space, descriptor, space, noun)),
		"bs":                    plain(sequence(bsAdjective, space, buzz, space, bsNoun)),
		"catchPhraseAdjective":  plain(adjective),
		"catchPhraseDescriptor": plain(descriptor),
		"catchPhraseNoun":       plain(noun),
		"bsAdjective":           plain(bsAdjective),
		"bsBuzz":                plain(buzz),
		"bsNoun":                plain(bsNoun),
	}
}

// choose is a method whose argument is the index of a form; without a number, any form is taken.
func choose(forms []emit) prepare {
	return func(arg value) (emit, error) {
		if arg.kind != kindNumber {
			return oneOf(forms...), nil
		}
		if n := arg.num; n >= 0 && n < float64(len(forms)) && n == math.Trunc(n) {
			return forms[int(n)], nil
		}
		return literal(emptyRecord), nil // as of any empty text
	}
}

func financeMethods() map[string]prepare {
	return map[string]prepare{
		"account": digitsMethod(8),
		"mask": func(arg value) (emit, error) {
			if arg.toNumber() == 0 {
				arg = value{}
			}
			return digitsMethod(4)(arg)
		},
		"accountName":     plain(pick(strings.Split("Checking Account,Savings Account,Home Loan Account,Credit Card Account,Investment Account", ","))),
		"amount":          amount,
		"transactionType": plain(pick([]string{"deposit", "withdrawal", "payment", "invoice"})),
		"currencyCode":    plain(pick(listed("currency", "short", letters))),
		"currencyName":    plain(pick(listed("currency", "long", phrases))),
		"currencySymbol":  plain(pick(strings.Fields("$ € £ ¥ ₩ ₹ kr R$ zł"))),
		"bitcoinAddress":  plain(sequence(pick([]string{"1", "3"}), list(runes(digits+capitals, 1), 26, 33, ""))),
	}
}

// digitsMethod gives as many digits as the argument says.
func digitsMethod(otherwise int) prepare {
	return func(arg value) (emit, error) {
		n, err := countOr(arg, otherwise)
		return runes(digits, n), err
	}
}

// amount is a whole number up to 1000 with two zero decimals; its one argument is the least, not the greatest.
func amount(arg value) (emit, error) {
	low := 0.0
	if arg.truthy() {
		low = arg.toNumber()
	}
	return func(dst []byte, r *source) []byte {
		return strconv.AppendFloat(dst, math.Floor(r.Float64()*(1001-low)+low), 'f', 2, 64)
	}, nil
}

func commerceMethods() map[string]prepare {
	space := literal(" ")
	adjective, material, product := pick(productAdjectives()), pick(materials()), pick(products())
	return map[string]prepare{
		"color":      plain(pick(listed("color", "safe", letters))),
		"department": plain(pick(each(listed("product", "category", letters), capitalised))),
		"price": func(arg value) (emit, error) {
			if arg.toNumber() < 0 {
				return literal("0"), nil
			}
			return amount(arg)
		},
		"productName":      plain(sequence(adjective, space, material, space, product)),
		"productAdjective": plain(adjective),
		"productMaterial":  plain(material),
		"product":          plain(product),
	}
}

func hackerMethods() map[string]prepare {
	words := map[string]emit{}
	for _, name := range []string{"abbreviation", "adjective", "noun", "verb", "ingverb"} {
		words[name] = pick(listed("hacker", name, phrases))
	}
	var sentences []emit
	for _, s := range listed("hacker", "phrase", phrases+"{},'!") {
		sentences = append(sentences, filled(s, "hacker", words))
	}
	table := map[string]prepare{"phrase": plain(oneOf(sentences...))}
	for name, word := range words {
		table[name] = plain(word)
	}
	return table
}

// filled puts words into a sentence of gofakeit's, where it has {kindname}.
func filled(sentence, kind string, words map[string]emit) emit {
	var parts []emit
	for rest := sentence; rest != ""; {
		text, tag, _ := strings.Cut(rest, "{"+kind)
		name, after, _ := strings.Cut(tag, "}")
		parts = append(parts, literal(text))
		if word, known := words[name]; known {
			parts = append(parts, word)
		}
		rest = after
	}
	return sequence(parts...)
}

func phoneMethods() map[string]prepare {
	formats := phoneFormats()
	anyNumber := make([]emit, len(formats))
	for i, f := range formats {
		anyNumber[i] = pattern(f, false)
	}
	return map[string]prepare{
		"phoneNumber": func(arg value) (emit, error) {
			if !arg.truthy() {
				return oneOf(anyNumber...), nil
			}
			return patternMethod(arg, false)
		},
		"phoneNumberFormat": func(arg value) (emit, error) {
			if !arg.truthy() {
				return anyNumber[0], nil
			}
			for i := range formats {
				if arg.text() == strconv.Itoa(i) {
					return anyNumber[i], nil
				}
			}
			return literal(""), nil
		},
		"phoneFormats": plain(pick(formats)),
	}
}

// phoneFormats are the four American ways to write a number, twice, and then with extensions of three to five digits.
// Templates name them by index.
func phoneFormats() []string {
	var formats []string
	for _, extension := range []string{"", "", " x###", " x####", " x#####"} {
		for _, form := range []string{"###-###-####", "(###) ###-####", "1-###-###-####", "###.###.####"} {
			formats = append(formats, form+extension)
		}
	}
	return formats
}
