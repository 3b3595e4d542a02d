package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/snowstream/snowstream/producer/template"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/schemafile"
	"github.com/snowstream/snowstream/record/schemafile/infer"
)

// TestInferredTimes: templates as workshops use them, with times that say no zone. What is proposed from the first records
// lands all 300, the times as times.
func TestInferredTimes(t *testing.T) {
	for form, want := range map[string]string{
		`{{date.now("YYYY-MM-DDTHH:mm:ss.SSS")}}`:    "timestamp(iso8601)",
		`{{date.now("YYYY-MM-DD HH:mm:ss")}}`:        "timestamp(iso8601)",
		`{{date.utc("YYYY-MM-DDTHH:mm:ss.SSS")}}`:    "timestamp(iso8601)",
		`{{date.now("YYYY-MM-DD HH:mm:ss.SSSSSS")}}`: "timestamp(iso8601)",
		`{{date.now("DD/MMM/YYYY:HH:mm:ss ZZ")}}`:    "timestamp",
		`{{date.now}}`:               "timestamp",
		`{{date.now("YYYY-MM-DD")}}`: "date",
		`{{date.now("HH:mm:ss")}}`:   "time",
	} {
		text := `{"sensor_id": {{random.number({"min":1,"max":999})}}, "temperature": {{random.number({"min":10,"max":150})}}, "event_time": "` + form + `"}`
		compiled, err := template.Options{Zone: time.FixedZone("", 3600)}.Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		g, seen := compiled.Generator(1), infer.New()
		var records [][]byte
		for i := range int64(300) {
			g.SetTime(time.Unix(1767323045, 0).Add(time.Duration(i) * 97 * time.Minute))
			one, err := g.Append(nil, i)
			if err != nil {
				t.Fatal(err)
			}
			if records = append(records, bytes.Clone(one)); i < 20 {
				seen.Add(i+1, one)
			}
		}
		proposal, err := seen.Propose()
		if err != nil {
			t.Fatal(err)
		}
		s, err := schemafile.Parse(proposal)
		if err != nil {
			t.Fatal(err)
		}
		if got := schemafile.TypeText(s.Columns[2]); got != want {
			t.Errorf("%s: %s, want %s", form, got, want)
		}
		if local := s.Columns[2].Zone != ""; local != strings.HasPrefix(want, "timestamp(iso") {
			t.Errorf("%s: zone %q", form, s.Columns[2].Zone)
		}
		d, landed := record.NewDecoder(s), 0
		for _, one := range records {
			if _, reason := d.Decode(one); reason == nil {
				landed++
			}
		}
		if landed != 300 {
			t.Errorf("%s: %d of 300 records land\n%s", form, landed, proposal)
		}
	}
}
