package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/rclone/gofakes3"
)

const (
	fileUpload = "upload.json"
	// minPart is the smallest part but the last, as on AWS.
	minPart = 5 << 20
	// abandonedAfter is how long an upload may lie idle before it is dropped with its parts. AWS keeps it for ever
	// and lets lifecycle rules clean up; a laptop has none.
	abandonedAfter = 24 * time.Hour
)

// uploads are the multipart uploads in progress. Each is a folder: upload.json, and a file per part in the format of
// an object, under the part's number.
type uploads struct {
	mu   sync.Mutex
	byID map[string]*upload
}

// upload is one of them.
type upload struct {
	id     string
	record uploadRecord

	mu      sync.Mutex // orders parts, completion and abortion; covers what follows
	parts   map[int]*object
	touched time.Time
	gone    bool
}

// uploadRecord is upload.json.
type uploadRecord struct {
	Bucket    string           `json:"bucket"`
	Key       exact            `json:"key"`
	Metadata  map[string]exact `json:"metadata,omitempty"`
	Initiated time.Time        `json:"initiated"`
	// Algorithm is that of the parts' checksums, and SumType how the object's is made; empty if none was asked for.
	Algorithm string `json:"algorithm,omitempty"`
	SumType   string `json:"sumType,omitempty"`
}

func partFile(number int) string { return strconv.Itoa(number) }

func (b *backend) upload(bucketName, key, id string) (*upload, error) {
	b.uploads.mu.Lock()
	defer b.uploads.mu.Unlock()
	u := b.uploads.byID[id]
	if u == nil || u.record.Bucket != bucketName || string(u.record.Key) != key {
		return nil, noSuchUpload()
	}
	return u, nil
}

// CreateMultipartUpload implements gofakes3.MultipartBackend.
func (b *backend) CreateMultipartUpload(ctx context.Context, bucketName, key string, meta map[string]string) (gofakes3.UploadID, error) {
	c := callFrom(ctx)
	if c.resume != "" {
		return gofakes3.UploadID(c.resume), nil
	}
	if len(key) > gofakes3.KeySizeLimit {
		return "", gofakes3.ResourceError(gofakes3.ErrKeyTooLong, key)
	}
	b.dropUploads(func(u *upload) bool { return time.Since(u.touched) > abandonedAfter })
	o := newObject(key, "", meta)
	now := time.Now().UTC()
	u := &upload{
		id:     uuid.NewString(),
		record: uploadRecord{Bucket: bucketName, Key: exact(key), Metadata: o.Metadata, Initiated: now, Algorithm: c.algorithm, SumType: c.sumType},
		parts:  map[int]*object{}, touched: now,
	}
	err := b.disk.addFolder(b.disk.path(folderUploads), u.id, fileUpload, []byte(encodeJSON(u.record)))
	if err != nil {
		return "", internal(b.log, "starting the multipart upload", err)
	}
	b.uploads.mu.Lock()
	defer b.uploads.mu.Unlock()
	b.uploads.byID[u.id] = u
	if c.algorithm != "" {
		c.note(headerSumAlgorithm, c.algorithm)
		c.note(headerSumType, c.sumType)
	}
	return gofakes3.UploadID(u.id), nil
}

