package s3

import (
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"

	"github.com/rclone/gofakes3"
)

type (
	completedPart struct {
		Number int    `xml:"PartNumber"`
		ETag   string `xml:"ETag"`
		sumsXML
	}
	completeXML struct {
		XMLName xml.Name        `xml:"CompleteMultipartUpload"`
		Parts   []completedPart `xml:"Part"`
	}
	completeResultXML struct {
		XMLName   xml.Name `xml:"CompleteMultipartUploadResult"`
		Namespace string   `xml:"xmlns,attr"`
		Location  string   `xml:"Location"`
		Bucket    string   `xml:"Bucket"`
		Key       string   `xml:"Key"`
		ETag      string   `xml:"ETag"`
		sumsXML
		Type string `xml:"ChecksumType,omitempty"`
	}
)

// serveComplete answers CompleteMultipartUpload; the library knows no checksums there. A client that did not hear the
// answer may ask again as long as the object is there.
func (b *backend) serveComplete(w http.ResponseWriter, r *http.Request, bucketName, key string) error {
	c := callFrom(r.Context())
	document, err := readDocument(r.Body, maxPartsXML)
	if err != nil {
		return err
	}
	var in completeXML
	if xml.Unmarshal(document, &in) != nil {
		return malformed()
	}
	if _, err := b.bucket(bucketName); err != nil {
		return err
	}
	id := r.URL.Query().Get("uploadId")
	o, err := b.completeUpload(c, bucketName, key, id, in.Parts)
	if errors.Is(err, errNoUpload) {
		if o, err = b.completed(c, bucketName, key, id); err != nil {
			return noSuchUpload()
		}
	}
	if err != nil {
		return internal(b.log, "completing the multipart upload", err)
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	answerXML(w, completeResultXML{
		Namespace: xmlNamespace, Location: scheme + r.Host + (&url.URL{Path: "/" + bucketName + "/" + key}).EscapedPath(),
		Bucket: bucketName, Key: key, ETag: `"` + o.ETag + `"`, sumsXML: sumsOf(o.Metadata), Type: o.sumType(),
	})
	return nil
}

var errNoUpload = errors.New("no such upload")

// completed is the object that an upload has become.
func (b *backend) completed(c *call, bucketName, key, id string) (*object, error) {
	f, o, err := b.open(c, bucketName, key, "")
	if err != nil {
		return nil, err
	}
	_ = f.Close()
	if o.Upload != id {
		return nil, errNoUpload
	}
	if o.Versioned {
		c.note(headerVersion, o.Shown)
	}
	return o, nil
}

// completeUpload makes the object. It remembers its upload, so that an upload whose folder outlives a crash is not
// completed twice.
func (b *backend) completeUpload(c *call, bucketName, key, id string, parts []completedPart) (*object, error) {
	u, err := b.upload(bucketName, key, id)
	if err != nil {
		return nil, errNoUpload
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.gone {
		return nil, errNoUpload
	}
	o, err := b.complete(c, u, parts)
	if err != nil {
		return nil, err
	}
	if err := b.forget(u); err != nil {
		b.log.Error("s3: removing the parts of a completed upload failed; the next start removes them", "upload", u.id, "error", err)
	}
	b.finishUpload(u)
	return o, nil
}

func (b *backend) complete(c *call, u *upload, parts []completedPart) (*object, error) {
	bk, err := b.bucket(u.record.Bucket)
	if err != nil {
		return nil, err
	}
	o, err := u.assemble(parts)
	if err != nil {
		return nil, err
	}
	made, err := c.objectHashes(u)
	if err != nil {
		return nil, err
	}
	content := &partsReader{disk: b.disk, upload: u, wanted: parts}
	defer content.close()
	s, err := b.disk.stage(made.tee(content))
	if err != nil {
		return nil, err
	}
	defer s.discard()
	if c.objectSize >= 0 && c.objectSize != s.size {
		return nil, refuse(gofakes3.ErrInvalidRequest, "the parts do not add up to x-amz-mp-object-size")
	}
	if err := u.setSums(c, o, parts, made); err != nil {
		return nil, err
	}
	return o, b.commit(c, bk, s, o, createdComplete)
}
