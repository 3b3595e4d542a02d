package main

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// madeUp is an S3 server with a raw zone that it makes up as it is asked: so many objects of 100 rows in each of some shards, spread
// over folders. What is written lies beside them, in memory. It counts requests.
type madeUp struct {
	shards   []rawzone.Chain
	perShard int64

	mu       sync.Mutex
	stored   map[string]kept
	requests map[string]int64
}

// kept is an object that was written.
type kept struct {
	body     []byte
	etag     string
	metadata http.Header
	modified time.Time
}

const (
	madeUpFolders = 50
	madeUpRows    = 100
	madeUpStream  = "kdEntry"
	madeUpPrefix  = "49545115243490985018280067714973144582180062"
)

// began is when the raw zone's first object was written.
var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newMadeUp(shards int, objects int64) *madeUp {
	m := &madeUp{perShard: objects / int64(shards), stored: map[string]kept{}, requests: map[string]int64{}}
	for n := range shards {
		m.shards = append(m.shards, rawzone.Chain{Stream: madeUpStream, Generation: "g0000000abcdefgh", Shard: fmt.Sprintf("shardId-%012d", n)})
	}
	return m
}

// folders are in the order of a listing.
func (m *madeUp) folders() (all []string) {
	for n := range madeUpFolders {
		all = append(all, fmt.Sprintf("%ssensor-%d/", rawzone.Rows, n))
	}
	slices.Sort(all)
	return all
}

func (m *madeUp) first(c rawzone.Chain, k int64) int64 {
	return record.Base(c.Shard) + k*madeUpRows + 1
}

func position(c rawzone.Chain, k, row int64) record.Position {
	return record.Position{Shard: c.Shard, Sequence: fmt.Sprintf("%s%012d", madeUpPrefix, k*1000+row)}
}

// key is the name of the k-th object of a chain.
func (m *madeUp) key(c rawzone.Chain, k int64) string {
	folder := record.Folder{Label: "sensor"}
	return rawzone.RowsKey(folder, strconv.FormatInt(k%madeUpFolders, 10), c, position(c, k, 0), m.first(c, k), 0)
}

// object is the k-th of a chain.
func (m *madeUp) object(c rawzone.Chain, k int64) rawzone.Object {
	o := rawzone.Object{
		Key: m.key(c, k), Generation: c.Generation, First: position(c, k, 0), Last: position(c, k, madeUpRows-1), FirstOrdinal: m.first(c, k), LastOrdinal: m.first(c, k+1) - 1,
		Rows: madeUpRows, TotalRecords: (k + 1) * madeUpRows, TotalObjects: k + 1,
	}
	o.Passed = o.Last
	return o
}

// ledger is that of a chain once all its objects have landed.
func (m *madeUp) ledger(c rawzone.Chain) rawzone.Ledger {
	return rawzone.Start(c).After(m.object(c, m.perShard-1), began.Add(time.Duration(m.perShard)*time.Second))
}

// find is the number of an object's name.
func (m *madeUp) find(key string) (c rawzone.Chain, k int64, ok bool) {
	for _, c := range m.shards {
		if n, ok := c.Name(key); ok {
			k := (n.Ordinal - m.first(c, 0)) / madeUpRows
			return c, k, k >= 0 && k < m.perShard && m.key(c, k) == key
		}
	}
	return c, 0, false
}

// put stores an object without a request.
func (m *madeUp) put(key string, body []byte, modified time.Time) {
	sum := md5.Sum(body)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stored[key] = kept{body: body, etag: `"` + hex.EncodeToString(sum[:]) + `"`, modified: modified}
}

// forget deletes an object without a request.
func (m *madeUp) forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.stored, key)
}

// counted are the requests since the last time.
func (m *madeUp) counted() (n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.requests {
		n += c
	}
	m.requests = map[string]int64{}
	return n
}

