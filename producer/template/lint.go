package template

import (
	"encoding/json"
	"slices"
	"strings"
)

// warnings names what works in this tag, but rarely as meant.
func (t tag) warnings() []string {
	var found []string
	warn := func(text string) { found = append(found, text) }
	_, isJSON := parseArgument(t.raw)
	switch {
	case isJSON:
	case json.Valid([]byte("[" + t.raw + "]")):
		warn(t.name + " gets one argument: what stands between the parentheses counts as one piece of raw text")
	case strings.HasPrefix(t.raw, "'") || strings.Contains(t.raw, "['") || strings.Contains(t.raw, ":'") || strings.Contains(t.raw, ": '"):
		warn("the argument of " + t.name + " has single quotes: it is not JSON and counts as one piece of raw text, quotes included; use double quotes")
	case t.name != "date.now" && t.name != "date.utc" && t.name != "date.simTime":
		warn("the argument of " + t.name + " is not JSON, so it counts as one piece of raw text")
	}
	switch t.name {
	case "random.number":
		if t.arg.kind == kindText || t.arg.kind == kindBoolean && t.arg.yes {
			warn("random.number takes a number or an object with min, max and precision; this prints NaN")
		}
	case "random.weightedArrayElement":
		found = append(found, t.weightWarnings()...)
	case "finance.amount", "commerce.price":
		if t.arg.kind != kindUndefined {
			warn("the argument of " + t.name + " is the least amount, not the greatest")
		}
	case "date.between":
		warn("date.between needs two arguments and a tag has one: it always prints Invalid Date")
	case "system.directoryPath", "system.filePath":
		warn(t.name + " was never written: it prints undefined")
	case "helpers.createCard", "helpers.contextualCard", "helpers.userCard", "helpers.createTransaction":
		warn(t.name + " gives an object, which prints as [object Object]")
	case "lorem.lines", "lorem.text", "lorem.paragraphs":
		warn("results of " + t.name + " have line feeds: a record then has several lines")
	}
	if t.arg.contains("\n") {
		warn("the argument of " + t.name + " has a line feed: a record then has several lines")
	}
	return found
}

// weightWarnings names weights that do not count as they look.
func (t tag) weightWarnings() []string {
	var found []string
	weights, data := t.arg.field("weights").items, t.arg.field("data").items
	if slices.ContainsFunc(weights, func(w value) bool { return w.num < 0.005 }) {
		found = append(found, "weights are rounded to two decimals: one below 0.005 is never chosen; multiply all weights by the same number")
	}
	if len(weights) != len(data) {
		found = append(found, "there are not as many weights as data: what has no partner is never chosen, or prints undefined")
	}
	if t.arg.kind == kindUndefined {
		return nil
	}
	return found
}

// contains reports whether any text of the value has that part.
func (v value) contains(part string) bool {
	return strings.Contains(v.str, part) || slices.ContainsFunc(v.items, func(item value) bool { return item.contains(part) })
}
