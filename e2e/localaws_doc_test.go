package e2e

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestLocalAWSDocument compares docs/local-aws.md with the SDK's own operations: each stands there once, and no other.
func TestLocalAWSDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/local-aws.md")
	if err != nil {
		t.Fatal(err)
	}
	for service, client := range map[string]any{"Kinesis": &kinesis.Client{}, "S3": &awss3.Client{}, "Lambda": &lambda.Client{}} {
		_, section, found := strings.Cut(string(text), "\n## "+service+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		documented := map[string]int{}
		for line := range strings.Lines(section) {
			cells := strings.Split(line, "|")
			if len(cells) != 5 || !strings.Contains(cells[1], "`") {
				continue
			}
			if state := strings.TrimSpace(cells[2]); !slices.Contains([]string{"served", "partly", "refused"}, state) {
				t.Errorf("%s: a row says %q", service, state)
			}
			for _, m := range regexp.MustCompile("`([A-Za-z0-9]+)`").FindAllStringSubmatch(cells[1], -1) {
				documented[m[1]]++
			}
		}
		methods := reflect.TypeOf(client)
		for i := range methods.NumMethod() {
			name := methods.Method(i).Name
			if name == "Options" {
				continue
			}
			if documented[name] != 1 {
				t.Errorf("%s: %s is documented %d times", service, name, documented[name])
			}
			delete(documented, name)
		}
		if !found || len(documented) > 0 {
			t.Errorf("%s: the SDK does not have %v", service, documented)
		}
	}
}
