package s3

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/rclone/gofakes3"
)

const (
	xmlNamespace    = "http://s3.amazonaws.com/doc/2006-03-01/"
	maxRules        = 100
	maxFilterLength = 1024
	maxRulesXML     = 1 << 20
	// validateTimeout is how long a new configuration waits for its queues; one that is slower gets its test event later.
	validateTimeout = 5 * time.Second
)

// Kinds of object creation, as they stand in the name of an event.
const (
	createdPut      = "Put"
	createdCopy     = "Copy"
	createdComplete = "CompleteMultipartUpload"
	createdAny      = "*"
)

// rule is one queue configuration of a bucket.
type rule struct {
	ID     string   `json:"id"`
	Queue  string   `json:"queue"`  // ARN
	Events []string `json:"events"` // kinds of creation, or createdAny
	Prefix exact    `json:"prefix,omitempty"`
	Suffix exact    `json:"suffix,omitempty"`
}

func (r rule) matches(kind, key string) bool {
	if !strings.HasPrefix(key, string(r.Prefix)) || !strings.HasSuffix(key, string(r.Suffix)) {
		return false
	}
	for _, event := range r.Events {
		if event == kind || event == createdAny {
			return true
		}
	}
	return false
}

// overlaps tells whether an object could match both rules. AWS refuses such pairs, so that each creation has at most
// one notification.
func (r rule) overlaps(o rule) bool {
	return sharesEvent(r.Events, o.Events) &&
		(strings.HasPrefix(string(r.Prefix), string(o.Prefix)) || strings.HasPrefix(string(o.Prefix), string(r.Prefix))) &&
		(strings.HasSuffix(string(r.Suffix), string(o.Suffix)) || strings.HasSuffix(string(o.Suffix), string(r.Suffix)))
}

func sharesEvent(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y || x == createdAny || y == createdAny {
				return true
			}
		}
	}
	return false
}

// The XML of a notification configuration, as the SDKs send and read it.
type (
	notificationXML struct {
		XMLName   xml.Name   `xml:"NotificationConfiguration"`
		Namespace string     `xml:"xmlns,attr,omitempty"`
		Queues    []queueXML `xml:"QueueConfiguration"`
		Topics    []struct{} `xml:"TopicConfiguration"`
		Functions []struct{} `xml:"CloudFunctionConfiguration"`
		Lambdas   []struct{} `xml:"LambdaFunctionConfiguration"`
		Bridge    *struct{}  `xml:"EventBridgeConfiguration"`
	}
	queueXML struct {
		ID     string     `xml:"Id,omitempty"`
		Queue  string     `xml:"Queue"`
		Events []string   `xml:"Event"`
		Filter *filterXML `xml:"Filter"`
	}
	filterXML struct {
		Rules []filterRuleXML `xml:"S3Key>FilterRule"`
	}
	filterRuleXML struct {
		Name  string `xml:"Name"`
		Value string `xml:"Value"`
	}
)

