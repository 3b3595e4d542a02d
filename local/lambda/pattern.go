package lambda

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
)

const (
	maxFilters = 5
	maxPattern = 4096 // bytes
)

// A pattern is a filter of an event source mapping: what it asks of a node of a record. The operators are those that Lambda
// documents; any other is refused.
type pattern interface {
	// matches looks at a node as encoding/json decodes it, with numbers as json.Number; absent is a member that is not there.
	matches(node any) bool
}

// absent is a node that is not there, which null is not.
type absent struct{}

// parsePattern reads a pattern, or says what is wrong with it.
func parsePattern(text string) (pattern, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("it is longer than %d bytes", maxPattern)
	}
	node, err := decodeJSON([]byte(text))
	if err != nil {
		return nil, errors.New("it is not JSON")
	}
	object, ok := node.(map[string]any)
	if !ok {
		return nil, errors.New("it is not an object")
	}
	return parseObject(object)
}

// decodeJSON decodes one value with nothing behind it.
func decodeJSON(text []byte) (node any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&node); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("something follows the value")
	}
	return node, nil
}

// every asks something of each of its members; each alternative in or holds one pattern of which any will do.
type every struct {
	members map[string]pattern
	or      []pattern
}

func parseObject(object map[string]any) (pattern, error) {
	if len(object) == 0 {
		return nil, errors.New("it has an empty object")
	}
	p := every{members: map[string]pattern{}}
	for name, node := range object {
		var err error
		switch node := node.(type) {
		case map[string]any:
			p.members[name], err = parseObject(node)
		case []any:
			if name == "$or" {
				p.or, err = parseAlternatives(node)
				break
			}
			p.members[name], err = parseRules(node)
		default:
			err = fmt.Errorf("the value of %s is neither an array nor an object", clip(name))
		}
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

func parseAlternatives(list []any) (or []pattern, err error) {
	for _, node := range list {
		object, ok := node.(map[string]any)
		if !ok {
			return nil, errors.New("$or takes objects")
		}
		p, err := parseObject(object)
		if err != nil {
			return nil, err
		}
		or = append(or, p)
	}
	if len(or) < 2 {
		return nil, errors.New("$or takes at least two objects")
	}
	return or, nil
}

func (p every) matches(node any) bool {
	if list, ok := node.([]any); ok && slices.ContainsFunc(list, isObject) { // one of them must have it all
		return slices.ContainsFunc(list, func(n any) bool { return isObject(n) && p.matches(n) })
	}
	object, _ := node.(map[string]any)
	for name, member := range p.members {
		value, there := object[name]
		if !there {
			value = absent{}
		}
		if !member.matches(value) {
			return false
		}
	}
	return p.or == nil || slices.ContainsFunc(p.or, func(q pattern) bool { return q.matches(node) })
}

func isObject(node any) bool {
	_, ok := node.(map[string]any)
	return ok
}

// rules ask that one of them is true of a value, or of an element of it.
type rules []func(value any) bool

func (rs rules) matches(node any) bool {
	values, ok := node.([]any)
	if !ok {
		values = []any{node}
	}
	for _, rule := range rs {
		if len(values) == 0 && rule(absent{}) {
			return true
		}
		for _, value := range values {
			if !isObject(value) && rule(value) {
				return true
			}
		}
	}
	return false
}

func parseRules(list []any) (rules, error) {
	if len(list) == 0 {
		return nil, errors.New("it has an empty array")
	}
	var rs rules
	for _, node := range list {
		rule, err := parseRule(node)
		if err != nil {
			return nil, err
		}
		rs = append(rs, rule)
	}
	return rs, nil
}

// parseRule reads a value to be equal to, or an operator.
func parseRule(node any) (func(any) bool, error) {
	operator, ok := node.(map[string]any)
	if !ok {
		if _, list := node.([]any); list {
			return nil, errors.New("it has an array in an array")
		}
		return func(value any) bool { return value == node }, nil // numbers as they are written: 1 is not 1.0
	}
	if len(operator) != 1 {
		return nil, errors.New("an operator is an object with one member")
	}
	for name, argument := range operator {
		text, isText := argument.(string)
		switch {
		case name == "prefix" && isText:
			return ofText(func(value string) bool { return strings.HasPrefix(value, text) }), nil
		case name == "suffix" && isText:
			return ofText(func(value string) bool { return strings.HasSuffix(value, text) }), nil
		case name == "equals-ignore-case" && isText:
			return ofText(func(value string) bool { return strings.EqualFold(value, text) }), nil
		case name == "exists":
			want, ok := argument.(bool)
			if !ok {
				return nil, errors.New("exists takes true or false")
			}
			return func(value any) bool { return (value != absent{}) == want }, nil
		case name == "anything-but":
			return parseAnythingBut(argument)
		case name == "numeric":
			return parseNumeric(argument)
		case name == "prefix", name == "suffix", name == "equals-ignore-case":
			return nil, fmt.Errorf("%s takes a string", name)
		}
		return nil, fmt.Errorf("the operator %s is not supported", clip(name))
	}
	return nil, nil
}

func ofText(rule func(string) bool) func(any) bool {
	return func(value any) bool {
		text, ok := value.(string)
		return ok && rule(text)
	}
}

func parseAnythingBut(argument any) (func(any) bool, error) {
	list, ok := argument.([]any)
	if !ok {
		list = []any{argument}
	}
	for _, not := range list {
		switch not.(type) {
		case string, json.Number:
		default:
			return nil, errors.New("anything-but takes strings and numbers")
		}
	}
	if len(list) == 0 {
		return nil, errors.New("anything-but takes at least one value")
	}
	return func(value any) bool { return value != absent{} && !slices.Contains(list, value) }, nil
}

// maxNumeric bounds the numbers of numeric, as on AWS.
const maxNumeric = 5_000_000_000

// parseNumeric reads one comparison, or two that bound a range.
func parseNumeric(argument any) (func(any) bool, error) {
	list, ok := argument.([]any)
	if !ok || len(list) != 2 && len(list) != 4 {
		return nil, errors.New("numeric takes an operator and a number, or two of them for a range")
	}
	var tests []func(*big.Rat) bool
	var operators []string
	for i := 0; i < len(list); i += 2 {
		operator, _ := list[i].(string)
		bound, ok := rational(list[i+1])
		if !ok {
			return nil, fmt.Errorf("numeric takes numbers from -%d to %d", maxNumeric, maxNumeric)
		}
		var holds func(order int) bool
		switch operator {
		case "=":
			holds = func(order int) bool { return order == 0 }
		case "<":
			holds = func(order int) bool { return order < 0 }
		case "<=":
			holds = func(order int) bool { return order <= 0 }
		case ">":
			holds = func(order int) bool { return order > 0 }
		case ">=":
			holds = func(order int) bool { return order >= 0 }
		default:
			return nil, errors.New("numeric takes =, <, <=, > and >=")
		}
		operators = append(operators, operator)
		tests = append(tests, func(value *big.Rat) bool { return holds(value.Cmp(bound)) })
	}
	if len(operators) == 2 && (operators[0][0] != '>' || operators[1][0] != '<') {
		return nil, errors.New("a range of numeric is > or >= and then < or <=")
	}
	return func(value any) bool {
		number, ok := rational(value)
		return ok && !slices.ContainsFunc(tests, func(test func(*big.Rat) bool) bool { return !test(number) })
	}, nil
}

// rational is the exact value of a number within the bounds. An exponent that would take long to work out is out of them.
func rational(node any) (*big.Rat, bool) {
	number, ok := node.(json.Number)
	if !ok {
		return nil, false
	}
	if f, err := number.Float64(); err != nil || f < -maxNumeric || f > maxNumeric || f == 0 && strings.ContainsAny(number.String(), "123456789") || len(number) > 64 {
		return nil, false
	}
	return new(big.Rat).SetString(number.String())
}
