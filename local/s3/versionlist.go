package s3

import (
	"encoding/xml"
	"net/http"
	"strconv"

	"github.com/rclone/gofakes3"
)

// The headers of versions.
const (
	headerVersion = "X-Amz-Version-Id"
	headerMarker  = "X-Amz-Delete-Marker"
)

// maxPartsXML bounds the documents that name up to 10,000 parts or 1,000 keys.
const maxPartsXML = 4 << 20

const listTime = "2006-01-02T15:04:05.000Z"

type (
	versionListXML struct {
		XMLName       xml.Name     `xml:"ListVersionsResult"`
		Namespace     string       `xml:"xmlns,attr"`
		Name          string       `xml:"Name"`
		Prefix        string       `xml:"Prefix"`
		KeyMarker     string       `xml:"KeyMarker"`
		VersionMarker string       `xml:"VersionIdMarker"`
		NextKey       string       `xml:"NextKeyMarker,omitempty"`
		NextVersion   string       `xml:"NextVersionIdMarker,omitempty"`
		Limit         int          `xml:"MaxKeys"`
		Delimiter     string       `xml:"Delimiter,omitempty"`
		Encoding      string       `xml:"EncodingType,omitempty"`
		More          bool         `xml:"IsTruncated"`
		Items         []versionXML // in the order of the listing, markers among the others
		Prefixes      []prefixXML  `xml:"CommonPrefixes"`
	}
	versionXML struct {
		XMLName  xml.Name
		Key      string   `xml:"Key"`
		Version  string   `xml:"VersionId"`
		Latest   bool     `xml:"IsLatest"`
		Modified string   `xml:"LastModified"`
		ETag     string   `xml:"ETag,omitempty"`
		Size     *int64   `xml:"Size"`
		Class    string   `xml:"StorageClass,omitempty"`
		Owner    ownerXML `xml:"Owner"`
	}
	ownerXML  struct{ ID string }
	prefixXML struct{ Prefix string }
)

// serveVersions answers ListObjectVersions. A bucket without versions has a null version of each object.
func (b *backend) serveVersions(w http.ResponseWriter, r *http.Request, bucketName string) error {
	bk, err := b.bucket(bucketName)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	limit := maxListed
	if text := query.Get("max-keys"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return gofakes3.ErrorInvalidArgument("max-keys", text, "Argument max-keys must be an integer between 0 and 2147483647")
		}
		limit = min(n, maxListed)
	}
	key, version := query.Get("key-marker"), query.Get("version-id-marker")
	switch {
	case key == "" && version != "":
		return gofakes3.ErrorInvalidArgument("version-id-marker", version, "A version-id marker cannot be specified without a key marker.")
	case version == "" && query.Has("version-id-marker"):
		return gofakes3.ErrorInvalidArgument("version-id-marker", "", "A version-id marker cannot be empty.")
	case version != "" && !isVersion(version):
		return errVersionID
	}
	show := func(text string) string { return text }
	switch encoding := query.Get("encoding-type"); encoding {
	case "":
	case "url":
		show = gofakes3.URLEncode
	default:
		return gofakes3.ErrorInvalidArgument("encoding-type", encoding, "Invalid Encoding Method specified in Request")
	}
	out := versionListXML{
		Namespace: xmlNamespace, Name: bucketName, Limit: limit, Encoding: query.Get("encoding-type"), VersionMarker: version,
		Prefix: show(query.Get("prefix")), Delimiter: show(query.Get("delimiter")), KeyMarker: show(key),
	}
	if limit > 0 {
		p := bk.index.listVersions(query.Get("prefix"), query.Get("delimiter"), key, version, limit)
		for _, item := range p.entries {
			out.Items = append(out.Items, b.versionItem(item, show))
		}
		for _, common := range p.prefixes {
			out.Prefixes = append(out.Prefixes, prefixXML{show(common)})
		}
		out.More, out.NextKey, out.NextVersion = p.key != "", show(p.key), p.version
	}
	answerXML(w, out)
	return nil
}

func (b *backend) versionItem(item versionItem, show func(string) string) versionXML {
	v := versionXML{
		XMLName: xml.Name{Local: "Version"}, Key: show(item.key), Version: item.version(), Latest: item.latest,
		Modified: item.modified.UTC().Format(listTime), Owner: ownerXML{b.account},
	}
	if item.marker {
		v.XMLName.Local = "DeleteMarker"
		return v
	}
	v.ETag, v.Size, v.Class = `"`+item.etag+`"`, &item.size, string(item.storageClass())
	return v
}
