package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/internal/long"
)

// gone deletes objects of rows.
func (o outside) gone(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if _, err := o.s3.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &o.Bucket, Key: aws.String(key)}); err != nil {
			t.Fatal(err)
		}
	}
}

// sealed audits and wants nothing wrong, and so many objects listed at most.
func sealed(t *testing.T, dir string, objects int64, args ...string) (p proof) {
	t.Helper()
	if code := audit(t, dir, &p, args...); code != 0 || !p.OK || p.Cost.Objects > objects {
		t.Fatalf("audit %v: exit %d, %+v", args, code, p)
	}
	return p
}

// TestSeal seals what lies there, and damages it below the seal, with and without the objects that would say what was right: an audit
// lists nothing that is sealed, calls none of its objects missing, and names each row that is.
func TestSeal(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l, o, bad := filled(t, dir, 1400)
	p := sealed(t, dir, 10000, "--seal")
	if n := len(p.Sealing.Shards); n != 1 || p.Sealing.Shards[0].Last != 1401 || len(p.Sealing.Left) != 0 {
		t.Fatalf("%+v", p.Sealing)
	}
	p = sealed(t, dir, 0)
	if p.Sealed.Records != 1401 || p.Sealed.Compared != 1400 || p.Shards[0].Streaming != 1400 || p.Shards[0].Quarantined != 1 {
		t.Errorf("%+v of %+v", p.Sealed, p.Shards)
	}
	o.put(t, []string{plain(5000), plain(5001), `{"sensorId": oops`})
	untilLedger(t, dir, 1404)
	for _, table := range both {
		o.until(t, 2, "SELECT COUNT(*) FROM "+table+" WHERE currenttemperature >= 5000")
	}
	sealed(t, dir, 3)

	f, keys := o.ranges(t)
	at := func(n int64) string { return fmt.Sprintf(`"_ORDINAL" = %d`, n) }
	double := func(table string, n int64) {
		o.exec(t, fmt.Sprintf(`INSERT INTO %[1]s SELECT * FROM %[1]s WHERE %[2]s`, table, at(n)))
	}
	lost, doubled, altered, changed := f[1]+1, f[2]+1, f[3]+1, f[4]+1
	streaming, microbatch := both[0], both[1]
	damage := map[string]func(){
		fmt.Sprintf("missing streaming 00 %d-%d: 1", lost, lost):        func() { o.exec(t, "DELETE FROM "+streaming+" WHERE "+at(lost)) },
		fmt.Sprintf("doubled microbatch 00 %d-%d: 1", doubled, doubled): func() { double(microbatch, doubled) },
		fmt.Sprintf("altered streaming 00 %d-%d: 1", altered, altered):  func() { o.exec(t, "UPDATE "+streaming+" SET status = 'hot' WHERE "+at(altered)) },
		fmt.Sprintf("foreign microbatch 00 %d-%d: 1", bad, bad): func() {
			o.exec(t, fmt.Sprintf(`INSERT INTO %[1]s SELECT sensorid, currenttemperature, status, "_SHARD", "_SEQUENCE", "_SUBSEQUENCE", %[2]d, "_ARRIVED_AT", "_GENERATION" FROM %[1]s WHERE %[3]s`, microbatch, bad, at(3)))
		},
	}
	// during does damage, looks, and brings the tables back as they were.
	during := func(do, look func()) {
		for i, table := range both {
			o.exec(t, fmt.Sprintf("CREATE TABLE kept_%d AS SELECT * FROM %s", i, table))
		}
		do()
		look()
		for i, table := range both {
			o.exec(t, "DELETE FROM "+table)
			o.exec(t, fmt.Sprintf("INSERT INTO %s SELECT * FROM kept_%d", table, i))
			o.exec(t, fmt.Sprintf("DROP TABLE kept_%d", i))
		}
	}
	for name, do := range damage {
		during(do, func() {
			p = proof{}
			if code := audit(t, dir, &p); code != 1 || p.Sealed == nil || len(p.Sealed.Opened) != 1 {
				t.Errorf("%s: exit %d, %+v", name, code, p.Sealed)
			}
			p.found(t, name)
		})
	}
	alike := func(status string) {
		for _, table := range both {
			o.exec(t, "UPDATE "+table+" SET status = '"+status+"' WHERE "+at(changed))
		}
	}
	alike("hot")
	p = proof{}
	audit(t, dir, &p, "--stream=false")
	p.found(t, fmt.Sprintf("altered streaming 00 %d-%d: 1", changed, changed), fmt.Sprintf("altered microbatch 00 %d-%d: 1", changed, changed))
	alike("OK")

	for _, n := range f { // all that is sealed, and nothing else
		if n <= 1401 {
			o.gone(t, keys[n])
		}
	}
	sealed(t, dir, 3)
	sealed(t, dir, 3, "--from-scratch")
	during(func() {
		o.exec(t, "DELETE FROM "+streaming+" WHERE "+at(lost))
		double(microbatch, doubled)
		o.exec(t, "UPDATE "+streaming+" SET status = 'hot' WHERE "+at(altered))
	}, func() {
		p = proof{}
		audit(t, dir, &p)
		p.found(t, fmt.Sprintf("missing streaming 00 %d-%d: 1", lost, lost), fmt.Sprintf("doubled microbatch 00 %d-%d: 1", doubled, doubled),
			fmt.Sprintf("altered streaming 00 %d-%d: 1", altered, altered), fmt.Sprintf("altered microbatch 00 %d-%d: 1", altered, altered))
		var r repaired
		if code := audit(t, dir, &r, "--repair"); code != 1 || !slices.ContainsFunc(r.Repaired.Left, func(s string) bool { return strings.Contains(s, "sealed") }) {
			t.Errorf("exit %d, %+v", code, r.Repaired)
		}
		p = proof{}
		if code := audit(t, dir, &p, "--seal"); code != 1 || len(p.Sealing.Shards) != 0 || len(p.Sealing.Left) != 1 {
			t.Errorf("what is not proved is sealed: exit %d, %+v", code, p.Sealing)
		}
	})
	p = sealed(t, dir, 3, "--seal")
	if len(p.Sealing.Shards) != 1 || p.Sealing.Shards[0].Last != 1404 || p.Sealing.Shards[0].New != 3 {
		t.Errorf("%+v", p.Sealing)
	}
	sealed(t, dir, 0)
	l.stop(t)
}
