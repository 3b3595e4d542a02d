package s3

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/rclone/gofakes3"
)

// call is what the backend needs to know of a request beyond what the library hands on. It travels in the context.
type call struct {
	header     http.Header // of the answer
	remote     string      // address of the client
	body       *body       // the content; nil if the request has none that becomes an object
	conditions conditions
	objectSums map[string]string // by header: checksums of the whole object, when a multipart upload is completed
	objectSize int64             // its promised size; -1 if none was promised
	status     int               // status of an error whose code the library does not know
	tags       []tag             // of the object to be written
	algorithm  string            // of the checksums that are asked for
	sumType    string            // how the checksum of a multipart upload is made
	// replaceTags has a copy take tags instead of those of its source.
	replaceTags bool
	// headRange is the range that a HEAD asks for; see etagWriter.
	headRange string
	onePart   bool   // a read that asks for the first part, which is all of an object without parts
	firstList bool   // a listing of the first version
	resume    string // id of the multipart upload to take up again
	version   string // id of the version that the request is about; "" is the one that the key shows
	source    source // of a copy
	class     string // storage class of a copy; "" is STANDARD
}

// source is what a copy is made from.
type source struct{ bucket, key, version string }

// versionOf is the version of a key that the request is about.
func (c *call) versionOf(bucket, key string) string {
	if c.source.bucket == bucket && c.source.key == key {
		return c.source.version
	}
	return c.version
}

// note sets a header of the answer, if there is one.
func (c *call) note(header, value string) {
	if c != nil {
		c.header.Set(header, value)
	}
}

type callKey struct{}

func (c *call) attach(ctx context.Context) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// id is the request's id; the library gives it.
func (c *call) id() string { return c.header.Get("x-amz-request-id") }

// newCall reads a request's conditions and checksums and puts a checking reader before its body. It changes the
// request's headers so that the library sees plain content and ETags in its own form.
func newCall(w http.ResponseWriter, r *http.Request) (*call, error) {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	c := &call{header: w.Header(), remote: host, objectSize: -1}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if err := c.readContent(r); err != nil {
			return nil, err
		}
	}
	libraryETags(r.Header)
	if r.Method == http.MethodPut {
		if r.Header.Get("X-Amz-Copy-Source") != "" {
			if err := c.readUploadSums(r.Header); err != nil {
				return nil, err
			}
		}
		r.Header.Del(headerSumAlgorithm) // the library refuses it; the checksum itself is in a header or trailer of its own
	} else if r.Method == http.MethodPost && r.URL.Query().Has("uploads") {
		if err := c.readUploadSums(r.Header); err != nil {
			return nil, err
		}
	}
	if r.Method == http.MethodHead {
		c.headRange = r.Header.Get("Range")
	}
	query := r.URL.Query()
	c.onePart, c.firstList = query.Get("partNumber") == "1" && r.Method != http.MethodPut, query.Get("list-type") != "2"
	c.class = r.Header.Get(headerClass)
	if err := c.readVersions(r); err != nil {
		return nil, err
	}
	c.replaceTags = r.Header.Get("X-Amz-Tagging-Directive") == "REPLACE"
	var err error
	c.tags, err = headerTags(r.Header.Get("X-Amz-Tagging"))
	return c, err
}

// readVersions reads which versions a request is about, and takes them out of it: the library has another way with them.
func (c *call) readVersions(r *http.Request) error {
	query := r.URL.Query()
	if query.Has("versionId") {
		if c.version = query.Get("versionId"); c.version == "" {
			return refuse(gofakes3.ErrInvalidArgument, "Version id cannot be the empty string")
		}
		query.Del("versionId")
		r.URL.RawQuery = query.Encode()
	}
	path, version, ok := strings.Cut(r.Header.Get("X-Amz-Copy-Source"), "?versionId=")
	if !ok {
		return nil
	}
	bucket, key := target(path)
	key, err := url.QueryUnescape(key)
	if err != nil || version == "" {
		return refuse(gofakes3.ErrInvalidArgument, "x-amz-copy-source does not name a key and a version of it")
	}
	c.source = source{bucket, key, version}
	if c.class == "" {
		r.Header.Set(headerClass, storageClasses[0]) // or the library takes the copy of an older version for one that changes nothing
	}
	r.Header.Set("X-Amz-Copy-Source", path)
	// The library would compare them with the source, where it has the name of the copy; the commit decides.
	r.Header.Del("If-Match")
	r.Header.Del("If-None-Match")
	return nil
}

func (c *call) readContent(r *http.Request) error {
	var err error
	if c.conditions, err = conditionsFrom(r.Header); err != nil {
		return err
	}
	completes := r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
	if completes {
		if err := c.readObjectSums(r.Header); err != nil {
			return err
		}
	}
	b, err := newBody(r, !completes)
	if err != nil {
		return err
	}
	b.plain(r)
	if r.Header.Get("X-Amz-Copy-Source") == "" {
		c.body = b
	}
	return nil
}

// readObjectSums reads what the completion of a multipart upload promises of the whole object.
func (c *call) readObjectSums(h http.Header) error {
	c.objectSums, c.sumType = map[string]string{}, h.Get(headerSumType)
	for name, values := range h {
		if name == headerSumType || name == headerSumAlgorithm || !strings.HasPrefix(name, checksumPrefix) || len(values) == 0 {
			continue
		}
		base, _, _ := strings.Cut(values[0], "-") // the number of parts follows in a checksum of checksums
		if _, err := newDigest(name, base); err != nil {
			return err
		}
		c.objectSums[name] = values[0]
	}
	if size := h.Get("X-Amz-Mp-Object-Size"); size != "" {
		var err error
		if c.objectSize, err = strconv.ParseInt(size, 10, 64); err != nil || c.objectSize < 0 {
			return refuse(gofakes3.ErrInvalidRequest, "x-amz-mp-object-size is not a size")
		}
	}
	return nil
}
