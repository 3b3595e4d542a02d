package s3

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rclone/gofakes3"

	"github.com/snowstream/snowstream/internal/loopback"
)

// ServeHTTP checks what the library does not check, answers what it does not know, and hands on the rest.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.closed.Load():
		answerError(w, r, http.StatusServiceUnavailable, "ServiceUnavailable", errClosed.Error())
		return
	case loopback.FromPage(r):
		answerError(w, r, http.StatusForbidden, "AccessDenied", "Use the server's loopback address, and not from a web page")
		return
	case isForm(r):
		answerError(w, r, http.StatusNotImplemented, "NotImplemented", formRefusal(r))
		return
	case expired(r, time.Now()):
		answerError(w, r, http.StatusForbidden, "AccessDenied", "Request has expired")
		return
	case !s.owned(r):
		answerError(w, r, http.StatusForbidden, "AccessDenied", "Access Denied")
		return
	case !signed(r):
		answerError(w, r, http.StatusForbidden, "AccessDenied", "Access Denied: the request is not signed")
		return
	}
	r = r.Clone(r.Context())
	if err := supported(r); err != nil {
		answer(w, r, err)
		return
	}
	c, err := newCall(w, r)
	if err != nil {
		answer(w, r, err)
		return
	}
	r = r.WithContext(c.attach(r.Context()))
	bucket, key := target(r.URL.Path)
	s.backend.wholeSuffix(r, bucket, key)
	// boto3 signs a content type into the query of a URL of the older kind.
	if kind := r.URL.Query().Get("content-type"); kind != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", kind)
	}
	tags := &etagWriter{ResponseWriter: w, call: c, object: key != ""}
	if handled, err := s.serveOwn(tags, r); err != nil {
		answer(tags, r, err)
	} else if !handled {
		s.handler.ServeHTTP(tags, r)
		if !tags.headed {
			tags.WriteHeader(http.StatusOK)
		}
	}
	tags.finish(r.Header)
}

// signed tells whether a request names its caller, in a header or in a presigned URL.
func signed(r *http.Request) bool {
	query := r.URL.Query()
	return r.Header.Get("Authorization") != "" || query.Has("X-Amz-Signature") || query.Has("Signature")
}

// target splits a path as the library does. Only the slashes before the bucket are surplus: a key may begin with one.
func target(path string) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimLeft(path, "/"), "/")
	return bucket, key
}

// supported refuses by name what the library would ignore, such as an append that it would take for a plain write.
func supported(r *http.Request) error {
	_, key := target(r.URL.Path)
	for name := range r.URL.Query() {
		ofBucket := slices.ContainsFunc(keptSettings, func(k kept) bool { return k.parameter == name && name != "tagging" })
		if !knownParameter(name) || ofBucket && key != "" {
			return refuse(gofakes3.ErrNotImplemented, "the query parameter "+url.QueryEscape(name)+" is not supported")
		}
	}
	for _, name := range []string{
		"X-Amz-Write-Offset-Bytes", "X-Amz-Rename-Source", "X-Amz-Website-Redirect-Location",
		"X-Amz-If-Match-Size", "X-Amz-If-Match-Last-Modified-Time",
	} {
		if r.Header.Get(name) != "" {
			return refuse(gofakes3.ErrNotImplemented, "the header "+name+" is not supported")
		}
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Amz-Grant-") {
			return refuse(gofakes3.ErrNotImplemented, "the header "+name+" is not supported; everything is private")
		}
	}
	switch r.Header.Get("X-Amz-Acl") {
	case "", "private", "bucket-owner-full-control":
	default:
		return refuse(gofakes3.ErrNotImplemented, "access control lists are not supported; everything is private")
	}
	query := r.URL.Query()
	if r.Header.Get("X-Amz-Tagging") != "" && query.Has("uploads") {
		return refuse(gofakes3.ErrNotImplemented, "tags of a multipart upload are not supported: tag the object when it is there")
	}
	if text := query.Get("partNumber"); text != "" && r.Method == http.MethodPut {
		if n, err := strconv.Atoi(text); err != nil || n < 1 || n > 10_000 {
			return refuse(gofakes3.ErrInvalidArgument, "Part number must be an integer between 1 and 10000, inclusive")
		}
	}
	return storageClass(r.Header)
}

