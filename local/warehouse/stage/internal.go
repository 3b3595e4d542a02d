package stage

import (
	"bufio"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
)

// internal are the files of internal stages: a folder for each stage, named by the kind and id of what it belongs to, so that a
// replaced stage begins empty. Clients put and get files under signed addresses of the server's own HTTP port.
type internal struct {
	dir string
	// key signs addresses. It is the process's own: addresses end with it.
	key [32]byte

	mu sync.Mutex
	// used are the last addresses that a file came under, spent in their order.
	used  map[string]bool
	spent []string
}

// addressesKept is how many addresses are remembered as used.
const addressesKept = 10_000

// TransferPath is where the addresses of files in internal stages begin.
const TransferPath = "/stages/"

// signedHeaders are those that version 5 of the Python connector wants to find in an address before it creates a file there.
const signedHeaders = "host;x-goog-if-generation-match;x-goog-meta-sfc-digest;x-goog-meta-matdesc;x-goog-meta-encryptiondata"

// arriving is the folder of files that are not whole yet.
const arriving = "arriving"

func openInternal(dir string) (*internal, error) {
	in := &internal{dir: dir, used: map[string]bool{}}
	_, _ = rand.Read(in.key[:])
	// What had not arrived when the last process ended never will.
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, arriving)), os.MkdirAll(filepath.Join(dir, arriving), 0o700)); err != nil {
		return nil, fmt.Errorf("open internal stages: %w", err)
	}
	return in, nil
}

// folderOf is the folder of an internal stage: of a stage or a table by its id, or of a user.
func folderOf(kind string, id int64) string {
	return strings.ToLower(kind) + "-" + strconv.FormatInt(id, 10)
}

// Sweep removes the folders of stages and tables that are gone.
func (f *Files) Sweep(c *catalog.Catalog) error {
	folders, err := os.ReadDir(f.internal.dir)
	if err != nil {
		return fmt.Errorf("sweep internal stages: %w", err)
	}
	held := map[string]bool{}
	for _, kind := range []string{"STAGE", "TABLE"} {
		for _, o := range c.List(kind, nil) {
			held[folderOf(kind, o.ID)] = true
		}
	}
	for _, folder := range folders {
		name := folder.Name()
		if held[name] || !strings.HasPrefix(name, "stage-") && !strings.HasPrefix(name, "table-") {
			continue
		}
		if err := os.RemoveAll(filepath.Join(f.internal.dir, name)); err != nil {
			return fmt.Errorf("sweep internal stages: %w", err)
		}
	}
	return nil
}

// Folder is the folder of an internal place on disk, made if need be, for a client that writes there itself.
func (f *Files) Folder(p Place) (string, error) {
	if p.Prefix != "" && !filepath.IsLocal(p.Prefix) {
		return "", badPath(p.Prefix)
	}
	dir := filepath.Join(f.internal.dir, p.Folder, filepath.FromSlash(p.Prefix))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a folder of an internal stage: %w", err)
	}
	return dir, nil
}

func badPath(name string) *fault.Error {
	return fault.New(1003, "42000", "SQL compilation error:\ninvalid path in a stage: '%s'", name)
}

// list lists the files of a folder under a prefix, in key order.
func (in *internal) list(p Place, match *regexp.Regexp) ([]File, error) {
	root := filepath.Join(in.dir, p.Folder)
	var found []File
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, name)
		key := filepath.ToSlash(below)
		if err != nil || entry.IsDir() || !strings.HasPrefix(key, p.Prefix) || match != nil && !match.MatchString(key) {
			return err
		}
		if len(found) >= maxListed {
			return fault.New(93201, "54000", "More than %d files under %s: narrow the path.", maxListed, p)
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		f, err := describe(file, key)
		found = append(found, f)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list %s: %w", p, err)
	}
	slices.SortFunc(found, func(a, b File) int { return strings.Compare(a.Key, b.Key) })
	return found, nil
}

// describe reads a file for its digest, and goes back to its beginning.
func describe(file *os.File, key string) (File, error) {
	info, err := file.Stat()
	if err != nil {
		return File{}, err
	}
	digest := md5.New()
	if _, err := io.Copy(digest, file); err != nil {
		return File{}, err
	}
	_, err = file.Seek(0, io.SeekStart)
	return File{Key: key, Size: info.Size(), Modified: info.ModTime(), ETag: `"` + hex.EncodeToString(digest.Sum(nil)) + `"`}, err
}

