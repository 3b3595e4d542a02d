package template

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// kdgMethods names all methods of the KDG: faker 3.1.0's and its own. Those without a maker in methods are refused
// as not supported yet, so that they are never taken for a misspelling.
const kdgMethods = `
random number arrayElement weightedArrayElement objectElement uuid boolean word words image locale alphaNumeric
helpers randomize slugify replaceSymbolWithNumber replaceSymbols shuffle mustache createCard contextualCard userCard createTransaction
name firstName lastName findName jobTitle prefix suffix title jobDescriptor jobArea jobType
address zipCode city cityPrefix citySuffix streetName streetAddress streetSuffix streetPrefix secondaryAddress county country countryCode state stateAbbr latitude longitude nearbyGPSCoordinate
company suffixes companyName companySuffix catchPhrase bs catchPhraseAdjective catchPhraseDescriptor catchPhraseNoun bsAdjective bsBuzz bsNoun
finance account accountName mask amount transactionType currencyCode currencyName currencySymbol bitcoinAddress
image image avatar imageUrl abstract animals business cats city food nightlife fashion people nature sports technics transport
lorem word words sentence sentences paragraph paragraphs text lines
hacker abbreviation adjective noun verb ingverb phrase
internet avatar email exampleEmail session userName protocol url domainName domainSuffix domainWord ip userAgent color mac password
phone phoneNumber phoneNumberFormat phoneFormats
date past future between recent month weekday now utc simTime
commerce color department productName price productAdjective productMaterial product
system fileName commonFileName mimeType commonFileType commonFileExt fileType fileExt directoryPath filePath semver`

// knownMethods lists the methods of each module of the KDG.
func knownMethods() map[string][]string {
	known := map[string][]string{}
	for line := range strings.Lines(strings.TrimSpace(kdgMethods)) {
		words := strings.Fields(line)
		known[words[0]] = words[1:]
	}
	return known
}

func moduleNames(known map[string][]string) []string { return slices.Sorted(maps.Keys(known)) }

// methods is the table of what is supported, by module.method.
func methods() map[string]maker {
	table := map[string]maker{}
	for module, entries := range map[string]map[string]maker{
		"random":   randomMethods(),
		"helpers":  symbolMethods(),
		"name":     nameMethods(),
		"address":  addressMethods(),
		"internet": internetMethods(),
		"lorem":    loremMethods(),
		"date":     dateMethods(),
		"system":   systemMethods(),
		"company":  companyMethods(),
		"finance":  financeMethods(),
		"commerce": commerceMethods(),
		"hacker":   hackerMethods(),
		"phone":    phoneMethods(),
		"image":    imageMethods(),
	} {
		for method, m := range entries {
			table[module+"."+method] = m
		}
	}
	return table
}

// plain is a method that takes no notice of an argument.
func plain(e emit) maker { return func(value) (emit, error) { return e, nil } }

// literal always gives the same text.
func literal(text string) emit {
	return func(dst []byte, _ *rand.Rand) []byte { return append(dst, text...) }
}

// pick gives one of the choices, each as often as the others.
func pick(choices []string) emit {
	if len(choices) == 0 {
		return literal("undefined")
	}
	return func(dst []byte, r *rand.Rand) []byte { return append(dst, choices[r.IntN(len(choices))]...) }
}

// oneOf gives the result of one of the parts, each as often as the others.
func oneOf(parts ...emit) emit {
	return func(dst []byte, r *rand.Rand) []byte { return parts[r.IntN(len(parts))](dst, r) }
}

// sequence gives the results of all parts, one after the other.
func sequence(parts ...emit) emit {
	return func(dst []byte, r *rand.Rand) []byte {
		for _, part := range parts {
			dst = part(dst, r)
		}
		return dst
	}
}

// list gives from low to high results of a part, with a separator between them. It stops soon after the length at
// which Append refuses the record anyway, so that no argument can fill the memory.
func list(part emit, low, high int, separator string) emit {
	return func(dst []byte, r *rand.Rand) []byte {
		start := len(dst)
		for i := range between(r, low, high) {
			if len(dst)-start > MaxRecord {
				break
			}
			if i > 0 {
				dst = append(dst, separator...)
			}
			dst = part(dst, r)
		}
		return dst
	}
}

// runes gives n characters of an alphabet of single bytes.
func runes(alphabet string, n int) emit {
	return func(dst []byte, r *rand.Rand) []byte {
		for range n {
			dst = append(dst, alphabet[r.IntN(len(alphabet))])
		}
		return dst
	}
}

// integer gives a whole number from low to high, both included.
func integer(low, high int) emit { return numbers(float64(low), float64(high)+1, 1) }

// meant is the end of an error that names the known name nearest to the one given, if one is near.
func meant(name string, known []string) string {
	best, distance := "", 1+len(name)/3
	for _, k := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(k)); d <= distance {
			best, distance = k, d-1
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}

// editDistance is the number of bytes to insert, delete or change to make b from a. Both count to 40 bytes only.
func editDistance(a, b string) int {
	a, b = a[:min(len(a), 40)], b[:min(len(b), 40)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// shorten keeps the start of a misread name: an error is no place for a record's text.
func shorten(name string) string {
	const most = 40
	for i := range name {
		if i >= most {
			return name[:i] + "…"
		}
	}
	return name
}
