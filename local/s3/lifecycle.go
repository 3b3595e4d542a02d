package s3

import (
	"encoding/xml"
	"os"
	"slices"
	"time"

	"github.com/rclone/gofakes3"
)

// expiryInterval is how often objects are looked for whose time has come. AWS does it within a day or so of the midnight at which
// they are due.
const expiryInterval = time.Minute

const lifecycle = "lifecycle"

// lifecycleXML are a bucket's rules for the ends of objects. What it does not name is refused.
type lifecycleXML struct {
	XMLName xml.Name        `xml:"LifecycleConfiguration"`
	Rules   []lifecycleRule `xml:"Rule"`
	Other   []xmlElement    `xml:",any"`
}

type lifecycleRule struct {
	ID         string
	Status     string
	Prefix     string // of old clients; the same as one in Filter
	Filter     lifecycleFilter
	Expiration *struct {
		Days   int
		Date   time.Time
		Marker bool         `xml:"ExpiredObjectDeleteMarker"`
		Other  []xmlElement `xml:",any"`
	}
	NoncurrentVersionExpiration *struct {
		NoncurrentDays          int
		NewerNoncurrentVersions int
		Other                   []xmlElement `xml:",any"`
	}
	// Transitions are kept and shown: every object here stays in the class that it was written with.
	Transitions                  []xmlElement `xml:"Transition"`
	NoncurrentVersionTransitions []xmlElement `xml:"NoncurrentVersionTransition"`
	// AbortIncompleteMultipartUpload is kept and shown: uploads that lie idle for a day go anyway.
	AbortIncompleteMultipartUpload *struct{ DaysAfterInitiation int }
	Other                          []xmlElement `xml:",any"`
}

type lifecycleFilter struct {
	Prefix string
	Tag    *tag
	sizes
	And *struct {
		Prefix string
		Tags   []tag `xml:"Tag"`
		sizes
		Other []xmlElement `xml:",any"`
	}
	Other []xmlElement `xml:",any"`
}

// sizes are those of the objects for which a rule is, both exclusive.
type sizes struct {
	Above *int64 `xml:"ObjectSizeGreaterThan"`
	Below *int64 `xml:"ObjectSizeLessThan"`
}

func (s sizes) match(size int64) bool {
	return (s.Above == nil || size > *s.Above) && (s.Below == nil || size < *s.Below)
}

type xmlElement struct{ XMLName xml.Name }

