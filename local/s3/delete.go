package s3

import (
	"context"
	"net/http"
	"os"

	xml "github.com/minio/xxml"
	"github.com/rclone/gofakes3"
)

// maxDeleted is how many objects one DeleteObjects takes.
const maxDeleted = 1000

// doomed is what one deletion is about: a key, or one version of it.
type doomed struct {
	key, version string
	conditions   conditions
}

// deleted is what came of it: the version that is gone, or the marker that was written.
type deleted struct {
	version string // "" where nothing has one
	marker  bool   // it is a delete marker
	err     error
}

// DeleteObject implements gofakes3.Backend.
func (b *backend) DeleteObject(ctx context.Context, bucketName, key string) (gofakes3.ObjectDeleteResult, error) {
	c := callFrom(ctx)
	done, err := b.delete(bucketName, doomed{key, c.version, c.conditions})
	if err == nil {
		err = done[0].err
	}
	if err != nil {
		return gofakes3.ObjectDeleteResult{}, internal(b.log, "deleting the object", err)
	}
	return gofakes3.ObjectDeleteResult{IsDeleteMarker: done[0].marker, VersionID: gofakes3.VersionID(done[0].version)}, nil
}

// DeleteMulti implements gofakes3.Backend; the requests for it are serveDelete's.
func (b *backend) DeleteMulti(context.Context, string, ...string) (gofakes3.MultiDeleteResult, error) {
	return gofakes3.MultiDeleteResult{}, gofakes3.ErrNotImplemented
}

// delete removes keys and versions with one flush a folder; what does not exist counts as removed. In a bucket with
// versions a key without a version gets a delete marker. On an error none is reported as deleted.
func (b *backend) delete(bucketName string, all ...doomed) ([]deleted, error) {
	bk, err := b.bucket(bucketName)
	if err != nil {
		return nil, err
	}
	bk.mu.RLock()
	defer bk.mu.RUnlock()
	if bk.gone {
		return nil, gofakes3.BucketNotFound(bucketName)
	}
	keys := make([]string, len(all))
	for i, d := range all {
		keys[i] = d.key
	}
	defer b.lock(bucketName, keys...)()
	done := make([]deleted, len(all))
	w := deletion{b: b, bk: bk, remove: map[string][]string{}}
	defer w.discard()
	for i, d := range all {
		old, _ := bk.index.get(d.key)
		if d.version != "" {
			old = bk.index.version(d.key, d.version)
		}
		if done[i].err = d.conditions.checkDelete(old); done[i].err != nil {
			continue
		}
		switch {
		case d.version != "" && !isVersion(d.version):
			done[i].err = errVersionID
		case d.version != "":
			done[i].version = d.version
			done[i].marker, err = w.drop(d.key, d.version)
		case bk.versioning == "":
			_, err = w.drop(d.key, nullVersion)
		default:
			done[i].marker = true
			done[i].version, err = w.mark(d.key)
		}
		if err != nil {
			return nil, err
		}
	}
	return done, w.commit()
}

// deletion gathers the changes of one call.
type deletion struct {
	b       *backend
	bk      *bucket
	remove  map[string][]string // files by folder
	forget  []doomed
	markers []*object
	staged  []*staged
}

func (w *deletion) discard() {
	for _, s := range w.staged {
		s.discard()
	}
}

// drop takes a version away for good, and says if it is a delete marker.
func (w *deletion) drop(key, version string) (marker bool, err error) {
	e := w.bk.index.version(key, version)
	if e == nil {
		// It may be one that cannot be read, and so is not listed.
		if _, damaged := w.bk.index.get(key); !damaged {
			return false, nil
		}
		e = &entry{key: key, versioned: version != nullVersion, sequence: sequenceOf(version)}
	}
	if err := w.b.outbox.keep(e); err != nil {
		return false, err
	}
	folder, file := w.b.place(w.bk.name, key, e.versioned, e.sequence)
	w.remove[folder] = append(w.remove[folder], file)
	w.forget = append(w.forget, doomed{key: key, version: version})
	return e.marker, nil
}

