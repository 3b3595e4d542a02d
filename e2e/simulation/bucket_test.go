package simulation

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// bucketName is the one bucket.
const bucketName = "raw"

// bucket is S3's durable state. What it has acknowledged stays; each request takes effect at one moment.
type bucket struct {
	w       *world
	objects map[string]object
	// late counts the writes of a key that are still on their way though nobody waits for them.
	late map[string]int
	// past are the versions that each ledger and the registry have had.
	past map[string][]object
	// expired are the objects that a lifecycle rule has removed.
	expired map[string]object
	// landed and quarantined are the identities in any object of rows and of quarantine that was ever written.
	landed, quarantined map[string]bool
}

type object struct {
	body     []byte
	etag     string
	tagged   bool
	modified time.Time
	metadata map[string]string
}

func newBucket(w *world) *bucket {
	return &bucket{w: w, objects: map[string]object{}, late: map[string]int{}, past: map[string][]object{}, expired: map[string]object{}, landed: map[string]bool{}, quarantined: map[string]bool{}}
}

// applyLater carries a request out though its caller has given up.
func (b *bucket) applyLater(d time.Duration, q request) {
	b.late[q.key]++
	b.w.later(d, func() {
		b.late[q.key]--
		b.apply(q)
	})
}

// lateOf reports whether a write of a shard's objects is on its way.
func (b *bucket) lateOf(shard string) bool {
	for key, n := range b.late {
		if n > 0 && strings.Contains(key, shard) {
			return true
		}
	}
	return false
}

// request is a call that has been read off the wire, so that it can take effect later.
type request struct {
	method, key string
	prefix      string
	after       string
	delimiter   string
	most        int
	header      http.Header
	body        []byte
}

func readRequest(r *http.Request) (request, error) {
	query := r.URL.Query()
	q := request{method: r.Method, header: r.Header, prefix: query.Get("prefix"), after: max(query.Get("continuation-token"), query.Get("start-after")), delimiter: query.Get("delimiter"), most: pageSize}
	if n, err := strconv.Atoi(query.Get("max-keys")); err == nil {
		q.most = min(q.most, n)
	}
	_, q.key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if r.Body == nil {
		return q, nil
	}
	defer r.Body.Close()
	var err error
	q.body, err = io.ReadAll(r.Body)
	return q, err
}

// write reports whether the request changes anything; conditional whether it depends on what is there.
func (q request) write() bool { return q.method == http.MethodPut }
func (q request) conditional() bool {
	return q.write() && (q.header.Get("If-Match") != "" || q.header.Get("If-None-Match") != "")
}

// apply carries a request out.
func (b *bucket) apply(q request) *http.Response {
	var status int
	var out *http.Response
	switch {
	case q.method == http.MethodPut:
		out = b.put(q)
	case q.key == "":
		out = b.list(q)
	default:
		out = b.get(q)
	}
	status = out.StatusCode
	b.w.step("s3 %s %s %s -> %d", q.method, q.key, q.prefix, status)
	return out
}