// parseRules reads and checks a notification configuration for a bucket of the given region.
func parseRules(document []byte, region string) ([]rule, error) {
	var in notificationXML
	if err := xml.Unmarshal(document, &in); err != nil {
		return nil, refuse(gofakes3.ErrMalformedXML, "the notification configuration is not well-formed XML of its schema")
	}
	switch {
	case len(in.Topics) > 0:
		return nil, refuse(gofakes3.ErrNotImplemented, "TopicConfiguration is not supported; use QueueConfiguration")
	case len(in.Functions) > 0, len(in.Lambdas) > 0:
		return nil, refuse(gofakes3.ErrNotImplemented, "LambdaFunctionConfiguration is not supported; use QueueConfiguration")
	case in.Bridge != nil:
		return nil, refuse(gofakes3.ErrNotImplemented, "EventBridgeConfiguration is not supported; use QueueConfiguration")
	case len(in.Queues) > maxRules:
		return nil, refuse(gofakes3.ErrInvalidArgument, "a bucket takes at most 100 notification configurations")
	}
	rules := make([]rule, 0, len(in.Queues))
	for _, q := range in.Queues {
		r, err := q.rule(region)
		if err != nil {
			return nil, err
		}
		for _, other := range rules {
			if other.ID == r.ID {
				return nil, refuse(gofakes3.ErrInvalidArgument, "two notification configurations have the same Id")
			}
			if other.overlaps(r) {
				return nil, refuse(gofakes3.ErrInvalidArgument, "Configuration is ambiguously defined. "+
					"Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.")
			}
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func (q queueXML) rule(region string) (rule, error) {
	r := rule{ID: q.ID, Queue: q.Queue}
	if r.ID == "" {
		r.ID = uuid.NewString()
	}
	arn, ok := parseARN(q.Queue)
	if !ok {
		return r, refuse(gofakes3.ErrInvalidArgument, "the ARN of the queue is not of the form arn:aws:sqs:region:account:name")
	}
	if arn.region != region {
		return r, refuse(gofakes3.ErrInvalidArgument, "The notification destination service region is not valid for the bucket location constraint")
	}
	if len(q.Events) == 0 {
		return r, refuse(gofakes3.ErrMalformedXML, "a queue configuration needs at least one Event")
	}
	for _, event := range q.Events {
		kind, err := eventKind(event)
		if err != nil {
			return r, err
		}
		r.Events = append(r.Events, kind)
	}
	if q.Filter == nil {
		return r, nil
	}
	return r, r.filter(q.Filter.Rules)
}

func (r *rule) filter(rules []filterRuleXML) error {
	seen := map[string]bool{}
	for _, f := range rules {
		name := strings.ToLower(f.Name)
		if seen[name] || len(f.Value) > maxFilterLength {
			return refuse(gofakes3.ErrInvalidArgument, "a filter takes one prefix and one suffix of at most 1,024 bytes each")
		}
		seen[name] = true
		switch name {
		case "prefix":
			r.Prefix = exact(f.Value)
		case "suffix":
			r.Suffix = exact(f.Value)
		default:
			return refuse(gofakes3.ErrInvalidArgument, "filter rule name must be either prefix or suffix")
		}
	}
	return nil
}

// eventKind maps s3:ObjectCreated:<kind> to the kind.
func eventKind(event string) (string, error) {
	kind, ok := strings.CutPrefix(event, "s3:ObjectCreated:")
	if ok {
		switch kind {
		case createdAny, createdPut, "Post", createdCopy, createdComplete:
			return kind, nil
		}
	}
	if !ok && strings.HasPrefix(event, "s3:") {
		return "", refuse(gofakes3.ErrNotImplemented, "only s3:ObjectCreated events are supported")
	}
	return "", refuse(gofakes3.ErrInvalidArgument, "The event is not supported for notifications")
}

// queueARN is a parsed arn:<partition>:sqs:<region>:<account>:<name>.
type queueARN struct{ region, account, name string }

func parseARN(arn string) (queueARN, bool) {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[0] != "arn" || !strings.HasPrefix(parts[1], "aws") || parts[2] != "sqs" {
		return queueARN{}, false
	}
	q := queueARN{region: parts[3], account: parts[4], name: parts[5]}
	return q, isWord(q.region) && isWord(q.account) && isWord(strings.TrimSuffix(q.name, ".fifo"))
}

// isWord keeps what a queue's URL is made of free of separators.
func isWord(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= 80
}

// formatRules is the answer to GetBucketNotificationConfiguration.
func formatRules(rules []rule) notificationXML {
	out := notificationXML{Namespace: xmlNamespace}
	for _, r := range rules {
		q := queueXML{ID: r.ID, Queue: r.Queue}
		for _, event := range r.Events {
			q.Events = append(q.Events, "s3:ObjectCreated:"+event)
		}
		var filters []filterRuleXML
		if r.Prefix != "" {
			filters = append(filters, filterRuleXML{Name: "Prefix", Value: string(r.Prefix)})
		}
		if r.Suffix != "" {
			filters = append(filters, filterRuleXML{Name: "Suffix", Value: string(r.Suffix)})
		}
		if filters != nil {
			q.Filter = &filterXML{Rules: filters}
		}
		out.Queues = append(out.Queues, q)
	}
	return out
}

// serveNotification answers ?notification, which the library does not know.
func (b *backend) serveNotification(w http.ResponseWriter, r *http.Request, name string) error {
	bk, err := b.bucket(name)
	if err != nil {
		return err
	}
	switch r.Method {
	case http.MethodGet:
		answerXML(w, formatRules(bk.notifications()))
		return nil
	case http.MethodPut:
		document, err := io.ReadAll(io.LimitReader(r.Body, maxRulesXML+1))
		if err != nil {
			return err
		}
		if len(document) > maxRulesXML {
			return refuse(gofakes3.ErrMaxMessageLengthExceeded, "the notification configuration is longer than 1 MiB")
		}
		rules, err := parseRules(bytes.TrimSpace(document), b.region)
		if err != nil {
			return err
		}
		var owed []rule
		if !strings.EqualFold(r.Header.Get("X-Amz-Skip-Destination-Validation"), "true") {
			if owed, err = b.validate(r.Context(), bk.name, rules); err != nil {
				return err
			}
		}
		return internal(b.log, "setting the notification configuration", b.setNotifications(bk, rules, owed))
	}
	return refuse(gofakes3.ErrMethodNotAllowed, "notification takes GET and PUT")
}

// validate sends each rule's queue the test event that AWS sends, and refuses a queue that does not exist. It returns the
// rules whose queue could not be asked.
func (b *backend) validate(ctx context.Context, bucket string, rules []rule) (owed []rule, err error) {
	if b.outbox.sender == nil {
		return rules, nil
	}
	ctx, cancel := context.WithTimeout(ctx, validateTimeout)
	defer cancel()
	for _, r := range rules {
		_, err := b.outbox.sender.try(ctx, []notice{{Queue: r.Queue, Body: testEvent(bucket)}})
		if errors.Is(err, errNoQueue) {
			return nil, refuse(gofakes3.ErrInvalidArgument, "Unable to validate the following destination configurations: "+
				r.Queue+": The destination queue does not exist")
		}
		if err != nil {
			owed = append(owed, r)
		}
	}
	return owed, nil
}

// setNotifications makes a bucket's rules durable. The queues that could not be asked are owed a test event; it is noted
// first, so a crash in between costs a test event too many and never one too few.
func (b *backend) setNotifications(bk *bucket, rules, owed []rule) error {
	bk.mu.Lock()
	defer bk.mu.Unlock()
	if bk.gone {
		return gofakes3.BucketNotFound(bk.name)
	}
	for _, r := range owed {
		if err := b.outbox.post(r.Queue, testEvent(bk.name)); err != nil {
			return fmt.Errorf("note the test event: %w", err)
		}
	}
	return b.saveRules(bk, rules)
}