func (m *madeUp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	m.mu.Lock()
	m.requests[r.Method]++
	o, there := m.stored[key]
	m.mu.Unlock()
	c, k, made := m.find(key)
	switch {
	case r.Method == http.MethodGet && key == "":
		m.list(w, r)
	case r.Method == http.MethodPut:
		m.write(w, r, key, o, there)
	case there:
		for name, v := range o.metadata {
			w.Header()[name] = v
		}
		w.Header().Set("ETag", o.etag)
		w.Header().Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Length", strconv.Itoa(len(o.body)))
		_, _ = w.Write(o.body)
	case made && r.Method == http.MethodHead:
		for name, v := range m.object(c, k).Metadata() {
			w.Header().Set("x-amz-meta-"+name, v)
		}
		w.Header().Set("Last-Modified", began.Add(time.Duration(k)*time.Second).Format(http.TimeFormat))
	default:
		refuse(w, http.StatusNotFound, "NoSuchKey")
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
}

func (m *madeUp) write(w http.ResponseWriter, r *http.Request, key string, o kept, there bool) {
	body, err := io.ReadAll(r.Body)
	match := r.Header.Get("If-Match")
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "IncompleteBody")
		return
	case r.Header.Get("If-None-Match") != "" && there, match != "" && (!there || match != o.etag):
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	m.put(key, body, time.Now())
	m.mu.Lock()
	o = m.stored[key]
	o.metadata = http.Header{}
	for name, v := range r.Header {
		if strings.HasPrefix(strings.ToLower(name), "x-amz-meta-") {
			o.metadata[name] = v
		}
	}
	m.stored[key] = o
	m.mu.Unlock()
	w.Header().Set("ETag", o.etag)
}

// listed is an answer to ListObjectsV2.
type listed struct {
	XMLName     xml.Name       `xml:"ListBucketResult"`
	IsTruncated bool           `xml:"IsTruncated"`
	Next        string         `xml:"NextContinuationToken,omitempty"`
	Contents    []listedObject `xml:"Contents"`
	Prefixes    []listedPrefix `xml:"CommonPrefixes"`
}

type listedObject struct {
	Key          string
	LastModified string
}

type listedPrefix struct{ Prefix string }

func (m *madeUp) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	prefix, after := q.Get("prefix"), cmp.Or(q.Get("continuation-token"), q.Get("start-after"))
	most := 1000
	if n, err := strconv.Atoi(q.Get("max-keys")); err == nil {
		most = min(n, most)
	}
	var out listed
	if q.Get("delimiter") != "" {
		out.Prefixes = m.prefixes(prefix)
	} else {
		out.Contents = m.keys(prefix, after, most+1)
		if len(out.Contents) > most {
			out.IsTruncated, out.Contents = true, out.Contents[:most]
			out.Next = out.Contents[most-1].Key
		}
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(out)
}

// prefixes are the folders directly below a prefix.
func (m *madeUp) prefixes(prefix string) (out []listedPrefix) {
	seen := map[string]bool{}
	add := func(key string) {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			if name, _, below := strings.Cut(rest, "/"); below {
				seen[prefix+name+"/"] = true
			}
		}
	}
	for _, folder := range m.folders() {
		for _, c := range m.shards {
			add(c.RowsIn(folder))
		}
	}
	m.mu.Lock()
	for key := range m.stored {
		add(key)
	}
	m.mu.Unlock()
	for p := range seen {
		out = append(out, listedPrefix{p})
	}
	slices.SortFunc(out, func(a, b listedPrefix) int { return cmp.Compare(a.Prefix, b.Prefix) })
	return out
}

// keys are the first ones with a prefix, behind another one.
func (m *madeUp) keys(prefix, after string, most int) (out []listedObject) {
	m.mu.Lock()
	for key, o := range m.stored {
		if strings.HasPrefix(key, prefix) && key > after {
			out = append(out, listedObject{key, o.modified.UTC().Format(time.RFC3339)})
		}
	}
	m.mu.Unlock()
	found := 0
	for _, folder := range m.folders() {
		var label int64
		_, _ = fmt.Sscanf(folder, rawzone.Rows+"sensor-%d/", &label)
		for _, c := range m.shards {
			below := c.RowsIn(folder)
			if !strings.HasPrefix(below, prefix) && !strings.HasPrefix(prefix, below) || after > below+"~" {
				continue
			}
			n := (m.perShard - label + madeUpFolders - 1) / madeUpFolders
			at := func(i int) string { return m.key(c, int64(i)*madeUpFolders+label) }
			from := sort.Search(int(n), func(i int) bool { return at(i) > after && at(i) >= prefix })
			for i := from; i < int(n) && found < most && strings.HasPrefix(at(i), prefix); i++ {
				k := int64(i)*madeUpFolders + label
				out = append(out, listedObject{at(i), began.Add(time.Duration(k) * time.Second).Format(time.RFC3339)})
				found++
			}
		}
		if found >= most {
			break
		}
	}
	slices.SortFunc(out, func(a, b listedObject) int { return cmp.Compare(a.Key, b.Key) })
	return out[:min(len(out), most)]
}
