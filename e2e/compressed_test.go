package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/zstd"

	"github.com/snowstream/snowstream/internal/long"
)

// TestCompressed runs one data folder with another compression each time. Objects of all kinds lie side by side, and all
// that reads them reads each: Upsert, the pipe, the audit, the repair and the replay.
func TestCompressed(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	for _, c := range []string{"gzip", "zstd", "none"} {
		r := start(t, dir, "--compress", c, "--records", "1200", "--rate", "1500", "--no-dashboard").finish(t)
		if r.complete(t); r.Generated != 1200 {
			t.Errorf("%s: %+v", c, r)
		}
	}
	l := start(t, dir, "--compress", "gzip", "--rate", "0.0001", "--batch-window", "1s")
	o := join(t, l.ready(t, dir))
	var payloads []string
	for i := range 300 {
		payloads = append(payloads, plain(i))
	}
	o.put(t, append(payloads, `{"sensorId": oops`))
	for _, table := range both {
		o.until(t, 3900, "SELECT COUNT(*) FROM "+table)
	}
	untilLedger(t, dir, 3901)
	var p proof
	if code := audit(t, dir, &p, "--deep"); code != 0 || !p.OK {
		t.Errorf("exit %d, %+v", code, p)
	}
	f, keys := o.ranges(t)
	kinds := map[string][]int64{}
	for _, first := range f {
		_, extension, _ := strings.Cut(keys[first], ".csv")
		if kinds[extension] = append(kinds[extension], first); !strings.HasPrefix(o.readable(t, keys[first]), `SENSORID,`) {
			t.Errorf("%s has no header line", keys[first])
		}
	}
	if len(kinds) != 3 || len(kinds[".gz"]) < 10 || len(kinds[".zst"]) < 8 || len(kinds[""]) < 8 {
		t.Fatalf("%d kinds of objects: %v", len(kinds), kinds)
	}
	o.repairCompressed(t, dir, kinds, keys)

	var replayed struct{ OK bool }
	o.exec(t, fmt.Sprintf(`DELETE FROM %s WHERE "_ORDINAL" BETWEEN 500 AND 3000`, both[0]))
	if code := replay(t, dir, &replayed, "table", "--table", "streaming"); code != 0 || !replayed.OK {
		t.Errorf("replay: exit %d, %+v", code, replayed)
	}
	if code := audit(t, dir, &p, "--deep"); code != 0 || !p.OK {
		t.Errorf("after the replay: exit %d, %+v", code, p)
	}
	l.stop(t).complete(t)
}

// repairCompressed cuts, replaces and deletes objects of each kind, and rows. The audit names them, and the repair brings
// all back under the names that they had: under others the pipe would load them again.
func (o outside) repairCompressed(t *testing.T, dir string, kinds map[string][]int64, keys map[int64]string) {
	t.Helper()
	for _, extension := range []string{".gz", ".zst"} {
		firsts := kinds[extension]
		for i, spoil := range []func([]byte) []byte{
			func(b []byte) []byte { return b[:len(b)/2] },
			func([]byte) []byte { return []byte("SENSORID\n1\n") },
		} {
			o.replaceBody(t, keys[firsts[3+2*i]], spoil)
		}
	}
	for _, firsts := range kinds {
		if _, err := o.s3.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &o.Bucket, Key: aws.String(keys[firsts[1]])}); err != nil {
			t.Fatal(err)
		}
		for _, table := range both {
			o.exec(t, fmt.Sprintf(`DELETE FROM %s WHERE "_ORDINAL" BETWEEN %d AND %d`, table, firsts[2], firsts[2]+20))
		}
	}
	var p proof
	if code := audit(t, dir, &p); code != 1 || p.OK {
		t.Errorf("damaged: exit %d", code)
	}
	found := map[string]int{}
	for _, f := range p.Findings {
		found[f.Kind+" "+f.Place]++
	}
	if want := map[string]int{"altered raw_zone": 4, "missing raw_zone": 3, "missing streaming": 3, "missing microbatch": 3}; !maps.Equal(found, want) {
		t.Errorf("found %v, want %v: %v", found, want, p.Findings)
	}
	var r repaired
	if code := audit(t, dir, &r, "--repair"); code != 0 || !r.OK || len(r.Repaired.Left) > 0 || r.Repaired.Restored != 7 {
		t.Errorf("repair: exit %d, %+v, after it %s", code, r.Repaired, r.After.Findings)
	}
	if _, now := o.ranges(t); !maps.Equal(now, keys) {
		t.Errorf("the objects have other names than before")
	}
	if code := audit(t, dir, &p, "--deep"); code != 0 || !p.OK {
		t.Errorf("after the repair: exit %d, %+v", code, p)
	}
	for _, table := range both {
		if n := o.number(t, "SELECT COUNT(*) FROM "+table); n != 3900 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
}

// replaceBody rewrites an object with other bytes and the same metadata.
func (o outside) replaceBody(t *testing.T, key string, change func([]byte) []byte) {
	t.Helper()
	body, out := o.object(t, key)
	_, err := o.s3.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &o.Bucket, Key: &key, Body: bytes.NewReader(change(body)), Metadata: out.Metadata})
	if err != nil {
		t.Fatal(err)
	}
}

func (o outside) object(t *testing.T, key string) ([]byte, *awss3.GetObjectOutput) {
	t.Helper()
	out, err := o.s3.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &o.Bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body, out
}

// readable is an object's text, unpacked by its name as a person would. Nothing about it makes a client unpack it first.
func (o outside) readable(t *testing.T, key string) string {
	t.Helper()
	body, out := o.object(t, key)
	kind, in := "text/csv; charset=utf-8; header=present", io.Reader(bytes.NewReader(body))
	switch _, extension, _ := strings.Cut(key, ".csv"); extension {
	case ".gz":
		z, err := gzip.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		kind, in = "application/gzip", z
	case ".zst":
		z, err := zstd.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		kind, in = "application/zstd", z
	}
	if aws.ToString(out.ContentType) != kind || aws.ToString(out.ContentEncoding) != "" {
		t.Errorf("%s is of type %s and encoding %q", key, aws.ToString(out.ContentType), aws.ToString(out.ContentEncoding))
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Errorf("%s: %v", key, err)
	}
	return string(text)
}
