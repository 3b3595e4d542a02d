package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// State says which of the rows that were ever landed for a key is the current one. The tables are a log and stay one; the state
// is a view over them. All names are columns' names. The zero value asks for no such view.
type State struct {
	// Keys tell one thing from another. Of the columns of one key the first that is not NULL counts: a change that deletes
	// may have the key in another place than the others. A row in which a key is NULL belongs to no thing.
	Keys [][]string
	// Order is what makes one row newer than another, the most important column first; NULL is oldest. Rows that are equal in it
	// follow each other as in the stream.
	Order []string
	// Deleted says that the thing is gone if its current row fulfils all of these; with none, nothing is ever deleted.
	Deleted []Match
}

// Match is fulfilled by a row whose column has one of the values, which are written as in the tables: texts as they are,
// true and false, whole numbers by their digits.
type Match struct {
	Column string
	Values []string
}

// IsZero reports whether no state is asked for.
func (s State) IsZero() bool { return len(s.Keys) == 0 && len(s.Order) == 0 && len(s.Deleted) == 0 }

// CheckState reports what keeps the columns from having such a state.
func (s Schema) CheckState() error {
	if s.State.IsZero() {
		return nil
	}
	if len(s.State.Keys) == 0 {
		return errors.New("order by and delete when say which row of a key is current: name the columns of the key under keys")
	}
	for _, key := range s.State.Keys {
		if len(key) == 0 {
			return errors.New("keys: a key has at least one column")
		}
		first, _ := s.Column(key[0])
		for i, name := range key {
			c, err := s.stateColumn("keys", name)
			switch {
			case err != nil:
				return err
			case c.Type == Variant || c.Type == Float:
				return fmt.Errorf("keys: column %q is a %s, whose values are not surely the same when they look the same", name, c.Type)
			case first.Type != c.Type || first.Precision != c.Precision || first.Scale != c.Scale || first.Micros != c.Micros:
				return fmt.Errorf("keys: columns %q and %q are of different types, and only one of them counts for a row", key[0], name)
			case slices.Index(key, name) < i:
				return fmt.Errorf("keys: column %q is twice in one key", name)
			}
		}
	}
	for i, name := range s.State.Order {
		c, err := s.stateColumn("order by", name)
		switch {
		case err != nil:
			return err
		case c.Type == Variant || c.Type == Boolean:
			return fmt.Errorf("order by: column %q is a %s, which says nothing of newer and older", name, c.Type)
		case slices.Index(s.State.Order, name) < i:
			return fmt.Errorf("order by: column %q is here twice", name)
		}
	}
	for i, m := range s.State.Deleted {
		if err := s.checkMatch(m); err != nil {
			return err
		}
		if slices.IndexFunc(s.State.Deleted, func(other Match) bool { return other.Column == m.Column }) < i {
			return fmt.Errorf("delete when: column %q is here twice: give one list of its values", m.Column)
		}
	}
	return nil
}

func (s Schema) checkMatch(m Match) error {
	c, err := s.stateColumn("delete when", m.Column)
	if err != nil {
		return err
	}
	if len(m.Values) == 0 {
		return fmt.Errorf("delete when: column %q has no values: name at least one", m.Column)
	}
	for _, value := range m.Values {
		fits := false
		switch c.Type {
		case String:
			fits = !strings.ContainsRune(value, 0)
		case Boolean:
			fits = value == "true" || value == "false"
		case Integer:
			digits := strings.TrimPrefix(value, "-")
			fits = len(digits) > 0 && len(digits) <= MaxDigits && strings.Trim(digits, "0123456789") == ""
		default:
			return fmt.Errorf("delete when: column %q is a %s: a string, a boolean or an integer tells what is deleted", m.Column, c.Type)
		}
		if !fits {
			return fmt.Errorf("delete when: column %q, of type %s, is never %q", m.Column, c.Type, value)
		}
	}
	return nil
}

func (s Schema) stateColumn(key, name string) (Column, error) {
	c, ok := s.Column(name)
	if !ok {
		return c, fmt.Errorf("%s: there is no column %q", key, name)
	}
	return c, nil
}
