package s3

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

const eventTime = "2006-01-02T15:04:05.000Z"

// The JSON of an S3 event, field for field as AWS sends it to a queue.
type (
	eventMessage struct {
		Records []eventRecord `json:"Records"`
	}
	eventRecord struct {
		EventVersion      string            `json:"eventVersion"`
		EventSource       string            `json:"eventSource"`
		AWSRegion         string            `json:"awsRegion"`
		EventTime         string            `json:"eventTime"`
		EventName         string            `json:"eventName"`
		UserIdentity      principal         `json:"userIdentity"`
		RequestParameters map[string]string `json:"requestParameters"`
		ResponseElements  map[string]string `json:"responseElements"`
		S3                eventDetail       `json:"s3"`
	}
	principal struct {
		PrincipalID string `json:"principalId"`
	}
	eventDetail struct {
		SchemaVersion   string      `json:"s3SchemaVersion"`
		ConfigurationID string      `json:"configurationId"`
		Bucket          eventBucket `json:"bucket"`
		Object          eventObject `json:"object"`
	}
	eventBucket struct {
		Name          string    `json:"name"`
		OwnerIdentity principal `json:"ownerIdentity"`
		ARN           string    `json:"arn"`
	}
	eventObject struct {
		Key       string `json:"key"`
		Size      int64  `json:"size"`
		ETag      string `json:"eTag"`
		VersionID string `json:"versionId,omitempty"`
		Sequencer string `json:"sequencer"`
	}
)

// creationEvent is the message about a new object o, made by a request of the given kind.
func (b *backend) creationEvent(bucket string, r rule, kind string, o *object, c *call) string {
	owner := principal{PrincipalID: b.account}
	return encodeJSON(eventMessage{Records: []eventRecord{{
		EventVersion:      "2.1",
		EventSource:       "aws:s3",
		AWSRegion:         b.region,
		EventTime:         o.Modified.UTC().Format(eventTime),
		EventName:         "ObjectCreated:" + kind,
		UserIdentity:      owner,
		RequestParameters: map[string]string{"sourceIPAddress": c.remote},
		ResponseElements:  map[string]string{"x-amz-request-id": c.id(), "x-amz-id-2": c.header.Get("x-amz-id-2")},
		S3: eventDetail{
			SchemaVersion:   "1.0",
			ConfigurationID: r.ID,
			Bucket:          eventBucket{Name: bucket, OwnerIdentity: owner, ARN: "arn:aws:s3:::" + bucket},
			Object:          eventObject{Key: formEncode(string(o.Key)), Size: o.Size, ETag: o.ETag, VersionID: versionOf(o), Sequencer: sequencer(o.Sequence)},
		},
	}}})
}

// versionOf is the version in an event; the null version has none.
func versionOf(o *object) string {
	if !o.Versioned {
		return ""
	}
	return newEntry(o).version()
}

// testEvent is the message AWS sends to a queue when it is configured.
func testEvent(bucket string) string {
	return encodeJSON(struct {
		Service, Event, Time, Bucket string
		RequestID                    string `json:"RequestId"`
		HostID                       string `json:"HostId"`
	}{"Amazon S3", "s3:TestEvent", time.Now().UTC().Format(eventTime), bucket, uuid.NewString(), uuid.NewString()})
}

// sequencer has a fixed length, so that comparing two of a key as text tells the later write.
func sequencer(n uint64) string { return fmt.Sprintf("%016X", n) }

// formEncode is how a key stands in an event: form-encoded, but with its slashes.
func formEncode(key string) string {
	return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
}

func encodeJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // structs of strings and numbers always encode
	}
	return string(data)
}