// keys are all keys under a prefix, in order.
func (b *bucket) keys(prefix string) (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

// rows are the keys of all objects of rows, expired ones included; at is one of them.
func (b *bucket) rows() []string {
	keys := b.keys(rawzone.Rows)
	for key := range b.expired {
		if _, again := b.objects[key]; again {
			b.w.find(doubled, "%s was written again after it had expired", key)
			continue
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (b *bucket) at(key string) object {
	if o, there := b.objects[key]; there {
		return o
	}
	return b.expired[key]
}

func (b *bucket) put(q request) *http.Response {
	old, there := b.objects[q.key]
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(q.body))
	switch match := q.header.Get("If-Match"); {
	case q.header.Get("If-None-Match") == "*" && there, match != "" && there && match != old.etag:
		return refuse(http.StatusPreconditionFailed, "PreconditionFailed")
	case match != "" && !there:
		return refuse(http.StatusNotFound, "NoSuchKey")
	case q.header.Get("X-Amz-Checksum-Crc32") != "" && q.header.Get("X-Amz-Checksum-Crc32") != base64.StdEncoding.EncodeToString(sum):
		return refuse(http.StatusBadRequest, "BadDigest")
	}
	digest := md5.Sum(q.body)
	o := object{body: q.body, etag: `"` + hex.EncodeToString(digest[:]) + `"`, metadata: map[string]string{}, modified: time.Now()}
	for name, values := range q.header {
		if name, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok {
			o.metadata[name] = values[0]
		}
	}
	b.objects[q.key] = o
	b.note(q.key, q.body)
	return answer(http.StatusOK, nil, "Etag", o.etag)
}

// note keeps who lies in an object, and tells the pipe of rows.
func (b *bucket) note(key string, body []byte) {
	switch {
	case strings.HasPrefix(key, rawzone.Ledgers) && strings.HasSuffix(key, ".json"):
		b.past[key] = append(b.past[key], b.objects[key])
	case strings.HasPrefix(key, rawzone.Rows):
		rows, err := readRows(key, body)
		if err != nil {
			b.w.find(broken, "%s is no CSV: %v", key, err)
		}
		for _, r := range rows {
			b.landed[r.id()] = true
		}
		b.w.pipe.notice(key)
	case strings.HasPrefix(key, rawzone.Quarantine):
		rejected, err := rawzone.DecodeQuarantine(body)
		if err != nil {
			b.w.find(broken, "%s is not readable: %v", key, err)
		}
		for _, r := range rejected {
			b.quarantined[rejectedID(r)] = true
		}
	}
}

func rejectedID(r record.Rejected) string {
	return fmt.Sprintf("%s/%s/%d", r.Shard, r.Sequence, r.Subsequence)
}

func (b *bucket) get(q request) *http.Response {
	o, there := b.objects[q.key]
	switch {
	case !there && q.method == http.MethodHead:
		return answer(http.StatusNotFound, nil)
	case !there:
		return refuse(http.StatusNotFound, "NoSuchKey")
	}
	body := o.body
	if q.method == http.MethodHead {
		body = nil
	}
	out := answer(http.StatusOK, body, "Etag", o.etag, "Last-Modified", o.modified.UTC().Format(http.TimeFormat))
	out.ContentLength = int64(len(o.body))
	out.Header.Set("Content-Length", strconv.Itoa(len(o.body)))
	for name, value := range o.metadata {
		out.Header.Set("X-Amz-Meta-"+name, value)
	}
	return out
}

// pageSize is small, so that listings have several pages.
const pageSize = 7

func (b *bucket) list(q request) *http.Response {
	type entry struct {
		Key          string
		LastModified time.Time
	}
	type folder struct{ Prefix string }
	var page struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []entry
		CommonPrefixes        []folder
	}
	last := ""
	for _, key := range b.keys(q.prefix) {
		name := key
		if before, _, below := strings.Cut(key[len(q.prefix):], q.delimiter); q.delimiter != "" && below {
			name = q.prefix + before + q.delimiter
		}
		if key <= q.after || name <= q.after || name == last {
			continue
		}
		if len(page.Contents)+len(page.CommonPrefixes) == q.most {
			page.IsTruncated, page.NextContinuationToken = true, last
			break
		}
		if last = name; name != key {
			page.CommonPrefixes = append(page.CommonPrefixes, folder{name})
		} else {
			page.Contents = append(page.Contents, entry{key, b.objects[key].modified.UTC().Truncate(time.Second)})
		}
	}
	text, err := xml.Marshal(page)
	if err != nil {
		return refuse(http.StatusInternalServerError, "InternalError")
	}
	return answer(http.StatusOK, text)
}

func answer(status int, body []byte, header ...string) *http.Response {
	r := &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func refuse(status int, code string) *http.Response {
	return answer(status, []byte("<Error><Code>"+code+"</Code><Message>simulated</Message></Error>"), "Content-Type", "application/xml")
}
