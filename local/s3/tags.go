package s3

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/rclone/gofakes3"
)

const (
	maxObjectTags = 10
	maxSettingXML = 64 << 10
)

// tag is a tag of an object.
type tag struct {
	Key   string `json:"key" xml:"Key"`
	Value string `json:"value" xml:"Value"`
}

// tagsRecord is the file of tags that were set after their object was written. It counts while the object is the same.
type tagsRecord struct {
	Sequence uint64 `json:"sequence"`
	Tags     []tag  `json:"tags"`
}

type taggingXML struct {
	XMLName   xml.Name `xml:"Tagging"`
	Namespace string   `xml:"xmlns,attr,omitempty"`
	Tags      []tag    `xml:"TagSet>Tag"`
}

func checkObjectTags(tags []tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		n := utf8.RuneCountInString(t.Key)
		switch {
		case n < 1 || n > 128 || utf8.RuneCountInString(t.Value) > 256 || strings.HasPrefix(t.Key, "aws:"):
			return &ownError{http.StatusBadRequest, "InvalidTag", "The TagKey or TagValue you have provided is invalid"}
		case seen[t.Key]:
			return &ownError{http.StatusBadRequest, "InvalidTag", "Cannot provide multiple Tags with the same key"}
		}
		seen[t.Key] = true
	}
	if len(tags) > maxObjectTags {
		return refuse(gofakes3.ErrInvalidArgument, "Object tags cannot be greater than 10")
	}
	return nil
}

// headerTags reads the tags that an object is written with.
func headerTags(header string) ([]tag, error) {
	var tags []tag
	for pair := range strings.SplitSeq(header, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(key)
		value, err2 := url.QueryUnescape(value)
		if err != nil || err2 != nil {
			return nil, refuse(gofakes3.ErrInvalidArgument, "The header x-amz-tagging is not form-encoded")
		}
		tags = append(tags, tag{key, value})
	}
	return tags, checkObjectTags(tags)
}

// tagsFile is the file of the tags of a version of a key.
func tagsFile(key, version string) string {
	if version == nullVersion {
		return "tags-" + fileName(key)
	}
	return "tags-" + fileName(key) + "-" + version
}

// tags are an object's: those set last, or those that it was written with.
func (b *backend) tags(bucket string, o *object) []tag {
	var record tagsRecord
	data, err := os.ReadFile(b.disk.path(folderBuckets, bucket, tagsFile(string(o.Key), newEntry(o).version())))
	if err != nil || json.Unmarshal(data, &record) != nil || record.Sequence != o.Sequence {
		return o.Tags
	}
	return record.Tags
}

// forgetTags removes the tags of an object that is gone. They would count for no other one.
func (b *backend) forgetTags(bucket, key, version string) {
	_ = os.Remove(b.disk.path(folderBuckets, bucket, tagsFile(key, version)))
}

// serveTags answers ?tagging of an object.
func (b *backend) serveTags(w http.ResponseWriter, r *http.Request, bucket, key string) error {
	c := callFrom(r.Context())
	f, o, err := b.open(c, bucket, key, c.version)
	if err != nil {
		return internal(b.log, "reading the object", err)
	}
	_ = f.Close()
	if o.Shown != "" {
		w.Header().Set(headerVersion, o.Shown)
	}
	switch r.Method {
	case http.MethodGet:
		answerXML(w, taggingXML{Namespace: xmlNamespace, Tags: b.tags(bucket, o)})
		return nil
	case http.MethodDelete:
		if err := b.setTags(bucket, o, nil); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	case http.MethodPut:
		var in taggingXML
		if err := readXML(r.Body, &in); err != nil {
			return err
		}
		return b.setTags(bucket, o, in.Tags)
	}
	return refuse(gofakes3.ErrMethodNotAllowed, "tagging takes GET, PUT and DELETE")
}

func (b *backend) setTags(bucket string, o *object, tags []tag) error {
	if err := checkObjectTags(tags); err != nil {
		return err
	}
	record := []byte(encodeJSON(tagsRecord{o.Sequence, tags}))
	return internal(b.log, "storing the tags", b.disk.write(b.disk.path(folderBuckets, bucket), tagsFile(string(o.Key), newEntry(o).version()), record))
}

// readXML reads a document of a setting to its end, and with it checks the request's checksums.
func readXML(body io.Reader, in any) error {
	document, err := readDocument(body, maxSettingXML)
	if err != nil {
		return err
	}
	if xml.Unmarshal(document, in) != nil {
		return malformed()
	}
	return nil
}

// readDocument reads a document of at most so many bytes.
func readDocument(body io.Reader, most int) ([]byte, error) {
	document, err := io.ReadAll(io.LimitReader(body, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if document = bytes.TrimSpace(document); len(document) > most {
		return nil, refuse(gofakes3.ErrMaxMessageLengthExceeded, "Your request was too big")
	}
	return document, nil
}
