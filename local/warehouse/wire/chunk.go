package wire

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var chunkName = regexp.MustCompile(`^[A-Za-z0-9_-]{20,80}-[0-9]+$`)

// serveChunk sends a stored chunk. Its name is a secret of 48 random bytes, like a presigned URL.
func (s *Front) serveChunk(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, chunkPath)
	if !chunkName.MatchString(name) {
		http.NotFound(w, r)
		return
	}
	file, err := os.Open(filepath.Join(s.ResultDir, name))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	http.ServeContent(w, r, "", info.ModTime(), file)
}