// mark prepares a delete marker; without versions it takes the place of the null version.
func (w *deletion) mark(key string) (version string, err error) {
	o := newObject(key, "", nil)
	o.Marker, o.Versioned = true, w.bk.versioning == versionsEnabled
	if !o.Versioned {
		if err := w.b.outbox.keep(w.bk.index.version(key, nullVersion)); err != nil {
			return "", err
		}
	}
	s, err := w.b.disk.stage(http.NoBody)
	if err != nil {
		return "", err
	}
	w.staged, w.markers = append(w.staged, s), append(w.markers, o)
	o.Sequence, o.Modified = w.b.outbox.next(), now()
	return newEntry(o).version(), s.seal(o)
}

// commit makes the changes durable; the index follows what stands on disk.
func (w *deletion) commit() error {
	for folder, files := range w.remove {
		if err := w.b.disk.remove(folder, files...); err != nil {
			return err
		}
	}
	for _, d := range w.forget {
		w.bk.index.remove(d.key, d.version)
		w.b.forgetTags(w.bk.name, d.key, d.version)
	}
	if len(w.markers) == 0 {
		return nil
	}
	files, names, folder := make([]*os.File, len(w.markers)), make([]string, len(w.markers)), ""
	for i, o := range w.markers {
		files[i] = w.staged[i].file
		folder, names[i] = w.b.place(w.bk.name, string(o.Key), o.Versioned, o.Sequence)
	}
	stand, err := w.b.disk.publishAll(files, folder, names)
	for _, o := range w.markers[:stand] {
		w.bk.index.put(newEntry(o))
	}
	return err
}

type (
	deleteXML struct {
		XMLName xml.Name `xml:"Delete"`
		Quiet   bool     `xml:"Quiet"`
		Objects []struct {
			Key              string `xml:"Key"`
			VersionID        string `xml:"VersionId"`
			ETag             string `xml:"ETag"`
			LastModifiedTime string `xml:"LastModifiedTime"`
			Size             string `xml:"Size"`
		} `xml:"Object"`
	}
	deleteResultXML struct {
		XMLName   xml.Name     `xml:"DeleteResult"`
		Namespace string       `xml:"xmlns,attr"`
		Deleted   []deletedXML `xml:"Deleted"`
		Errors    []deletedXML `xml:"Error"`
	}
	deletedXML struct {
		Key           string `xml:"Key"`
		VersionID     string `xml:"VersionId,omitempty"`
		Marker        bool   `xml:"DeleteMarker,omitempty"`
		MarkerVersion string `xml:"DeleteMarkerVersionId,omitempty"`
		Code          string `xml:"Code,omitempty"`
		Message       string `xml:"Message,omitempty"`
	}
)

// serveDelete answers DeleteObjects; the library knows no versions there.
func (b *backend) serveDelete(w http.ResponseWriter, r *http.Request, bucketName string) error {
	document, err := readDocument(r.Body, maxPartsXML)
	if err != nil {
		return err
	}
	var in deleteXML
	if xml.Unmarshal(document, &in) != nil || len(in.Objects) == 0 || len(in.Objects) > maxDeleted {
		return malformed()
	}
	all := make([]doomed, len(in.Objects))
	for i, o := range in.Objects {
		if o.LastModifiedTime != "" || o.Size != "" {
			return refuse(gofakes3.ErrNotImplemented, "DeleteObjects takes no LastModifiedTime and no Size: they are for directory buckets")
		}
		if o.Key == "" {
			return malformed()
		}
		all[i] = doomed{o.Key, o.VersionID, conditions{match: unquote(o.ETag)}}
	}
	done, err := b.delete(bucketName, all...)
	if err != nil {
		return internal(b.log, "deleting the objects", err)
	}
	out := deleteResultXML{Namespace: xmlNamespace}
	for i, d := range done {
		item := deletedXML{Key: all[i].key, VersionID: all[i].version}
		switch {
		case d.err != nil:
			item.Code, item.Message = words(d.err)
			out.Errors = append(out.Errors, item)
			continue
		case d.marker:
			item.Marker, item.MarkerVersion = true, d.version
		}
		if !in.Quiet {
			out.Deleted = append(out.Deleted, item)
		}
	}
	w.Header().Set("Content-Type", "application/xml")
	_, _ = w.Write([]byte(xml.Header)) // a client that went away needs no answer
	_ = xml.NewEncoder(w).Encode(out)
	return nil
}
