package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed web
var web embed.FS

// page is one file of the page. It never changes while the program runs.
type page struct {
	content, zipped []byte
	kind, tag       string
}

// contentTypes are those of the files that the page may have. The system's own table is not asked: it differs.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".json": "application/json", ".txt": "text/plain; charset=utf-8",
	".woff2": "font/woff2", ".webmanifest": "application/manifest+json",
}

// readPages makes each embedded file ready to be sent: index.html is /, and all others are /static/….
func readPages() (map[string]*page, error) {
	out := map[string]*page{}
	err := fs.WalkDir(web, "web", func(name string, d fs.DirEntry, err error) error {
		kind, known := contentTypes[path.Ext(name)]
		if err != nil || d.IsDir() || !known {
			return err
		}
		content, err := web.ReadFile(name)
		if err != nil {
			return err
		}
		at := "/static/" + strings.TrimPrefix(strings.TrimPrefix(name, "web/"), "static/")
		if name == "web/index.html" {
			at = "/{$}"
		}
		out[at], err = newPage(content, kind)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the embedded page: %w", err)
	}
	return out, nil
}

func newPage(content []byte, kind string) (*page, error) {
	sum := sha256.Sum256(content)
	p := &page{content: content, kind: kind, tag: hex.EncodeToString(sum[:12])}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(content); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if b.Len() < len(content) {
		p.zipped = b.Bytes()
	}
	return p, nil
}

// ServeHTTP sends the file, or says that the browser has it.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, body, tag := w.Header(), p.content, `"`+p.tag+`"`
	h.Set("Cache-Control", "no-cache") // keep it, but ask: another version of the program has other files
	h.Set("Vary", "Accept-Encoding")
	if p.zipped != nil && acceptsGzip(r) {
		body, tag = p.zipped, `"`+p.tag+`-gzip"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", tag)
	h.Set("Content-Type", p.kind)
	if matches(r.Header.Get("If-None-Match"), tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has gone needs no answer
	}
}

func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if name == "gzip" && strings.TrimSpace(weight) != "q=0" {
			return true
		}
	}
	return false
}

func matches(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if t = strings.TrimPrefix(strings.TrimSpace(t), "W/"); t == tag || t == "*" {
			return true
		}
	}
	return false
}
