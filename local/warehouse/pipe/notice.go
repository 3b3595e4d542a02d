package pipe

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

// maxMessage is the limit of SQS for one call, in bytes.
const maxMessage = 1 << 20

// QueueName is the one queue of this account and region, which serves all pipes.
func (p *Pipes) QueueName() string {
	sum := md5.Sum([]byte(strings.ToUpper(p.Account.Name)))
	return "sf-snowpipe-" + p.Account.ID + "-" + hex.EncodeToString(sum[:8])
}

func (p *Pipes) QueueARN() string {
	return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", p.Account.Region, p.Account.ID, p.QueueName())
}

// HandleSQS answers the part of the SQS protocol that a bucket needs to deliver its notifications.
func (p *Pipes) HandleSQS(w http.ResponseWriter, r *http.Request) {
	if !signed(r) {
		sqsError(w, http.StatusForbidden, "InvalidClientTokenId", "The request is not signed.")
		return
	}
	target := r.Header.Get("X-Amz-Target")
	if target != sqsTarget+"SendMessage" && target != sqsTarget+"SendMessageBatch" {
		operation := strings.TrimPrefix(target, sqsTarget)
		sqsError(w, http.StatusBadRequest, "UnsupportedOperation", fmt.Sprintf("%.80q is not supported here: the queue of the pipes takes SendMessage and SendMessageBatch only.", operation))
		return
	}
	var body sqsRequest
	r.Body = http.MaxBytesReader(w, r.Body, 2*maxMessage)
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		sqsError(w, http.StatusBadRequest, "InvalidParameterValue", "The body is not JSON.")
		return
	}
	if !strings.HasSuffix(body.QueueURL, "/"+p.Account.ID+"/"+p.QueueName()) {
		sqsError(w, http.StatusBadRequest, "QueueDoesNotExist", "The specified queue does not exist.")
		return
	}
	batch := target == sqsTarget+"SendMessageBatch"
	if !batch {
		body.Entries = []sqsEntry{{Message: body.Message}}
	}
	if refused := body.check(); refused != "" {
		sqsError(w, http.StatusBadRequest, "InvalidParameterValue", refused)
		return
	}
	if err := p.receive(r.Context(), body.Entries); err != nil {
		p.Log.Error("a notice could not be stored", "number", fault.Translate(err).Number)
		sqsError(w, http.StatusServiceUnavailable, "ServiceUnavailable", "The message could not be stored: send it again.")
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if !batch {
		_ = json.NewEncoder(w).Encode(body.Entries[0].taken())
		return
	}
	answer := []map[string]string{}
	for _, e := range body.Entries {
		one := e.taken()
		one["Id"] = e.ID
		answer = append(answer, one)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"Successful": answer, "Failed": []string{}})
}

const sqsTarget = "AmazonSQS."

// sqsRequest is SendMessage, or SendMessageBatch with up to ten entries.
type sqsRequest struct {
	QueueURL string `json:"QueueUrl"`
	Message  string `json:"MessageBody"`
	Entries  []sqsEntry
}

type sqsEntry struct {
	ID      string `json:"Id"`
	Message string `json:"MessageBody"`
}

// check says what is wrong with the messages.
func (r *sqsRequest) check() (refused string) {
	if len(r.Entries) == 0 || len(r.Entries) > 10 {
		return "Entries must be 1 to 10."
	}
	size := 0
	for _, e := range r.Entries {
		if size += len(e.Message); e.Message == "" || size > maxMessage {
			return "MessageBody is missing or too long."
		}
	}
	return ""
}

func (e sqsEntry) taken() map[string]string {
	sum := md5.Sum([]byte(e.Message))
	return map[string]string{"MessageId": uuid.NewString(), "MD5OfMessageBody": hex.EncodeToString(sum[:])}
}

// signed checks that the request carries a signature, which no web page can make a browser send. It is the S3 service's
// own, as on AWS, so it names no key of this account, and it is not verified: the listener is on loopback.
func signed(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
}

func sqsError(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("x-amzn-query-error", code+";Sender")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws.sqs#" + code, "message": text})
}

// receive queues what messages announce, in one commit. What is no notification, or concerns no pipe, is accepted and
// forgotten, as a consumer of a queue must do.
func (p *Pipes) receive(ctx context.Context, messages []sqsEntry) error {
	var objects []created
	for _, m := range messages {
		found, err := parseEvent([]byte(m.Message))
		if err != nil {
			p.Log.Warn("a notice is not an S3 event and is ignored", "bytes", len(m.Message))
		}
		objects = append(objects, found...)
	}
	open := p.Catalog.List("PIPE", func(o *catalog.Object) bool { return o.Body.AutoIngest })
	byPipe := map[int64][]string{}
	for _, pipe := range open {
		_, at, err := stage.Locate(p.Catalog, pipe.Body.Copy.Stage)
		if err != nil {
			continue
		}
		match, err := stage.CompilePattern(pipe.Body.Copy.Pattern)
		if err != nil {
			continue
		}
		for _, o := range objects {
			if o.bucket == at.Bucket && strings.HasPrefix(o.key, at.Prefix) && (match == nil || match.MatchString(o.key)) {
				byPipe[pipe.ID] = append(byPipe[pipe.ID], o.key)
			}
		}
	}
	p.lastMessage.Store(time.Now().UnixMilli())
	if len(byPipe) == 0 {
		return nil
	}
	if err := p.queue.send(ctx, byPipe); err != nil {
		return err
	}
	p.Wake()
	return nil
}

// created is an object that an event announces.
type created struct{ bucket, key string }

// parseEvent reads an S3 event notification of version 2.x. Keys are form-encoded in it: + is a blank. Events other than
// ObjectCreated, the test event among them, and folder markers are left out.
func parseEvent(message []byte) ([]created, error) {
	var event struct {
		Records []struct {
			EventVersion string `json:"eventVersion"`
			EventName    string `json:"eventName"`
			S3           struct {
				Bucket struct {
					Name string `json:"name"`
				} `json:"bucket"`
				Object struct {
					Key string `json:"key"`
				} `json:"object"`
			} `json:"s3"`
		} `json:"Records"`
	}
	if err := json.Unmarshal(message, &event); err != nil {
		return nil, fmt.Errorf("read an S3 event: %w", err)
	}
	var objects []created
	for _, r := range event.Records {
		name := strings.TrimPrefix(r.EventName, "s3:")
		if !strings.HasPrefix(r.EventVersion, "2.") || !strings.HasPrefix(name, "ObjectCreated:") {
			continue
		}
		key, err := url.QueryUnescape(r.S3.Object.Key)
		if err != nil || key == "" || strings.HasSuffix(key, "/") || r.S3.Bucket.Name == "" {
			continue
		}
		objects = append(objects, created{bucket: r.S3.Bucket.Name, key: key})
	}
	return objects, nil
}
