package template

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

// corpusCase is one template with what the KDG's own code made of it.
type corpusCase struct {
	ID         string
	Template   string
	Cleaned    string
	Valid      bool
	Samples    []string
	Constraint struct {
		Regex        string
		Exact        *string
		JSON         bool
		Ranges       map[string][2]float64
		Distribution map[string]float64
		FieldsDiffer bool `json:"fields_differ"`
	}
	Clock   time.Time
	TZ      string
	SimTime string
	Error   struct{ Message string }
}

func corpus(t *testing.T) []corpusCase {
	t.Helper()
	file, err := os.Open("testdata/corpus.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var cases []corpusCase
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c corpusCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil || len(cases) < 80 {
		t.Fatalf("read %d cases: %v", len(cases), err)
	}
	return cases
}

// accepted are the forms which the KDG fails on and we understand.
var accepted = map[string]string{
	"inv-space":              `^[0-5]$`,
	"inv-space-before-paren": `^[0-5]$`,
	"inv-empty-parens":       `^\d{1,5}$`,
	"inv-now-empty-parens":   `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$`,
	"inv-brace-in-arg":       `^\[object Object\]$`,
	"inv-paren-in-arg":       `^(a \(b\)|c)$`,
	"phone-parens-format":    `^\(\d{3}\) \d{3}-\d{4}$`,
}

func TestCorpus(t *testing.T) {
	for _, strict := range []bool{false, true} {
		for _, c := range corpus(t) {
			t.Run(fmt.Sprintf("strict=%t/%s", strict, c.ID), func(t *testing.T) {
				if got := clean(c.Template).text; got != c.Cleaned {
					t.Fatalf("cleaned to %q, want %q", got, c.Cleaned)
				}
				if pattern, ok := accepted[c.ID]; ok && !strict {
					c.Valid, c.Constraint.Regex = true, pattern
				}
				tpl, err := c.options(t, strict).Compile(c.Template)
				if !c.Valid {
					checkRefused(t, c, err)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				checkRecords(t, c, tpl)
			})
		}
	}
}

// options are the case's clock and zone.
func (c corpusCase) options(t *testing.T, strict bool) Options {
	o := Options{Strict: strict, Now: c.Clock, Simulated: c.SimTime != ""}
	if c.TZ != "" {
		o.Zone = zone(t, c.TZ)
	}
	return o
}

func checkRefused(t *testing.T, c corpusCase, err error) {
	t.Helper()
	var at *Error
	if !errors.As(err, &at) || at.Line < 1 || at.Column < 1 {
		t.Fatalf("error is %v, want one with a position", err)
	}
	// The KDG's words for unknown names are kept; seed, fake and definitions are parts of faker that are no modules.
	if strings.HasPrefix(c.Error.Message, "Invalid m") && !strings.HasPrefix(c.Template, "{{seed") && !strings.HasPrefix(c.Template, "{{fake") &&
		!strings.Contains(err.Error(), strings.TrimSpace(c.Error.Message)) {
		t.Errorf("error is %q, the KDG says %q", err, c.Error.Message)
	}
}

func checkRecords(t *testing.T, c corpusCase, tpl *Template) {
	t.Helper()
	g := tpl.Generator(1)
	if c.SimTime != "" {
		at, err := time.Parse(time.RFC3339, c.SimTime)
		if err != nil {
			t.Fatal(err)
		}
		g.SetTime(at)
	}
	if c.Constraint.Exact != nil {
		if got, err := g.Append(nil, 1); err != nil || string(got) != *c.Constraint.Exact {
			t.Errorf("made %q, want %q (%v)", got, *c.Constraint.Exact, err)
		}
		return
	}
	want := regexp.MustCompile("(?s:" + c.Constraint.Regex + ")")
	for _, sample := range c.Samples {
		if c.Valid && len(c.Error.Message) == 0 && !want.MatchString(sample) {
			t.Fatalf("the reference %q does not satisfy the constraint", sample)
		}
	}
	n := 1000
	if c.Constraint.Distribution != nil {
		n = 20000
	}
	seen := map[string]int{}
	for i := range int64(n) {
		record, err := g.Append(nil, i)
		if err != nil {
			t.Fatal(err)
		}
		got := string(record)
		seen[got]++
		if !want.MatchString(got) {
			t.Fatalf("made %q, want a match of %s", got, c.Constraint.Regex)
		}
		if c.Constraint.JSON {
			checkJSON(t, got, c.Constraint.Ranges)
		}
		if before, after, _ := strings.Cut(got, ","); c.Constraint.FieldsDiffer && before == after {
			t.Errorf("both fields are %s", before)
		}
	}
	for text, share := range c.Constraint.Distribution {
		if got := float64(seen[text]) / float64(n); math.Abs(got-share) > 0.02 {
			t.Errorf("%q came with a share of %.3f, want %.3f", text, got, share)
		}
	}
}

func checkJSON(t *testing.T, record string, ranges map[string][2]float64) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(record), &v); err != nil {
		t.Fatalf("%q is not JSON: %v", record, err)
	}
	for field, bounds := range ranges {
		var n float64
		switch v := v.(type) {
		case map[string]any:
			n, _ = v[field].(float64)
		case []any:
			i, _ := strconv.Atoi(field)
			n, _ = v[i].(float64)
		}
		if n < bounds[0] || n > bounds[1] {
			t.Fatalf("%s of %q is outside %v", field, record, bounds)
		}
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	location, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return location
}

func appendOne(t *testing.T, tpl *Template, seed uint64) string {
	t.Helper()
	record, err := tpl.Generator(seed).Append(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return string(record)
}
