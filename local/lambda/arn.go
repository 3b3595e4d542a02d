package lambda

import (
	"fmt"
	"strings"
)

const (
	latestVersion   = "$LATEST"
	maxFunctionName = 64
)

// place is where this host pretends to be: the parts that every ARN shares.
type place struct{ region, account string }

func (p place) functionARN(name string) string {
	return "arn:aws:lambda:" + p.region + ":" + p.account + ":function:" + name
}

func logGroup(function string) string { return "/aws/lambda/" + function }

func (p place) mappingARN(id string) string {
	return "arn:aws:lambda:" + p.region + ":" + p.account + ":event-source-mapping:" + id
}

// functionName reads the forms in which the API accepts a function: name, account:function:name and the full ARN,
// each with an optional ":qualifier". A qualifier other than $LATEST, and another region or account, name nothing here.
func (p place) functionName(ref string) (string, error) {
	missing := func() (string, error) {
		return "", notFound("Function not found: %s", clip(ref))
	}
	rest := ref
	if strings.HasPrefix(ref, "arn:") {
		var ok bool
		if rest, ok = strings.CutPrefix(ref, "arn:aws:lambda:"+p.region+":"); !ok {
			return missing()
		}
	}
	if before, after, ok := strings.Cut(rest, ":function:"); ok {
		if before != p.account {
			return missing()
		}
		rest = after
	} else if rest != ref {
		return missing()
	}
	name, qualifier, qualified := strings.Cut(rest, ":")
	if !validFunctionName(name) || qualified && qualifier != latestVersion {
		return missing()
	}
	return name, nil
}

func validFunctionName(name string) bool {
	if name == "" || len(name) > maxFunctionName {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// readFrom takes the event source: a stream, or a consumer of one.
func (set *settings) readFrom(arn string) error {
	stream, consumer, ok := strings.Cut(arn, "/consumer/")
	if _, err := streamName(stream); err != nil {
		return err
	}
	if set.Stream = stream; !ok {
		return nil
	}
	name, created, _ := strings.Cut(consumer, ":")
	if !validStreamName(name) || !isSequence(created) {
		return invalidParameter("EventSourceArn %q is not the ARN of a stream's consumer (…:stream/NAME/consumer/NAME:CREATED)", clip(arn))
	}
	set.Consumer = arn
	return nil
}

// streamName takes the name out of a Kinesis stream's ARN.
func streamName(arn string) (string, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) == 6 && parts[0] == "arn" && parts[2] == "kinesis" {
		if name, ok := strings.CutPrefix(parts[5], "stream/"); ok && validStreamName(name) {
			return name, nil
		}
	}
	return "", invalidParameter("EventSourceArn %q is not the ARN of a Kinesis stream (arn:aws:kinesis:REGION:ACCOUNT:stream/NAME)", clip(arn))
}

func validStreamName(name string) bool {
	if name == "" || len(name) > 128 {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
}

// target is a failure destination: exactly one of bucket and function is set.
type target struct{ bucket, function string }

func (p place) target(arn string) (target, error) {
	if bucket, ok := strings.CutPrefix(arn, "arn:aws:s3:::"); ok && bucket != "" && !strings.ContainsAny(bucket, "/*?") {
		return target{bucket: bucket}, nil
	}
	if strings.HasPrefix(arn, "arn:aws:lambda:") {
		name, err := p.functionName(arn)
		if err != nil {
			return target{}, fmt.Errorf("failure destination: %w", err)
		}
		return target{function: name}, nil
	}
	for prefix, why := range map[string]string{
		"arn:aws:sqs:": "this host sends to no SQS queue", "arn:aws:sns:": "this host has no SNS topics",
	} {
		if strings.HasPrefix(arn, prefix) {
			return target{}, invalidParameter("the failure destination %q is not supported: %s; give an S3 bucket (arn:aws:s3:::NAME)", clip(arn), why)
		}
	}
	return target{}, invalidParameter("the failure destination %q is not supported: give an S3 bucket (arn:aws:s3:::NAME) or a function's ARN", clip(arn))
}

// clip keeps what a caller sent from filling answers and logs.
func clip(text string) string {
	const most = 200
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
