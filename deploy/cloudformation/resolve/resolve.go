// Package resolve works a CloudFormation template out for given parameters: conditions are decided, functions replaced
// by what they stand for, and what there will be is left. The checks of our own template read it, so that they see
// the policies as AWS will and not as they are written, and a plan reads from it which properties change.
//
// It knows what our template uses and refuses the rest by name. Nothing is asked of AWS: a resource's ARN is worked
// out from its type and name, and what AWS makes up (a network's id, a mapping's UUID) becomes <LogicalID>.
package resolve

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Account is where the template is worked out for.
type Account struct{ Partition, ID, Region string }

// Resource is one that there will be.
type Resource struct {
	Type           string
	DeletionPolicy string
	// UpdateReplacePolicy is what becomes of a resource that a change replaces.
	UpdateReplacePolicy string
	Metadata            map[string]any
	// Properties hold strings, bools, numbers, []any and map[string]any.
	Properties map[string]any
}

// none stands for AWS::NoValue: whatever holds it drops it.
type none struct{}

type resolver struct {
	account    Account
	parameters map[string]string
	conditions map[string]any
	decided    map[string]bool
	resources  map[string]any
	err        error
}

// Template works a template out. A parameter that is not given takes its default.
func Template(text []byte, given map[string]string, account Account) (map[string]Resource, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	r := &resolver{account: account, parameters: map[string]string{}, decided: map[string]bool{}}
	document := r.section(r.plain(&root), "the template")
	r.conditions, r.resources = r.section(document["Conditions"], "Conditions"), r.section(document["Resources"], "Resources")
	for name, p := range r.section(document["Parameters"], "Parameters") {
		value, ok := given[name]
		if d, has := r.section(p, name)["Default"]; !ok && has {
			value, ok = fmt.Sprint(d), true
		}
		if !ok {
			r.refuse("parameter %s has no value", name)
		}
		r.parameters[name] = value
	}
	out := map[string]Resource{}
	for id, text := range r.resources {
		resource := r.section(text, id)
		if condition, ok := resource["Condition"].(string); ok && !r.holds(condition) {
			continue
		}
		name := func(key string) string { value, _ := resource[key].(string); return value }
		metadata, _ := resource["Metadata"].(map[string]any)
		properties, _ := r.value(resource["Properties"]).(map[string]any)
		out[id] = Resource{name("Type"), name("DeletionPolicy"), name("UpdateReplacePolicy"), metadata, properties}
	}
	return out, r.err
}

func (r *resolver) refuse(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("work the template out: "+format, args...)
	}
}

func (r *resolver) section(v any, name string) map[string]any {
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		r.refuse("%s is no mapping", name)
	}
	return m
}

// plain turns YAML into values, with the short form of a function as its long one: !Ref X is {"Ref": "X"}.
func (r *resolver) plain(n *yaml.Node) any {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		name, bare := n.Tag[1:], *n
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		bare.Tag = map[yaml.Kind]string{yaml.ScalarNode: "!!str", yaml.SequenceNode: "!!seq", yaml.MappingNode: "!!map"}[n.Kind]
		return map[string]any{name: r.plain(&bare)}
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return r.plain(n.Content[0])
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			out[n.Content[i].Value] = r.plain(n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, c := range n.Content {
			out[i] = r.plain(c)
		}
		return out
	}
	var out any
	if err := n.Decode(&out); err != nil {
		r.refuse("line %d: %v", n.Line, err)
	}
	return out
}

// holds decides a condition by name.
func (r *resolver) holds(name string) bool {
	if decided, ok := r.decided[name]; ok {
		return decided
	}
	expression, ok := r.conditions[name]
	if !ok {
		r.refuse("there is no condition %s", name)
	}
	r.decided[name] = r.decide(expression)
	return r.decided[name]
}

func (r *resolver) decide(expression any) bool {
	m, _ := expression.(map[string]any)
	for function, argument := range m {
		list, _ := argument.([]any)
		switch {
		case function == "Condition":
			return r.holds(fmt.Sprint(argument))
		case function == "Fn::Equals" && len(list) == 2:
			return fmt.Sprint(r.value(list[0])) == fmt.Sprint(r.value(list[1]))
		case function == "Fn::Not" && len(list) == 1:
			return !r.decide(list[0])
		case function == "Fn::Or" || function == "Fn::And":
			all := function == "Fn::And"
			for _, part := range list {
				if r.decide(part) != all {
					return !all
				}
			}
			return all
		}
	}
	r.refuse("the condition %v is of no known form", expression)
	return false
}

