package template

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

func companyMethods() map[string]maker {
	space, last := literal(" "), pick(lastNames())
	suffixes := []string{"Inc", "and Sons", "LLC", "Group"}
	forms := []emit{
		sequence(last, space, pick(suffixes)),
		sequence(last, literal(" - "), last),
		sequence(last, literal(", "), last, literal(" and "), last),
	}
	descriptor, noun := pick(descriptors()), pick(nouns())
	adjective, buzz := pick(adjectives()), pick(verbs())
	return map[string]maker{
		"suffixes":              plain(literal(strings.Join(suffixes, ","))),
		"companyName":           choose(forms),
		"companySuffix":         plain(pick(suffixes)),
		"catchPhrase":           plain(sequence(adjective, space, descriptor, space, noun)),
		"bs":                    plain(sequence(buzz, space, adjective, space, noun)),
		"catchPhraseAdjective":  plain(adjective),
		"catchPhraseDescriptor": plain(descriptor),
		"catchPhraseNoun":       plain(noun),
		"bsAdjective":           plain(adjective),
		"bsBuzz":                plain(buzz),
		"bsNoun":                plain(noun),
	}
}

// choose is a method whose argument is the index of a form; without one, any form is taken.
func choose(forms []emit) maker {
	return func(arg value) (emit, error) {
		if arg.kind == kindUndefined {
			return oneOf(forms...), nil
		}
		if n := arg.toNumber(); n >= 0 && n < float64(len(forms)) && n == math.Trunc(n) {
			return forms[int(n)], nil
		}
		return literal("string parameter is required!"), nil
	}
}

func financeMethods() map[string]maker {
	return map[string]maker{
		"account":         digitsMethod(8),
		"mask":            digitsMethod(4),
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
func digitsMethod(otherwise int) maker {
	return func(arg value) (emit, error) {
		n, err := count(arg, otherwise)
		return runes(digits, n), err
	}
}

// amount is a whole number up to 1000 with two zero decimals; its one argument is the least, not the greatest.
func amount(arg value) (emit, error) {
	low := arg.orElse(0).toNumber()
	return func(dst []byte, r *rand.Rand) []byte {
		return strconv.AppendFloat(dst, math.Floor(r.Float64()*(1001-low)+low), 'f', 2, 64)
	}, nil
}

func commerceMethods() map[string]maker {
	space := literal(" ")
	adjective, product := pick(capitalised(adjectives())), pick(capitalised(nouns()))
	material := pick(strings.Fields("Cotton Steel Granite Rubber Metal Wooden Plastic Glass"))
	return map[string]maker{
		"color":            plain(pick(strings.Fields("amber black blue bronze brown cyan gold gray green indigo ivory lime magenta olive orange pink red silver teal violet white yellow"))),
		"department":       plain(pick(strings.Fields("Books Electronics Garden Grocery Health Music Outdoors Shoes Sports Tools Toys"))),
		"price":            amount,
		"productName":      plain(sequence(adjective, space, material, space, product)),
		"productAdjective": plain(adjective),
		"productMaterial":  plain(material),
		"product":          plain(product),
	}
}

func hackerMethods() map[string]maker {
	abbreviation := pick(strings.Fields("TCP HTTP SQL RAM GB CSS AI SSD SSL JSON XML API"))
	adjective, noun, verb := pick(adjectives()), pick(nouns()), pick(verbs())
	return map[string]maker{
		"abbreviation": plain(abbreviation),
		"adjective":    plain(adjective),
		"noun":         plain(noun),
		"verb":         plain(verb),
		"ingverb":      plain(sequence(verb, literal("ing"))),
		"phrase": plain(sequence(literal("We "), verb, literal(" the "), adjective, literal(" "), abbreviation, literal(" "), noun,
			literal(", then "), verb, literal(" its "), noun, literal("!"))),
	}
}

func phoneMethods() map[string]maker {
	formats := strings.Split("###-###-####,(###) ###-####,1-###-###-####,###.###.####,###-###-#### x###,(###) ###-#### x###", ",")
	var forms []emit
	for _, f := range formats {
		forms = append(forms, pattern(f, false))
	}
	return map[string]maker{
		"phoneNumber": func(arg value) (emit, error) {
			if arg.kind == kindUndefined {
				return oneOf(forms...), nil
			}
			return pattern(format(arg), false), nil
		},
		"phoneNumberFormat": func(arg value) (emit, error) { return choose(forms)(arg.orElse(0)) },
		"phoneFormats":      plain(pick(formats)),
	}
}

// capitalised gives each word a capital first letter.
func capitalised(words []string) []string {
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return words
}
