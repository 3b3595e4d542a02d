package s3

import (
	"cmp"
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rclone/gofakes3"
)

// maxListed is the largest page of uploads or parts.
const maxListed = 1000

// The library lists uploads and parts from its memory, which does not survive a restart, so these two listings are
// answered here.
type (
	partListXML struct {
		XMLName   xml.Name      `xml:"ListPartsResult"`
		Bucket    string        `xml:"Bucket"`
		Key       string        `xml:"Key"`
		UploadID  string        `xml:"UploadId"`
		Marker    int           `xml:"PartNumberMarker"`
		Next      int           `xml:"NextPartNumberMarker,omitempty"`
		Limit     int           `xml:"MaxParts"`
		More      bool          `xml:"IsTruncated"`
		Class     string        `xml:"StorageClass"`
		Algorithm string        `xml:"ChecksumAlgorithm,omitempty"`
		SumType   string        `xml:"ChecksumType,omitempty"`
		Parts     []listPartXML `xml:"Part"`
	}
	listPartXML struct {
		Number   int    `xml:"PartNumber"`
		Modified string `xml:"LastModified"`
		ETag     string `xml:"ETag"`
		Size     int64  `xml:"Size"`
		sumsXML
	}
	uploadListXML struct {
		XMLName    xml.Name        `xml:"ListMultipartUploadsResult"`
		Bucket     string          `xml:"Bucket"`
		KeyMarker  string          `xml:"KeyMarker"`
		IDMarker   string          `xml:"UploadIdMarker"`
		NextKey    string          `xml:"NextKeyMarker,omitempty"`
		NextID     string          `xml:"NextUploadIdMarker,omitempty"`
		Prefix     string          `xml:"Prefix"`
		Limit      int             `xml:"MaxUploads"`
		More       bool            `xml:"IsTruncated"`
		Encoding   string          `xml:"EncodingType,omitempty"`
		UploadList []listUploadXML `xml:"Upload"`
	}
	listUploadXML struct {
		Key       string `xml:"Key"`
		ID        string `xml:"UploadId"`
		Initiated string `xml:"Initiated"`
		Class     string `xml:"StorageClass"`
	}
)

// pageSize reads a page limit from a query.
func pageSize(query url.Values, name string) (int, error) {
	text := query.Get(name)
	if text == "" {
		return maxListed, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, gofakes3.ErrorInvalidArgument(name, text, "must be an integer from 1 to 1000")
	}
	return min(n, maxListed), nil
}

// serveParts answers ListParts.
func (b *backend) serveParts(w http.ResponseWriter, r *http.Request, bucketName, key string) error {
	query := r.URL.Query()
	u, err := b.upload(bucketName, key, query.Get("uploadId"))
	if err != nil {
		return err
	}
	limit, err := pageSize(query, "max-parts")
	if err != nil {
		return err
	}
	out := partListXML{Bucket: bucketName, Key: key, UploadID: u.id, Limit: limit, Class: cmp.Or(string(u.record.Metadata[headerClass]), "STANDARD"),
		Algorithm: u.record.Algorithm, SumType: u.record.SumType}
	if marker := query.Get("part-number-marker"); marker != "" {
		if out.Marker, err = strconv.Atoi(marker); err != nil {
			return gofakes3.ErrorInvalidArgument("part-number-marker", marker, "must be an integer")
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, number := range slices.Sorted(maps.Keys(u.parts)) {
		if number <= out.Marker {
			continue
		}
		if len(out.Parts) == limit {
			out.More, out.Next = true, out.Parts[limit-1].Number
			break
		}
		part := u.parts[number]
		out.Parts = append(out.Parts, listPartXML{number, part.Modified.Format(time.RFC3339), `"` + part.ETag + `"`, part.Size, sumsOf(part.Metadata)})
	}
	answerXML(w, out)
	return nil
}

// serveUploads answers ListMultipartUploads: by key, then by time of initiation.
func (b *backend) serveUploads(w http.ResponseWriter, r *http.Request, bucketName string) error {
	if _, err := b.bucket(bucketName); err != nil {
		return err
	}
	query := r.URL.Query()
	if query.Get("delimiter") != "" {
		return refuse(gofakes3.ErrNotImplemented, "listing multipart uploads takes no delimiter")
	}
	limit, err := pageSize(query, "max-uploads")
	if err != nil {
		return err
	}
	show := func(key string) string { return key }
	if query.Get("encoding-type") == "url" {
		show = gofakes3.URLEncode
	}
	out := uploadListXML{
		Bucket: bucketName, Limit: limit, Prefix: show(query.Get("prefix")), Encoding: query.Get("encoding-type"),
		KeyMarker: show(query.Get("key-marker")), IDMarker: query.Get("upload-id-marker"),
	}
	list := b.uploads.after(bucketName, query.Get("prefix"), query.Get("key-marker"), out.IDMarker)
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		out.More, out.NextKey, out.NextID = true, show(string(last.record.Key)), last.id
	}
	for _, u := range list {
		out.UploadList = append(out.UploadList, listUploadXML{
			show(string(u.record.Key)), u.id, u.record.Initiated.Format(time.RFC3339), "STANDARD",
		})
	}
	answerXML(w, out)
	return nil
}

// after returns a bucket's uploads under a prefix behind a marker.
func (us *uploads) after(bucketName, prefix, key, id string) []*upload {
	list := us.all()
	slices.SortFunc(list, func(a, b *upload) int {
		if c := strings.Compare(string(a.record.Key), string(b.record.Key)); c != 0 {
			return c
		}
		if c := a.record.Initiated.Compare(b.record.Initiated); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	list = slices.DeleteFunc(list, func(u *upload) bool {
		return u.record.Bucket != bucketName || !strings.HasPrefix(string(u.record.Key), prefix) || string(u.record.Key) < key
	})
	if key == "" {
		return list
	}
	behind := 0
	for i, u := range list {
		if string(u.record.Key) == key && (id == "" || u.id == id) {
			behind = i + 1
		}
	}
	return list[behind:]
}