// value replaces the functions in a value.
func (r *resolver) value(v any) any {
	switch v := v.(type) {
	case []any:
		out := []any{}
		for _, item := range v {
			if item = r.value(item); item != (none{}) {
				out = append(out, item)
			}
		}
		return out
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				if name == "Ref" || strings.HasPrefix(name, "Fn::") {
					return r.call(name, argument)
				}
			}
		}
		out := map[string]any{}
		for key, item := range v {
			if item = r.value(item); item != (none{}) {
				out[key] = item
			}
		}
		return out
	}
	return v
}

func (r *resolver) call(function string, argument any) any {
	list, _ := argument.([]any)
	switch {
	case function == "Ref":
		return r.ref(fmt.Sprint(argument))
	case function == "Fn::GetAtt":
		id, attribute, _ := strings.Cut(fmt.Sprint(argument), ".")
		return r.attribute(id, attribute)
	case function == "Fn::Sub":
		return r.sub(fmt.Sprint(argument))
	case function == "Fn::If" && len(list) == 3 && r.holds(fmt.Sprint(list[0])):
		return r.value(list[1])
	case function == "Fn::If" && len(list) == 3:
		return r.value(list[2])
	case function == "Fn::Split" && len(list) == 2:
		out := []any{}
		for part := range strings.SplitSeq(fmt.Sprint(r.value(list[1])), fmt.Sprint(list[0])) {
			out = append(out, part)
		}
		return out
	case function == "Fn::GetAZs":
		return []any{r.account.Region + "a", r.account.Region + "b"}
	case function == "Fn::Select" && len(list) == 2:
		index, _ := list[0].(int)
		if items, ok := r.value(list[1]).([]any); ok && index < len(items) {
			return items[index]
		}
	}
	r.refuse("the function %s of %v is of no known form", function, argument)
	return nil
}

func (r *resolver) ref(name string) any {
	switch name {
	case "AWS::NoValue":
		return none{}
	case "AWS::Region":
		return r.account.Region
	case "AWS::AccountId":
		return r.account.ID
	case "AWS::Partition":
		return r.account.Partition
	}
	if value, ok := r.parameters[name]; ok {
		return value
	}
	return r.attribute(name, "Ref")
}

var variable = regexp.MustCompile(`\$\{([^}]+)\}`)

func (r *resolver) sub(text string) string {
	return variable.ReplaceAllStringFunc(text, func(match string) string {
		name := match[2 : len(match)-1]
		if id, attribute, ok := strings.Cut(name, "."); ok {
			return fmt.Sprint(r.attribute(id, attribute))
		}
		return fmt.Sprint(r.ref(name))
	})
}

// attribute is what a resource has once it exists; "Ref" is what a reference to it gives.
func (r *resolver) attribute(id, attribute string) any {
	resource, ok := r.resources[id]
	if !ok {
		r.refuse("there is no resource or parameter %s", id)
		return nil
	}
	text := r.section(resource, id)
	if condition, ok := text["Condition"].(string); ok && !r.holds(condition) {
		r.refuse("%s is referred to, and will not be there", id)
	}
	properties := r.section(text["Properties"], id)
	property := func(key string) string { return fmt.Sprint(r.value(properties[key])) }
	in := func(service string) string {
		return "arn:" + r.account.Partition + ":" + service + ":" + r.account.Region + ":" + r.account.ID + ":"
	}
	switch fmt.Sprint(text["Type"], " ", attribute) {
	case "AWS::Kinesis::Stream Arn":
		return in("kinesis") + "stream/" + property("Name")
	case "AWS::Logs::LogGroup Arn":
		return in("logs") + "log-group:" + property("LogGroupName") + ":*"
	case "AWS::Logs::LogGroup Ref":
		return property("LogGroupName")
	case "AWS::Lambda::Function Arn":
		return in("lambda") + "function:" + property("FunctionName")
	case "AWS::Lambda::Function Ref":
		return property("FunctionName")
	case "AWS::SQS::Queue Arn":
		return in("sqs") + property("QueueName")
	case "AWS::IAM::Role Arn":
		path, ok := r.value(properties["Path"]).(string)
		if !ok {
			path = "/"
		}
		return "arn:" + r.account.Partition + ":iam::" + r.account.ID + ":role" + path + property("RoleName")
	case "AWS::S3::Bucket Arn":
		return "arn:" + r.account.Partition + ":s3:::" + property("BucketName")
	case "AWS::S3::Bucket Ref":
		return property("BucketName")
	case "AWS::SecretsManager::Secret Ref":
		return in("secretsmanager") + "secret:" + id + "-Abc123"
	}
	return "<" + id + ">"
}
