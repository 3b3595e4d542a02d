package template

import (
	"slices"
	"strings"

	"github.com/brianvoe/gofakeit/v7/data"
)

// The characters that words may hold. None of them can break a record's JSON, XML or CSV, start a tag, or need an
// encoding.
const (
	letters = capitals + "abcdefghijklmnopqrstuvwxyz"
	phrases = letters + digits + " -"
	media   = "abcdefghijklmnopqrstuvwxyz" + digits + "+-./"
)

// listed gives a list of gofakeit's without the words that hold other characters than those allowed: a name with an
// accent or two words where faker has one would change the shape of a value. A list that is gone is empty.
func listed(kind, list, allowed string) []string {
	return only(data.GetSubData(kind, list), allowed)
}

// only gives the words that consist of allowed characters, in a list of its own, because gofakeit's is shared.
func only(words []string, allowed string) []string {
	var known [256]bool
	for i := range len(allowed) {
		known[allowed[i]] = true
	}
	kept := make([]string, 0, len(words))
next:
	for _, w := range words {
		for i := range len(w) {
			if !known[w[i]] {
				continue next
			}
		}
		kept = append(kept, w)
	}
	return kept
}

// each gives the words changed.
func each(words []string, change func(string) string) []string {
	changed := make([]string, len(words))
	for i, w := range words {
		changed[i] = change(w)
	}
	return changed
}

// capitalised gives a word a capital first letter.
func capitalised(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

func firstNames() []string { return listed("person", "first", letters) }

func lastNames() []string { return listed("person", "last", letters) }

func jobAreas() []string { return listed("job", "level", letters) }

func streetSuffixes() []string { return listed("address", "street_name", letters) }

func latin() []string { return listed("lorem", "word", letters) }

func companySuffixes() []string { return listed("company", "suffix", phrases) }

func productAdjectives() []string { return each(listed("product", "adjective", letters), capitalised) }

func materials() []string { return each(listed("product", "material", letters), capitalised) }

func products() []string { return each(listed("product", "name", letters), capitalised) }

// domainSuffixes are those that faker knows.
func domainSuffixes() []string {
	return slices.DeleteFunc(listed("internet", "domain_suffix", letters), func(s string) bool { return s == "io" })
}

// stateCodes leaves out the post offices of the armed forces.
func stateCodes() []string {
	return slices.DeleteFunc(listed("address", "state_abr", letters), func(code string) bool {
		return slices.Contains([]string{"AA", "AE", "AP"}, code)
	})
}

// catchPhrases are the words of a catch phrase, which gofakeit has one after the other in a list.
func catchPhrases() (adjectives, descriptors, nouns []string) {
	return cut(data.GetSubData("company", "buzzwords"), "24 hour", "Graphic Interface")
}

// businessWords are the words of faker's bs, likewise.
func businessWords() (verbs, adjectives, nouns []string) {
	return cut(data.GetSubData("company", "bs"), "24-365", "ROI")
}

// cut divides a list before two of its words and keeps phrases only.
func cut(words []string, second, third string) (a, b, c []string) {
	i, j := slices.Index(words, second), slices.Index(words, third)
	if i < 0 || j < i {
		return nil, nil, nil
	}
	return only(words[:i], phrases), only(words[i:j], phrases), only(words[j:], phrases)
}

// Lists that gofakeit does not have.

func counties() []string {
	return strings.Fields("Avon Bedfordshire Berkshire Cambridgeshire Cornwall Cumbria Devon Dorset Essex Kent Norfolk Suffolk Surrey")
}

func locales() []string {
	return strings.Fields(`de de_AT de_CH en en_AU en_BORK en_CA en_GB en_IE en_IND en_US en_au_ocker es es_MX fa fr fr_CA ge id_ID
		it ja ko nb_NO nep nl pl pt_BR ru sk sv tr uk vi zh_CN zh_TW`)
}
