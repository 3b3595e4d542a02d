package s3

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The library knows ETags only as the hex of a hash. The ETag of a multipart upload is an MD5 in hex, "-" and the
// number of parts; towards the library it travels as the hex of the MD5 and the number in two bytes, and etagWriter
// and libraryETags translate at the border.
const (
	plainETag = 32 // digits of an MD5
	longETag  = plainETag + 4
)

// etagHash is the hash whose hex the library shows as ETag.
func etagHash(etag string) []byte {
	hash, err := hex.DecodeString(toLibrary(etag))
	if err != nil {
		return nil
	}
	return hash
}

func toLibrary(etag string) string {
	sum, parts, ok := strings.Cut(etag, "-")
	if !ok || len(sum) != plainETag {
		return etag
	}
	n, err := strconv.ParseUint(parts, 10, 16)
	if err != nil {
		return etag
	}
	return fmt.Sprintf("%s%04x", sum, n)
}

func fromLibrary(etag string) string {
	if len(etag) != longETag {
		return etag
	}
	n, err := strconv.ParseUint(etag[plainETag:], 16, 16)
	if err != nil {
		return etag
	}
	return fmt.Sprintf("%s-%d", etag[:plainETag], n)
}

// libraryETags translates the conditions of a request.
func libraryETags(h http.Header) {
	for _, name := range []string{"If-Match", "If-None-Match", "X-Amz-Copy-Source-If-Match", "X-Amz-Copy-Source-If-None-Match"} {
		value := h.Get(name)
		if !strings.Contains(value, "-") {
			continue
		}
		tags := strings.Split(value, ",")
		for i, tag := range tags {
			tags[i] = toLibrary(strings.Trim(strings.TrimSpace(tag), `"`))
		}
		h.Set(name, strings.Join(tags, ","))
	}
}

// etagWriter translates the ETag of an answer, and sets the status of the errors whose codes the library does not know.
type etagWriter struct {
	http.ResponseWriter
	call    *call
	object  bool // the request is about an object
	started bool
	headed  bool          // the status is written
	failed  *bytes.Buffer // the document of an error, to be given the words of AWS
}

// partOf makes the headers of a whole object those of a range of it, and returns the status that goes with them.
func partOf(h http.Header, asked string) int {
	size, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	spec, ok := strings.CutPrefix(asked, "bytes=")
	from, to, two := strings.Cut(spec, "-")
	if err != nil || !ok || !two || strings.Contains(spec, ",") {
		return http.StatusOK
	}
	first, last := int64(0), size-1
	if from == "" {
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil {
			return http.StatusOK
		}
		first = max(0, size-n)
	} else if first, err = strconv.ParseInt(from, 10, 64); err != nil {
		return http.StatusOK
	} else if to != "" {
		if last, err = strconv.ParseInt(to, 10, 64); err != nil || last < first {
			return http.StatusOK
		}
		last = min(last, size-1)
	}
	if first > last {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		h.Set("Content-Length", "0")
		return http.StatusRequestedRangeNotSatisfiable
	}
	h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, size))
	h.Set("Content-Length", strconv.FormatInt(last-first+1, 10))
	return http.StatusPartialContent
}

func (w *etagWriter) start() {
	if w.started {
		return
	}
	w.started = true
	for name := range w.Header() {
		if strings.HasPrefix(name, "Access-Control-") { // the library's; nobody asked, and web pages have no business here
			w.Header().Del(name)
		}
	}
	if w.Header().Get(headerMarker) == "false" { // the library's; AWS says it only where it is one
		w.Header().Del(headerMarker)
	}
	if etag := strings.Trim(w.Header().Get("ETag"), `"`); len(etag) == longETag {
		w.Header().Set("ETag", `"`+fromLibrary(etag)+`"`)
	}
}

func (w *etagWriter) WriteHeader(status int) {
	w.start()
	if w.headed {
		return
	}
	w.headed = true
	if status < http.StatusMultipleChoices && w.object {
		w.Header().Set("X-Amz-Server-Side-Encryption", "AES256") // what AWS does to every object, and says
	}
	if status == http.StatusOK && w.call.headRange != "" {
		status = partOf(w.Header(), w.call.headRange)
	}
	if status == http.StatusInternalServerError && w.call.status != 0 {
		status = w.call.status
	}
	if status == http.StatusOK && w.call.onePart && w.Header().Get("Content-Length") != "0" {
		status = partOf(w.Header(), "bytes=0-")
	}
	if status >= http.StatusBadRequest && w.Header().Get("Content-Type") == "application/xml" {
		w.failed = &bytes.Buffer{}
	}
	w.ResponseWriter.WriteHeader(status)
}

// awsWords are what AWS says where the library repeats the code. They never change.
var awsWords = map[string]string{
	"PreconditionFailed": preconditionFailed,
	"InvalidRange":       "The requested range is not satisfiable",
	"NoSuchUpload":       noUploadWords,
	"MethodNotAllowed":   "The specified method is not allowed against this resource.",
	"NotImplemented":     "A header or parameter you provided implies functionality that is not implemented",
}

// finish writes the document of an error with the words of AWS, and with the condition that failed.
func (w *etagWriter) finish(asked http.Header) {
	if w.failed == nil {
		return
	}
	document := w.failed.String()
	for code, words := range awsWords {
		document = strings.Replace(document, "<Message>"+code+"</Message>", "<Message>"+words+"</Message>", 1)
	}
	if strings.Contains(document, "<Code>PreconditionFailed</Code>") {
		for _, name := range []string{"If-None-Match", "If-Match", "If-Unmodified-Since", "x-amz-copy-source-If-Match", "x-amz-copy-source-If-None-Match",
			"x-amz-copy-source-If-Modified-Since", "x-amz-copy-source-If-Unmodified-Since"} {
			if asked.Get(name) != "" {
				document = strings.Replace(document, "</Message>", "</Message><Condition>"+name+"</Condition>", 1)
				break
			}
		}
	}
	_, _ = io.WriteString(w.ResponseWriter, document) // a client that went away needs no answer
}

func (w *etagWriter) Write(p []byte) (int, error) {
	if !w.headed {
		w.WriteHeader(http.StatusOK)
	}
	if w.failed != nil {
		return w.failed.Write(p)
	}
	return w.ResponseWriter.Write(p)
}