// parseLifecycle reads rules and refuses those that it would not follow.
func parseLifecycle(document []byte) (l lifecycleXML, err error) {
	if xml.Unmarshal(document, &l) != nil || len(l.Rules) == 0 {
		return l, malformed()
	}
	other := l.Other
	for _, r := range l.Rules {
		other = slices.Concat(other, r.Other, r.Filter.Other)
		if r.Filter.And != nil {
			other = slices.Concat(other, r.Filter.And.Other)
		}
		if r.Expiration != nil {
			other = slices.Concat(other, r.Expiration.Other)
		}
		if r.NoncurrentVersionExpiration != nil {
			other = slices.Concat(other, r.NoncurrentVersionExpiration.Other)
		}
		e, n := r.Expiration, r.NoncurrentVersionExpiration
		switch {
		case r.Status != "Enabled" && r.Status != "Disabled":
			return l, refuse(gofakes3.ErrMalformedXML, "A rule's Status is Enabled or Disabled")
		case e == nil && n == nil && len(r.Transitions)+len(r.NoncurrentVersionTransitions) == 0 && r.AbortIncompleteMultipartUpload == nil && len(other) == 0:
			return l, refuse(gofakes3.ErrInvalidRequest, "At least one action needs to be specified in a rule")
		case e != nil && e.Marker && (e.Days != 0 || !e.Date.IsZero()):
			return l, malformed()
		case e != nil && e.Marker && len(r.wants()) > 0:
			return l, refuse(gofakes3.ErrInvalidRequest, "ExpiredObjectDeleteMarker cannot be specified with tags")
		case e != nil && !e.Marker && e.Date.IsZero() && e.Days < 1 && len(e.Other) == 0:
			return l, refuse(gofakes3.ErrInvalidArgument, "'Days' for Expiration action must be a positive integer")
		case n != nil && n.NoncurrentDays < 1:
			return l, refuse(gofakes3.ErrInvalidArgument, "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
		case n != nil && (n.NewerNoncurrentVersions < 0 || n.NewerNoncurrentVersions > 100):
			return l, refuse(gofakes3.ErrInvalidArgument, "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be from 1 to 100")
		}
	}
	if len(other) > 0 {
		return l, refuse(gofakes3.ErrNotImplemented, "the element "+other[0].XMLName.Local+" of a lifecycle rule is not supported")
	}
	return l, nil
}

// prefix is that of the keys for which a rule is.
func (r lifecycleRule) prefix() string {
	if r.Filter.And != nil {
		return r.Filter.And.Prefix
	}
	return r.Filter.Prefix + r.Prefix
}

// wants are the tags that an object must have.
func (r lifecycleRule) wants() (tags []tag) {
	if r.Filter.Tag != nil {
		tags = append(tags, *r.Filter.Tag)
	}
	if r.Filter.And != nil {
		tags = append(tags, r.Filter.And.Tags...)
	}
	return tags
}

// due reports whether the time of what a key shows has come.
func (r lifecycleRule) due(modified, now time.Time) bool {
	switch {
	case r.Status != "Enabled" || r.Expiration == nil || r.Expiration.Marker:
		return false
	case !r.Expiration.Date.IsZero():
		return !now.Before(r.Expiration.Date)
	}
	return daysOver(r.Expiration.Days, modified, now)
}

// dueNoncurrent reports whether the time of a version has come that was replaced at a moment, and of which so many newer
// ones were replaced, too.
func (r lifecycleRule) dueNoncurrent(replaced time.Time, newer int, now time.Time) bool {
	n := r.NoncurrentVersionExpiration
	return r.Status == "Enabled" && n != nil && newer >= n.NewerNoncurrentVersions && daysOver(n.NoncurrentDays, replaced, now)
}

// daysOver reports whether so many days have passed, rounded up to the next midnight in UTC.
func daysOver(days int, since, now time.Time) bool {
	const day = 24 * time.Hour
	return !now.Before(since.UTC().Add(time.Duration(days) * day).Truncate(day).Add(day))
}

// expireAll removes what is due, until the server closes.
func (b *backend) expireAll() {
	ticker := time.NewTicker(expiryInterval)
	defer ticker.Stop()
	for {
		select {
		case <-b.outbox.ctx.Done():
			return
		case now := <-ticker.C:
			b.expire(now)
		}
	}
}

// expire removes the objects whose time has come.
func (b *backend) expire(now time.Time) {
	b.mu.RLock()
	var buckets []*bucket
	for _, bk := range b.buckets {
		buckets = append(buckets, bk)
	}
	b.mu.RUnlock()
	for _, bk := range buckets {
		document, err := os.ReadFile(b.disk.path(folderBuckets, bk.name, settingFile(lifecycle)))
		if err != nil {
			continue // it has no rules
		}
		rules, err := parseLifecycle(document)
		if err != nil {
			b.log.Error("s3: reading the lifecycle rules failed; nothing expires", "bucket", bk.name, "error", err)
			continue
		}
		for _, r := range rules.Rules {
			b.expireBy(bk, r, now)
		}
	}
}

// expireBy removes what is due by one rule. An object that is written again meanwhile stays: it is another one.
func (b *backend) expireBy(bk *bucket, r lifecycleRule, now time.Time) {
	const most = 1000
	for at := ""; ; {
		keys := bk.index.keys(r.prefix(), at, most)
		for _, versions := range keys {
			for _, d := range b.dueOf(bk.name, r, versions, now) {
				if _, err := b.delete(bk.name, d); err != nil {
					b.log.Warn("s3: an object could not expire", "bucket", bk.name, "error", err)
				}
			}
		}
		if len(keys) < most {
			return
		}
		at = keys[most-1][0].key
	}
}

// dueOf is what a rule removes of a key's versions: what the key shows, a delete marker with nothing behind it, and what
// was replaced long ago.
func (b *backend) dueOf(bucket string, r lifecycleRule, versions []*entry, now time.Time) (due []doomed) {
	newest := versions[0]
	switch {
	case !newest.marker && r.due(newest.modified, now) && b.covers(bucket, r, newest):
		due = append(due, doomed{key: newest.key, conditions: conditions{match: newest.etag}})
	case newest.marker && len(versions) == 1 && r.Status == "Enabled" && len(r.wants()) == 0 && r.Expiration != nil &&
		(r.Expiration.Marker || r.due(newest.modified, now)):
		due = append(due, doomed{key: newest.key, version: newest.version()})
	}
	for i, e := range versions[1:] {
		if r.dueNoncurrent(versions[i].modified, i, now) && b.covers(bucket, r, e) {
			due = append(due, doomed{key: e.key, version: e.version()})
		}
	}
	return due
}

// covers reports whether a rule is for an object of its prefix. A delete marker has neither size nor tags.
func (b *backend) covers(bucket string, r lifecycleRule, e *entry) bool {
	size := r.Filter.sizes
	if r.Filter.And != nil {
		size = r.Filter.And.sizes
	}
	want := r.wants()
	if e.marker {
		return size == (sizes{}) && len(want) == 0
	}
	if !size.match(e.size) || len(want) == 0 {
		return size.match(e.size)
	}
	f, o, err := b.open(nil, bucket, e.key, e.version())
	if err != nil {
		return false
	}
	_ = f.Close()
	have := b.tags(bucket, o)
	return !slices.ContainsFunc(want, func(t tag) bool { return !slices.Contains(have, t) })
}
