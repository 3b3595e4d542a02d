package schemafile

import (
	"fmt"
	"strings"
)

// either lists words as people do.
func either(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// Suggest names the known word that was probably meant, or all of them.
func Suggest(wrong string, known []string) string {
	best, least := "", 1+max(2, len(wrong)/3)
	for _, word := range known {
		if d := distance(strings.ToLower(wrong), word); d < least {
			best, least = word, d
		}
	}
	if best == "" {
		return "it may be " + either(known)
	}
	return fmt.Sprintf("did you mean %s?", best)
}

// longWord is longer than any known word and its typing errors.
const longWord = 64

// distance counts the letters to insert, delete, change or swap with their neighbour to get from a to b.
func distance(a, b string) int {
	if len(a) > longWord {
		return len(a)
	}
	previous, row := make([]int, len(b)+1), make([]int, len(b)+1)
	var before []int
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, previous, row = previous, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(previous[j]+cost, previous[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
