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
		Days  int
		Date  time.Time
		Other []xmlElement `xml:",any"`
	}
	// Transitions are kept and shown: every object here stays in the class that it was written with.
	Transitions []struct {
		Days         int
		StorageClass string
	} `xml:"Transition"`
	// AbortIncompleteMultipartUpload is kept and shown: uploads that lie idle for a day go anyway.
	AbortIncompleteMultipartUpload *struct{ DaysAfterInitiation int }
	Other                          []xmlElement `xml:",any"`
}

type lifecycleFilter struct {
	Prefix string
	Tag    *tag
	And    *struct {
		Prefix string
		Tags   []tag        `xml:"Tag"`
		Other  []xmlElement `xml:",any"`
	}
	Other []xmlElement `xml:",any"`
}

type xmlElement struct{ XMLName xml.Name }

// parseLifecycle reads rules and refuses those that it would not follow.
func parseLifecycle(document []byte) (l lifecycleXML, err error) {
	if xml.Unmarshal(document, &l) != nil || len(l.Rules) == 0 {
		return l, refuse(gofakes3.ErrMalformedXML, "The XML you provided was not well-formed or did not validate against our published schema")
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
		switch {
		case r.Status != "Enabled" && r.Status != "Disabled":
			return l, refuse(gofakes3.ErrMalformedXML, "A rule's Status is Enabled or Disabled")
		case r.Expiration == nil && len(r.Transitions) == 0 && r.AbortIncompleteMultipartUpload == nil && len(other) == 0:
			return l, refuse(gofakes3.ErrInvalidRequest, "At least one action needs to be specified in a rule")
		case r.Expiration != nil && r.Expiration.Date.IsZero() && r.Expiration.Days < 1 && len(r.Expiration.Other) == 0:
			return l, refuse(gofakes3.ErrInvalidArgument, "'Days' for Expiration action must be a positive integer")
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

// due reports whether an object's time has come: its days are over, rounded up to the next midnight in UTC.
func (r lifecycleRule) due(modified, now time.Time) bool {
	switch {
	case r.Status != "Enabled" || r.Expiration == nil:
		return false
	case !r.Expiration.Date.IsZero():
		return !now.Before(r.Expiration.Date)
	}
	const day = 24 * time.Hour
	return !now.Before(modified.UTC().Add(time.Duration(r.Expiration.Days) * day).Truncate(day).Add(day))
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
		p := bk.index.list(r.prefix(), "", at, most)
		for _, e := range p.entries {
			if !r.due(e.modified, now) || !b.tagged(bk.name, e.key, r.wants()) {
				continue
			}
			c := &call{conditions: conditions{match: e.etag}}
			if err := b.delete(c, bk.name, e.key); err != nil {
				b.log.Warn("s3: an object could not expire", "bucket", bk.name, "error", err)
			}
		}
		if p.next == "" {
			return
		}
		at = p.next
	}
}

// tagged reports whether an object has all these tags.
func (b *backend) tagged(bucket, key string, want []tag) bool {
	if len(want) == 0 {
		return true
	}
	f, o, err := b.open(bucket, key)
	if err != nil {
		return false
	}
	_ = f.Close()
	have := b.tags(bucket, o)
	return !slices.ContainsFunc(want, func(t tag) bool { return !slices.Contains(have, t) })
}
