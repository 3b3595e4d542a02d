package s3

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rclone/gofakes3"
)

type (
	attributesXML struct {
		XMLName   xml.Name              `xml:"GetObjectAttributesResponse"`
		Namespace string                `xml:"xmlns,attr"`
		ETag      string                `xml:"ETag,omitempty"`
		Checksum  *attributesSumsXML    `xml:"Checksum"`
		Parts     *attributesPartsXML   `xml:"ObjectParts"`
		Class     gofakes3.StorageClass `xml:"StorageClass,omitempty"`
		Size      *int64                `xml:"ObjectSize"`
	}
	attributesSumsXML struct {
		sumsXML
		Type string `xml:"ChecksumType"`
	}
	attributesPartsXML struct {
		Count  int                 `xml:"PartsCount"`
		Marker int                 `xml:"PartNumberMarker"`
		Next   int                 `xml:"NextPartNumberMarker"`
		Limit  int                 `xml:"MaxParts"`
		More   bool                `xml:"IsTruncated"`
		Parts  []attributesPartXML `xml:"Part"`
	}
	attributesPartXML struct {
		Number int   `xml:"PartNumber"`
		Size   int64 `xml:"Size"`
		sumsXML
	}
)

// serveAttributes answers GetObjectAttributes.
func (b *backend) serveAttributes(w http.ResponseWriter, r *http.Request, bucketName, key string) error {
	asked := map[string]bool{}
	for _, value := range r.Header.Values("X-Amz-Object-Attributes") {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.TrimSpace(name)
			if !slices.Contains([]string{"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}, name) {
				return gofakes3.ErrorInvalidArgument("x-amz-object-attributes", name, "Invalid attribute name specified.")
			}
			asked[name] = true
		}
	}
	if len(asked) == 0 {
		return refuse(gofakes3.ErrInvalidRequest, "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	limit, marker := maxListed, 0
	for name, to := range map[string]*int{"X-Amz-Max-Parts": &limit, "X-Amz-Part-Number-Marker": &marker} {
		text := r.Header.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return gofakes3.ErrorInvalidArgument(strings.ToLower(name), text, "must be an integer from 0 on")
		}
		*to = n
	}
	c := callFrom(r.Context())
	f, o, err := b.open(c, bucketName, key, c.version)
	if err != nil {
		return internal(b.log, "reading the object", err)
	}
	_ = f.Close()
	out := attributesXML{Namespace: xmlNamespace}
	if asked["ETag"] {
		out.ETag = o.ETag
	}
	if kind := o.sumType(); asked["Checksum"] && kind != "" {
		out.Checksum = &attributesSumsXML{sumsOf(o.Metadata), kind}
	}
	if asked["ObjectParts"] && len(o.Parts) > 0 {
		out.Parts = o.partsAttribute(marker, min(limit, maxListed))
	}
	if asked["StorageClass"] {
		out.Class = newEntry(o).storageClass()
	}
	if asked["ObjectSize"] {
		out.Size = &o.Size
	}
	w.Header().Set("Last-Modified", string(o.Metadata["Last-Modified"]))
	if o.Shown != "" {
		w.Header().Set(headerVersion, o.Shown)
	}
	answerXML(w, out)
	return nil
}

// partsAttribute lists the parts. As on AWS they are listed one by one where each has a checksum, and else only counted.
func (o *object) partsAttribute(marker, limit int) *attributesPartsXML {
	out := &attributesPartsXML{Count: len(o.Parts), Marker: marker, Limit: limit}
	for i := marker; i < len(o.PartSums); i++ {
		if len(out.Parts) == limit {
			out.More = true
			break
		}
		part := attributesPartXML{Number: i + 1, Size: o.Parts[i]}
		for _, algorithm := range algorithms {
			if o.Metadata[checksumPrefix+algorithm] != "" {
				*part.field(algorithm) = o.PartSums[i]
			}
		}
		out.Parts, out.Next = append(out.Parts, part), i+1
	}
	return out
}
