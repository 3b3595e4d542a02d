package cloudformation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/snowstream/snowstream/deploy/cloudformation/resolve"
)

// Property is a property of a resource that a change gives another value.
type Property struct {
	// Path is where it is in the resource, such as RetentionPeriodHours.
	Path   string `json:"path"`
	Before string `json:"before"`
	After  string `json:"after"`
	// Drifted says that Before is what somebody has made of it, and not what the stack had.
	Drifted bool `json:"drifted,omitempty"`
}

// stated are the properties whose values CloudFormation itself has worked out, drift included.
func stated(r *types.ResourceChange) (out []Property) {
	for _, d := range r.Details {
		t := d.Target
		if t == nil || t.Attribute != types.ResourceAttributeProperties || t.BeforeValue == nil && t.AfterValue == nil {
			continue
		}
		p := Property{Path: strings.ReplaceAll(strings.TrimPrefix(aws.ToString(t.Path), "/Properties/"), "/", "."), Before: aws.ToString(t.BeforeValue), After: aws.ToString(t.AfterValue)}
		if t.Drift != nil {
			p.Before, p.Drifted = aws.ToString(t.Drift.ActualValue), true
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// templates are the resources of a stack as it is, and as the parameters would have it; nil where either cannot be worked out,
// as for a stack of a version whose template had something that this one does not know.
func (s *Stack) templates(ctx context.Context, p Parameters) (before, after map[string]resolve.Resource) {
	found, err := s.find(ctx)
	if err != nil || found == nil {
		return nil, nil
	}
	id, err := arn.Parse(aws.ToString(found.StackId))
	if err != nil {
		return nil, nil
	}
	out, err := s.api.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &s.name})
	if err != nil {
		return nil, nil
	}
	account := resolve.Account{Partition: id.Partition, ID: id.AccountID, Region: id.Region}
	had, wanted := map[string]string{}, map[string]string{}
	for _, v := range found.Parameters {
		had[aws.ToString(v.ParameterKey)] = aws.ToString(v.ParameterValue)
	}
	for _, v := range p.values() {
		wanted[aws.ToString(v.ParameterKey)] = aws.ToString(v.ParameterValue)
	}
	if before, err = resolve.Template([]byte(aws.ToString(out.TemplateBody)), had, account); err != nil {
		return nil, nil
	}
	if after, err = resolve.Template(template, wanted, account); err != nil {
		return nil, nil
	}
	return before, after
}

// compare lists the properties that two versions of a resource do not share.
func compare(before, after map[string]any) (out []Property) {
	had, wanted := map[string]string{}, map[string]string{}
	flatten("", before, had)
	flatten("", after, wanted)
	for _, path := range slices.Sorted(maps.Keys(had)) {
		if _, ok := wanted[path]; !ok {
			wanted[path] = ""
		}
	}
	for _, path := range slices.Sorted(maps.Keys(wanted)) {
		if had[path] != wanted[path] {
			out = append(out, Property{Path: path, Before: had[path], After: wanted[path]})
		}
	}
	return out
}

// flatten writes the values below v by their paths. A list is one value, because its places are no names.
func flatten(path string, v any, into map[string]string) {
	if m, ok := v.(map[string]any); ok {
		for name, below := range m {
			flatten(strings.TrimPrefix(path+"."+name, "."), below, into)
		}
		return
	}
	if text, ok := v.(string); ok {
		into[path] = text
		return
	}
	text, err := json.Marshal(v)
	if err != nil {
		text = []byte(fmt.Sprint(v))
	}
	into[path] = string(text)
}

// Loss is what a change destroys or lets expire; "" if nothing.
func (c Change) Loss() string {
	data := map[string]string{"Stream": "the stream's records", "RawZone": "the raw zone", "PrivateKey": "the private key"}[c.LogicalID]
	if data != "" && (c.Action == string(types.ChangeActionRemove) || c.Replacement == string(types.ReplacementTrue)) {
		if c.LogicalID == "PrivateKey" {
			return "the private key is deleted, and made anew when there is a secret again"
		}
		return data + " are left behind: what takes their place is empty"
	}
	for _, p := range c.Properties {
		was, errWas := strconv.Atoi(p.Before)
		becomes, errBecomes := strconv.Atoi(p.After)
		less := errWas == nil && errBecomes == nil && becomes < was
		switch {
		case c.LogicalID == "Stream" && p.Path == "RetentionPeriodHours" && less:
			return fmt.Sprintf("records in the stream that are older than %d h expire at once", becomes)
		case c.Type == "AWS::Logs::LogGroup" && p.Path == "RetentionInDays" && less:
			return fmt.Sprintf("logs that are older than %d days expire", becomes)
		case c.LogicalID == "Mapping" && p.Path == "MaximumRecordAgeInSeconds" && less:
			return fmt.Sprintf("batches that wait for longer than %d s are given up on, and lie in the bucket under aws/lambda/", becomes)
		case c.LogicalID == "RawZone" && strings.HasPrefix(p.Path, "LifecycleConfiguration") && p.After != p.Before && strings.Contains(p.After, "Expiration"):
			return "objects in the raw zone expire by other rules: " + p.After
		}
	}
	return ""
}
