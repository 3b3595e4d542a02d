package variant

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/number"
)

// Key is a text by which values compare: equal for equal values, whatever the form of their numbers and the order of
// their members, and in the order of numbers among numbers and of texts among texts. JSON null has none: to a comparison
// it is NULL.
func Key(value string) (key string, ok bool) {
	if value == "" || value == "null" {
		return "", false
	}
	decoder := json.NewDecoder(strings.NewReader(value))
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); err != nil {
		return "", false
	}
	return keyOf(decoded), true
}

func keyOf(value any) string {
	switch v := value.(type) {
	case bool:
		return fmt.Sprintf("1%t", v)
	case json.Number:
		key, ok := number.Key(v.String())
		if !ok {
			key = v.String()
		}
		return "2" + key
	case string:
		return "3" + v
	case []any:
		parts := []string{"4"}
		for _, element := range v {
			parts = append(parts, fmt.Sprintf("%q", keyOf(element)))
		}
		return strings.Join(parts, ",")
	case map[string]any:
		parts := make([]string, 0, len(v))
		for name, member := range v {
			parts = append(parts, fmt.Sprintf("%q:%q", name, keyOf(member)))
		}
		slices.Sort(parts)
		return "5" + strings.Join(parts, ",")
	}
	return "0"
}

// NumberKey is number.Key of a value beside a number: a text that is a number counts as one, as casting it does. ok is false
// for JSON null.
func NumberKey(value string) (key string, ok bool, err error) {
	text, ok := Text(value)
	if !ok {
		return "", false, nil
	}
	key, ok = number.Key(strings.TrimSpace(text))
	switch {
	case ok:
		return key, true, nil
	case text == "true" || text == "false":
		key, ok = number.Key(map[string]string{"true": "1", "false": "0"}[text])
		return key, ok, nil
	}
	return "", false, errors.New("Failed to cast variant value " + clipped(value) + " to FIXED") //nolint:staticcheck // Snowflake's words
}

func clipped(text string) string {
	if len(text) > 60 {
		return text[:60] + "…"
	}
	return text
}
