package template

import (
	"math"
	"strconv"
	"strings"
)

func companyMethods() map[string]prepare {
	space, last := literal(" "), pick(lastNames())
	suffixes := []string{"Inc", "and Sons", "LLC", "Group"}
	forms := []emit{
		sequence(last, space, pick(suffixes)),
		sequence(last, literal(" - "), last),
		sequence(last, literal(", "), last, literal(" and "), last),
	}
	descriptor, noun := pick(descriptors()), pick(nouns())
	adjective, buzz := pick(adjectives()), pick(verbs())
	return map[string]prepare{
		"suffixes":              plain(literal(strings.Join(suffixes, ","))),
		"companyName":           choose(forms),
		"companySuffix":         plain(pick(suffixes)),
		"catchPhrase":           plain(sequence(adjective, space, descriptor, space, noun)),
		"bs":                    plain(sequence(adjective, space, buzz, space, noun)),
		"catchPhraseAdjective":  plain(adjective),
		"catchPhraseDescriptor": plain(descriptor),
		"catchPhraseNoun":       plain(noun),
		"bsAdjective":           plain(adjective),
		"bsBuzz":                plain(buzz),
		"bsNoun":                plain(noun),
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
		"currencyCode":    plain(pick(strings.Fields("AUD BRL CAD CHF CLP CNY COP DKK EGP EUR GBP INR JPY KES KRW MXN NOK NZD PEN PLN SEK TRY USD ZAR"))),
		"currencyName": plain(pick(strings.Split("Australian Dollar,Brazilian Real,Canadian Dollar,Danish Krone,Euro,Indian Rupee,"+
			"Kenyan Shilling,Mexican Peso,Pound Sterling,Swiss Franc,US Dollar,Won,Yen,Zloty", ","))),
		"currencySymbol": plain(pick(strings.Fields("$ € £ ¥ ₩ ₹ kr R$ zł"))),
		"bitcoinAddress": plain(sequence(pick([]string{"1", "3"}), list(runes(digits+capitals, 1), 26, 33, ""))),
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
	adjective, product := pick(capitalised(adjectives())), pick(capitalised(nouns()))
	material := pick(strings.Fields("Cotton Steel Granite Rubber Metal Wooden Plastic Glass"))
	return map[string]prepare{
		"color":      plain(pick(strings.Fields("amber black blue bronze brown cyan gold gray green indigo ivory lime magenta olive orange pink red silver teal violet white yellow"))),
		"department": plain(pick(strings.Fields("Books Electronics Garden Grocery Health Music Outdoors Shoes Sports Tools Toys"))),
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
	abbreviation := pick(strings.Fields("TCP HTTP SQL RAM GB CSS AI SSD SSL JSON XML API"))
	adjective, noun, verb := pick(adjectives()), pick(nouns()), pick(verbs())
	ingverb := pick(strings.Fields("backing booting deploying detecting filtering indexing launching locking mapping parsing packing sorting"))
	return map[string]prepare{
		"abbreviation": plain(abbreviation),
		"adjective":    plain(adjective),
		"noun":         plain(noun),
		"verb":         plain(verb),
		"ingverb":      plain(ingverb),
		"phrase": plain(oneOf(
			sequence(literal("We "), verb, literal(" the "), adjective, literal(" "), abbreviation, literal(" "), noun,
				literal(", then "), verb, literal(" its "), noun, literal("!")),
			sequence(ingverb, literal(" the "), noun, literal(" is not enough, try to "), verb, literal(" the "), abbreviation,
				literal(" "), noun, literal("!")),
		)),
	}
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

// capitalised gives each word a capital first letter.
func capitalised(words []string) []string {
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return words
}