// UploadPart implements gofakes3.MultipartBackend.
func (b *backend) UploadPart(ctx context.Context, bucketName, key string, id gofakes3.UploadID, number int, size int64, input io.Reader) (string, error) {
	u, err := b.upload(bucketName, key, string(id))
	if err != nil {
		return "", err
	}
	c, made := callFrom(ctx), hashes{}
	if u.record.Algorithm != "" && c.body == nil { // it is copied
		made = newHashes(sumHeader(u.record.Algorithm))
	}
	s, err := b.disk.stage(made.tee(input))
	if err != nil {
		return "", internal(b.log, "storing the part", err)
	}
	defer s.discard()
	if err := c.body.finish(); err != nil {
		return "", err
	}
	if s.size != size {
		return "", gofakes3.ErrIncompleteBody
	}
	part := &object{ETag: s.etag(), Modified: time.Now().UTC()}
	if err := u.keepSums(part, c, made); err != nil {
		return "", err
	}
	if err := s.seal(part); err != nil {
		return "", internal(b.log, "storing the part", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.gone {
		return "", noSuchUpload()
	}
	if err := b.disk.publish(s.file, b.disk.path(folderUploads, u.id), partFile(number)); err != nil {
		return "", internal(b.log, "storing the part", err)
	}
	u.parts[number], u.touched = part, part.Modified
	c.body.checksums(c.header.Set)
	return `"` + part.ETag + `"`, nil
}

// CompleteMultipartUpload implements gofakes3.MultipartBackend; the requests for it are serveComplete's.
func (b *backend) CompleteMultipartUpload(context.Context, string, string, gofakes3.UploadID, *gofakes3.CompleteMultipartUploadRequest) (gofakes3.VersionID, string, error) {
	return "", "", gofakes3.ErrNotImplemented
}

// assemble checks the list of parts and makes the footer of the object they become.
func (u *upload) assemble(parts []completedPart) (*object, error) {
	if len(parts) == 0 {
		return nil, refuse(gofakes3.ErrMalformedXML, "completing an upload takes at least one part")
	}
	for i := range len(parts) - 1 {
		if parts[i].Number >= parts[i+1].Number {
			return nil, refuse(gofakes3.ErrInvalidPartOrder, "the parts are not in ascending order")
		}
	}
	o := &object{Key: u.record.Key, Metadata: map[string]exact{}, Upload: u.id}
	for name, value := range u.record.Metadata {
		o.Metadata[name] = value
	}
	sums := md5.New()
	for i, wanted := range parts {
		part := u.parts[wanted.Number]
		if part == nil || part.ETag != unquote(wanted.ETag) {
			return nil, invalidPart(wanted.Number)
		}
		if err := u.checkPartSums(wanted, part); err != nil {
			return nil, err
		}
		if part.Size < minPart && i < len(parts)-1 {
			return nil, &ownError{http.StatusBadRequest, "EntityTooSmall", fmt.Sprintf("part %d is smaller than 5 MiB and not the last", wanted.Number)}
		}
		sum, err := hex.DecodeString(part.ETag)
		if err != nil {
			return nil, errDamaged
		}
		_, _ = sums.Write(sum)
		o.Parts = append(o.Parts, part.Size)
	}
	o.ETag = fmt.Sprintf("%x-%d", sums.Sum(nil), len(parts))
	return o, nil
}

// partsReader reads the checked bytes of the wanted parts one after the other, with one file open at a time.
type partsReader struct {
	disk   *disk
	upload *upload
	wanted []completedPart
	file   *os.File
	rest   io.Reader
}

func (p *partsReader) Read(b []byte) (int, error) {
	for {
		if p.file == nil {
			if len(p.wanted) == 0 {
				return 0, io.EOF
			}
			if err := p.open(p.wanted[0].Number); err != nil {
				return 0, err
			}
			p.wanted = p.wanted[1:]
		}
		n, err := p.rest.Read(b)
		if err != io.EOF {
			return n, err
		}
		p.close()
		if n > 0 {
			return n, nil
		}
	}
}

func (p *partsReader) open(number int) error {
	f, o, err := openObject(p.disk.path(folderUploads, p.upload.id, partFile(number)))
	if err != nil {
		return fmt.Errorf("open part %d: %w", number, err)
	}
	p.file, p.rest = f, io.NewSectionReader(f, 0, o.Size)
	if o.ETag != p.upload.parts[number].ETag {
		return errDamaged
	}
	return o.verify(f, 0, o.Size)
}

func (p *partsReader) close() {
	if p.file != nil {
		_ = p.file.Close()
		p.file = nil
	}
}

// AbortMultipartUpload implements gofakes3.MultipartBackend.
func (b *backend) AbortMultipartUpload(_ context.Context, bucketName, key string, id gofakes3.UploadID) error {
	u, err := b.upload(bucketName, key, string(id))
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.gone {
		return nil
	}
	return internal(b.log, "aborting the multipart upload", b.forget(u))
}

// forget drops an upload and its parts; u.mu is held.
func (b *backend) forget(u *upload) error {
	u.gone = true
	b.uploads.mu.Lock()
	delete(b.uploads.byID, u.id)
	b.uploads.mu.Unlock()
	return b.disk.dropFolder(b.disk.path(folderUploads), u.id)
}

// dropUploads drops the uploads that a condition, called under the upload's lock, picks. An upload that is in use at
// the moment is passed over: it is not abandoned, and waiting for it here could be waiting for one's own bucket.
func (b *backend) dropUploads(condition func(*upload) bool) {
	for _, u := range b.uploads.all() {
		if !u.mu.TryLock() {
			continue
		}
		if !u.gone && condition(u) {
			if err := b.forget(u); err != nil {
				b.log.Error("s3: dropping a multipart upload failed; the next start tries again", "upload", u.id, "error", err)
			}
			_ = b.library.ForgetMultipartUpload(context.Background(), u.record.Bucket, string(u.record.Key), gofakes3.UploadID(u.id))
		}
		u.mu.Unlock()
	}
}

func (us *uploads) all() []*upload {
	us.mu.Lock()
	defer us.mu.Unlock()
	list := make([]*upload, 0, len(us.byID))
	for _, u := range us.byID {
		list = append(list, u)
	}
	return list
}

// loadUploads takes up the uploads of the last run, except those that have become objects.
func (b *backend) loadUploads(completed map[string]bool) error {
	folders, err := os.ReadDir(b.disk.path(folderUploads))
	if err != nil {
		return fmt.Errorf("read the multipart uploads: %w", err)
	}
	for _, folder := range folders {
		u, err := b.loadUpload(folder.Name())
		if err != nil {
			return fmt.Errorf("read the multipart upload %s: %w", folder.Name(), err)
		}
		if completed[u.id] {
			if err := b.forget(u); err != nil {
				return fmt.Errorf("drop the completed multipart upload %s: %w", u.id, err)
			}
			continue
		}
		b.uploads.byID[u.id] = u
		b.reintroduce(u)
	}
	return nil
}

func (b *backend) loadUpload(id string) (*upload, error) {
	u := &upload{id: id, parts: map[int]*object{}}
	data, err := os.ReadFile(b.disk.path(folderUploads, id, fileUpload))
	if err == nil {
		err = json.Unmarshal(data, &u.record)
	}
	if err != nil {
		return nil, err
	}
	u.touched = u.record.Initiated
	files, err := os.ReadDir(b.disk.path(folderUploads, id))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		number, err := strconv.Atoi(file.Name())
		if err != nil {
			continue
		}
		f, part, err := openObject(b.disk.path(folderUploads, id, file.Name()))
		if errors.Is(err, errDamaged) {
			continue // the client is told InvalidPart and sends it again
		}
		if err != nil {
			return nil, err
		}
		_ = f.Close()
		u.parts[number] = part
		if part.Modified.After(u.touched) {
			u.touched = part.Modified
		}
	}
	return u, nil
}

// reintroduce tells the library of an upload it began in an earlier run: it lists uploads in memory only and would
// answer NoSuchUpload. It is called as for a new upload, and CreateMultipartUpload answers with the old id.
func (b *backend) reintroduce(u *upload) {
	c := &call{resume: u.id, header: http.Header{}}
	r := &http.Request{
		Method: http.MethodPost, Header: http.Header{}, Body: http.NoBody,
		URL: &url.URL{Path: "/" + u.record.Bucket + "/" + string(u.record.Key), RawQuery: "uploads"},
	}
	b.library.Server().ServeHTTP(discardAnswer{c.header}, r.WithContext(c.attach(context.Background())))
}

// discardAnswer is an http.ResponseWriter for a request that nobody sent.
type discardAnswer struct{ header http.Header }

func (d discardAnswer) Header() http.Header         { return d.header }
func (d discardAnswer) Write(p []byte) (int, error) { return len(p), nil }
func (d discardAnswer) WriteHeader(int)             {}