func knownParameter(name string) bool {
	switch name {
	case "list-type", "prefix", "delimiter", "max-keys", "marker", "start-after", "continuation-token", "fetch-owner",
		"encoding-type", "max-buckets", "bucket-region", "location", "delete", "notification", "versioning",
		"uploads", "uploadId", "partNumber", "part-number-marker", "max-parts", "max-uploads", "key-marker",
		"upload-id-marker", "x-id", "AWSAccessKeyId", "Signature", "Expires", "content-type", "content-md5", "attributes",
		"tagging", "versions", "versionId", "version-id-marker", "publicAccessBlock", "encryption", "ownershipControls", "policy", lifecycle:
		return true
	}
	return strings.HasPrefix(name, "response-") || strings.HasPrefix(strings.ToLower(name), "x-amz-")
}

// serveOwn answers the requests that the library has no answer for, or a wrong one.
func (s *Server) serveOwn(w http.ResponseWriter, r *http.Request) (handled bool, err error) {
	bucket, key := target(r.URL.Path)
	query := r.URL.Query()
	query.Del("x-id") // the SDK's name for the operation
	reads := r.Method == http.MethodGet
	switch {
	case bucket == "":
		return false, nil
	case key != "" && r.Method == http.MethodPost && query.Has("uploadId"):
		return true, s.backend.serveComplete(w, r, bucket, key)
	case key != "" && reads && query.Has("attributes"):
		return true, s.backend.serveAttributes(w, r, bucket, key)
	case key != "" && query.Has("tagging"):
		return true, s.backend.serveTags(w, r, bucket, key)
	case key == "" && keptSetting(query) != nil:
		return true, s.backend.serveKept(w, r, bucket, keptSetting(query))
	case key == "" && reads && query.Has("versions"):
		return true, s.backend.serveVersions(w, r, bucket)
	case key == "" && r.Method == http.MethodPost && query.Has("delete"):
		return true, s.backend.serveDelete(w, r, bucket)
	case key == "" && query.Has("notification"):
		return true, s.backend.serveNotification(w, r, bucket)
	case key == "" && reads && query.Has("location"):
		return true, s.serveLocation(w, bucket)
	case key == "" && reads && query.Has("uploads"):
		return true, s.backend.serveUploads(w, r, bucket)
	case key != "" && reads && query.Has("uploadId"):
		return true, s.backend.serveParts(w, r, bucket, key)
	case key == "" && r.Method == http.MethodHead:
		w.Header().Set("X-Amz-Bucket-Region", s.region)
	case key == "" && r.Method == http.MethodPut && len(query) == 0:
		if exists, _ := s.backend.BucketExists(r.Context(), bucket); exists {
			if s.region == "us-east-1" { // as in the first region of AWS, and in no other
				w.Header().Set("Location", "/"+bucket)
				w.WriteHeader(http.StatusOK)
				return true, nil
			}
			answerError(w, r, http.StatusConflict, "BucketAlreadyOwnedByYou", "The bucket exists already and is yours")
			return true, nil
		}
	}
	return false, nil
}

// serveLocation answers GetBucketLocation; us-east-1 has the empty name there.
func (s *Server) serveLocation(w http.ResponseWriter, bucket string) error {
	if _, err := s.backend.bucket(bucket); err != nil {
		return err
	}
	location := struct {
		XMLName   xml.Name `xml:"LocationConstraint"`
		Namespace string   `xml:"xmlns,attr"`
		Region    string   `xml:",chardata"`
	}{Namespace: xmlNamespace}
	if s.region != "us-east-1" {
		location.Region = s.region
	}
	answerXML(w, location)
	return nil
}