func (in *internal) open(p Place, key, ifMatch string) (*os.File, *File, error) {
	file, err := os.OpenInRoot(filepath.Join(in.dir, p.Folder), filepath.FromSlash(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("read %s: %w", key, ErrFileGone)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", key, err)
	}
	f, err := describe(file, key)
	if err == nil && ifMatch != "" && f.ETag != ifMatch {
		err = ErrFileGone
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read %s: %w", key, err), file.Close())
	}
	return file, &f, nil
}

// Address is the path and query under which a client may do one thing with one file: "get" it, "put" it, or "create" it, which
// is to put it where none is. With ",zips" behind it the client may compress the file first, which then has another name: it
// is told to ask again, under that. A file can be put under an address once: version 5 of the Python connector sends files of a
// pattern to the address of another one that it was given last.
func (f *Files) Address(p Place, key, may string) string {
	escaped := (&url.URL{Path: TransferPath + p.Folder + "/" + key}).EscapedPath()
	once := rand.Text()
	return escaped + "?" + url.Values{"may": {may}, "once": {once}, "signature": {f.internal.sign(p.Folder+"/"+key, may, once)}, "X-Goog-SignedHeaders": {signedHeaders}}.Encode()
}

func (in *internal) sign(file, may, once string) string {
	mac := hmac.New(sha256.New, in.key[:])
	fmt.Fprintf(mac, "%s\n%s\n%s", may, once, file)
	return hex.EncodeToString(mac.Sum(nil))
}

// spend says whether an address has not been used yet, and is from now on.
func (in *internal) spend(once string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.used[once] {
		return false
	}
	in.used[once] = true
	if in.spent = append(in.spent, once); len(in.spent) > addressesKept {
		delete(in.used, in.spent[0])
		in.spent = in.spent[1:]
	}
	return true
}

// ServeHTTP sends and takes the files of internal stages, under addresses that Address has made.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, TransferPath)
	may, once := r.URL.Query().Get("may"), r.URL.Query().Get("once")
	if !hmac.Equal([]byte(f.internal.sign(name, may, once)), []byte(r.URL.Query().Get("signature"))) || !filepath.IsLocal(name) {
		http.Error(w, "the address is not one that this server has signed: ask for a new one", http.StatusForbidden)
		return
	}
	switch {
	case may == "get" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		f.internal.send(w, r, name)
	case may != "get" && r.Method == http.MethodPut:
		f.internal.take(w, r, name, may, once)
	default:
		http.Error(w, "the address is for another method", http.StatusMethodNotAllowed)
	}
}

func (in *internal) send(w http.ResponseWriter, r *http.Request, name string) {
	file, err := os.OpenInRoot(in.dir, filepath.FromSlash(name))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		http.NotFound(w, r)
		return
	}
	// Without a type of its own the content would be looked into, and a client might unpack what it should store.
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", info.ModTime(), file)
}

// take stores a file as a whole or not at all, and answers when it is durable.
func (in *internal) take(w http.ResponseWriter, r *http.Request, name, may, once string) {
	body := bufio.NewReader(r.Body)
	start, _ := body.Peek(2)
	may, zips := strings.CutSuffix(may, ",zips")
	if strings.ContainsAny(name, "*?") || zips && string(start) == "\x1f\x8b" || !in.spend(once) {
		http.Error(w, "the address is used, or of another file: ask for its own", http.StatusBadRequest)
		return
	}
	target := filepath.Join(in.dir, filepath.FromSlash(name))
	err := in.store(target, body, may == "create")
	switch {
	case errors.Is(err, fs.ErrExist):
		http.Error(w, "the stage has another file of that name: put with OVERWRITE = TRUE", http.StatusPreconditionFailed)
	case err != nil:
		http.Error(w, "the file cannot be stored: "+err.Error(), http.StatusInternalServerError)
	}
}

func (in *internal) store(target string, body io.Reader, create bool) (err error) {
	file, err := os.CreateTemp(filepath.Join(in.dir, arriving), "*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = io.Copy(file, body)
	if err = errors.Join(err, file.Sync(), file.Close(), os.MkdirAll(filepath.Dir(target), 0o700)); err != nil {
		return err
	}
	if !create {
		err = os.Rename(file.Name(), target)
	} else if err = os.Link(file.Name(), target); errors.Is(err, fs.ErrExist) && same(file.Name(), target) {
		return nil
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(target))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// same says whether two files hold the same: what is put again, by a client that had no answer, is there.
func same(a, b string) bool {
	var digests [2]string
	for i, name := range []string{a, b} {
		file, err := os.Open(name)
		if err != nil {
			return false
		}
		f, err := describe(file, "")
		if errors.Join(err, file.Close()) != nil {
			return false
		}
		digests[i] = f.ETag
	}
	return digests[0] == digests[1]
}

// locateInternal is Locate for the stages that have no URL.
func locateInternal(c *catalog.Catalog, st dialect.Stage) (*catalog.Object, Place, error) {
	p := Place{Prefix: st.Path}
	if clean := path.Clean("/" + st.Path); st.Path != "" && strings.TrimSuffix(clean, "/") != "/"+strings.TrimSuffix(st.Path, "/") {
		return nil, Place{}, badPath(st.Path)
	}
	plain := &catalog.Object{Kind: "STAGE"}
	switch st.Kind {
	case "USER":
		p.Folder = "user-" + url.PathEscape(st.Name.Object)
		return plain, p, nil
	case "TABLE":
		o := c.Get("TABLE", st.Name)
		if o == nil {
			return nil, Place{}, fault.NotExist("TABLE", st.Name.Plain())
		}
		p.Folder = folderOf("TABLE", o.ID)
		return plain, p, nil
	}
	o := c.Get("STAGE", st.Name)
	p.Folder, p.Label = folderOf("STAGE", o.ID), strings.ToLower(st.Name.Object)+"/"
	return o, p, nil
}

func (in *internal) openUnpacked(p Place, key, compression, ifMatch string) (io.ReadCloser, *File, error) {
	file, found, err := in.open(p, key, ifMatch)
	if err != nil {
		return nil, nil, err
	}
	unpacked, err := unpack(&remoteBody{ReadCloser: file}, compression, key)
	if err != nil {
		return nil, nil, err
	}
	return unpacked, found, nil
}

func (in *internal) remove(p Place, key string) error {
	root, err := os.OpenRoot(filepath.Join(in.dir, p.Folder))
	if err != nil {
		return err
	}
	return errors.Join(root.Remove(filepath.FromSlash(key)), root.Close())
}
