package s3

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// isForm tells an upload from an HTML form, which carries its signature in the form, or what else is posted to a bucket as such.
func isForm(r *http.Request) bool {
	bucket, key := target(r.URL.Path)
	query := r.URL.Query()
	query.Del("x-id")
	return r.Method == http.MethodPost && bucket != "" && key == "" && len(query) == 0
}

// formRefusal are the words for it.
func formRefusal(r *http.Request) string {
	if kind := r.Header.Get("Content-Type"); strings.HasPrefix(kind, "multipart/form-data") {
		return "uploads from HTML forms are not supported"
	}
	return "POST " + r.URL.EscapedPath() + " is not supported"
}

// expired tells a presigned URL whose time is over. Signatures are not checked, and this still is: a program that keeps its
// links too long must notice here.
func expired(r *http.Request, now time.Time) bool {
	query := r.URL.Query()
	if signedAt := query.Get("X-Amz-Date"); signedAt != "" && query.Has("X-Amz-Signature") {
		at, err := time.Parse("20060102T150405Z", signedAt)
		seconds, err2 := strconv.ParseInt(query.Get("X-Amz-Expires"), 10, 32)
		return err == nil && err2 == nil && now.After(at.Add(time.Duration(seconds)*time.Second))
	}
	at, err := strconv.ParseInt(query.Get("Expires"), 10, 64)
	return err == nil && query.Has("Signature") && now.Unix() > at
}

// owned is false where a request expects another owner of its bucket, or of the one it copies from.
func (s *Server) owned(r *http.Request) bool {
	for _, name := range []string{"X-Amz-Expected-Bucket-Owner", "X-Amz-Source-Expected-Bucket-Owner"} {
		if owner := r.Header.Get(name); owner != "" && owner != s.account {
			return false
		}
	}
	return true
}

const headerClass = "X-Amz-Storage-Class"

// storageClasses are those that AWS has; the first one is never shown by a HEAD.
var storageClasses = []string{
	"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR",
}

// storageClass checks the class of an object to be written, and takes off the one that needs no word.
func storageClass(h http.Header) error {
	class := h.Get(headerClass)
	if class != "" && !slices.Contains(storageClasses, class) {
		return &ownError{http.StatusBadRequest, "InvalidStorageClass", "The storage class you specified is not valid"}
	}
	if class == storageClasses[0] {
		h.Del(headerClass)
	}
	return nil
}

// class is the object's storage class; "" is STANDARD, also where an older version wrote that down.
func (o *object) class() string {
	class := string(o.Metadata[headerClass])
	if class == storageClasses[0] {
		return ""
	}
	return class
}

// archived tells an object that AWS would want restored before it is read.
func (o *object) archived() bool {
	return o.class() == "GLACIER" || o.class() == "DEEP_ARCHIVE"
}

// wholeSuffix makes a request for more last bytes than an object has one for the whole object, as AWS takes it.
func (b *backend) wholeSuffix(r *http.Request, bucket, key string) {
	suffix, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=-")
	n, err := strconv.ParseInt(suffix, 10, 64)
	if !ok || err != nil || key == "" || r.Method != http.MethodGet {
		return
	}
	bk, err := b.bucket(bucket)
	if err != nil {
		return
	}
	e, _ := bk.index.get(key)
	if version := callFrom(r.Context()).version; version != "" {
		e = bk.index.version(key, version)
	}
	if e != nil && e.size > 0 && n > e.size {
		r.Header.Set("Range", "bytes=0-")
	}
}
