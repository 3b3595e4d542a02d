package s3

import (
	"encoding/hex"
	"fmt"
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
	started bool
}

func (w *etagWriter) start() {
	if w.started {
		return
	}
	w.started = true
	if etag := strings.Trim(w.Header().Get("ETag"), `"`); len(etag) == longETag {
		w.Header().Set("ETag", `"`+fromLibrary(etag)+`"`)
	}
}

func (w *etagWriter) WriteHeader(status int) {
	w.start()
	if status == http.StatusInternalServerError && w.call.status != 0 {
		status = w.call.status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *etagWriter) Write(p []byte) (int, error) {
	w.start()
	return w.ResponseWriter.Write(p)
}
