package resolve

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const small = `
Parameters:
  Name: {Type: String, Default: n}
  Many: {Type: String, Default: "a,b"}
Conditions:
  Named: !Not [!Equals [!Ref Name, ""]]
  Both: !And [!Condition Named, !Equals [!Ref AWS::Region, r]]
  Either: !Or [!Equals [1, 2], !Condition Named]
Resources:
  Queue:
    Type: AWS::SQS::Queue
    DeletionPolicy: Retain
    Properties: {QueueName: !Sub "${Name}-q"}
  Gone: {Type: AWS::SQS::Queue, Condition: Gone}
  Uses:
    Type: T
    Condition: Both
    Properties:
      Arn: !GetAtt Queue.Arn
      Text: !Sub "${Queue.Arn} ${AWS::AccountId}"
      List: [!If [Either, one, two], !If [Named, !Ref AWS::NoValue, x], !Select [1, !Split [",", !Ref Many]]]
      Dropped: !If [Named, !Ref AWS::NoValue, x]
      Number: 3
`

func TestTemplate(t *testing.T) {
	text := strings.Replace(small, "Conditions:", "Conditions:\n  Gone: !Equals [a, b]", 1)
	got, err := Template([]byte(text), map[string]string{"Name": "m"}, Account{"p", "1", "r"})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := got["Gone"]; ok || len(got) != 2 || got["Queue"].DeletionPolicy != "Retain" {
		t.Errorf("%v", got)
	}
	want := map[string]any{"Arn": "arn:p:sqs:r:1:m-q", "Text": "arn:p:sqs:r:1:m-q 1", "List": []any{"one", "b"}, "Number": 3}
	if diff := cmp.Diff(want, got["Uses"].Properties); diff != "" {
		t.Error(diff)
	}
}

// TestRefusedTemplate: what is not understood is named, and never taken for nothing.
func TestRefusedTemplate(t *testing.T) {
	for name, text := range map[string]string{
		"a condition that is not there": small, // Gone
		"a function":                    "Resources: {A: {Properties: {B: !Cidr [a, b]}}}",
		"a resource":                    "Resources: {A: {Properties: {B: !GetAtt C.Arn}}}",
		"a parameter":                   "Parameters: {P: {Type: String}}",
		"what will not be there":        "Conditions: {No: !Equals [a, b]}\nResources: {A: {Properties: {B: !Ref C}}, C: {Condition: No}}",
		"a form of a condition":         "Conditions: {C: yes}\nResources: {A: {Condition: C}}",
		"no mapping":                    "Resources: [a]",
		"no YAML":                       "\t",
	} {
		if got, err := Template([]byte(text), nil, Account{"p", "1", "r"}); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestStatement(t *testing.T) {
	s := Statement{Effect: "Allow", Actions: []string{"s3:Get*"}, Resources: []string{"arn:b/x/*"}}
	list := Statement{Effect: "Allow", Actions: []string{"s3:ListBucket"}, Resources: []string{"arn:b"},
		Condition: map[string]any{"StringLike": map[string]any{"s3:prefix": []any{"x/*", "y/*"}}}}
	odd := list
	odd.Condition = map[string]any{"NumericLessThan": map[string]any{"s3:max-keys": "3"}}
	for _, tt := range []struct {
		s                Statement
		action, resource string
		keys             map[string]string
		want             bool
	}{
		{s, "s3:GetObject", "arn:b/x/y", nil, true}, {s, "s3:GetObject", "arn:b/x/", nil, true}, {s, "s3:GetObject", "arn:b/xy", nil, false},
		{s, "s3:PutObject", "arn:b/x/y", nil, false}, {s, "s3:GetObject", "aarn:b/x/y", nil, false},
		{list, "s3:ListBucket", "arn:b", map[string]string{"s3:prefix": "y/z"}, true},
		{list, "s3:ListBucket", "arn:b", map[string]string{"s3:prefix": "z/z"}, false}, {list, "s3:ListBucket", "arn:b", nil, false},
		{odd, "s3:ListBucket", "arn:b", map[string]string{"s3:max-keys": "1"}, false},
	} {
		if got := tt.s.Allows(tt.action, tt.resource, tt.keys); got != tt.want {
			t.Errorf("%v allows %s on %s with %v: %v", tt.s, tt.action, tt.resource, tt.keys, got)
		}
	}
	if _, err := Statements(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"NotAction": "x"}}}); err == nil {
		t.Error("NotAction was taken")
	}
}
