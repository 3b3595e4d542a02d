package kinesis

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What docs/local-aws.md calls refused is refused, and the rest is not.
func TestOperationsAsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/local-aws.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Kinesis\n")
	section, _, _ = strings.Cut(section, "\n## ")
	s, looked := start(t, Config{}), 0
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			continue
		}
		for _, m := range regexp.MustCompile("`([A-Za-z0-9]+)`").FindAllStringSubmatch(cells[1], -1) {
			looked++
			if refused := strings.Contains(cells[2], "refused"); refused != (s.operation(m[1]) == nil) {
				t.Errorf("%s is documented as %s", m[1], strings.TrimSpace(cells[2]))
			}
		}
	}
	if looked < 40 {
		t.Errorf("only %d operations are documented", looked)
	}
}
