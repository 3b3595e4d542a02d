package handoff

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestEncode compares with encoding/json, whatever the rows hold.
func TestEncode(t *testing.T) {
	pieces := []string{"6,64,OK,shardId-000000000000,49590338,0,41,2026-01-02 02:04:05.678\n", `"a ""quoted"" one"`, "\\N", "\r\n", "\x00\x1f\x7f", "é😀", "<&>", "\u2028", "\xff", "!#[]", ""}
	rapid.Check(t, func(t *rapid.T) {
		m := Message{
			Object: rapid.SampledFrom([]string{"", "kinesiscsv/sensor-6/x.csv"}).Draw(t, "object"), Rows: rapid.IntRange(0, 2).Draw(t, "rows"),
			CSV: strings.Join(rapid.SliceOf(rapid.OneOf(rapid.SampledFrom(pieces), rapid.String())).Draw(t, "csv"), ""),
		}
		if rapid.Bool().Draw(t, "plain") {
			m.Content = []json.RawMessage{json.RawMessage(`{"a":1}`)}
		}
		got, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		var back, want Message
		text, _ := json.Marshal(m)
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(back, want) || bytes.HasSuffix(got, []byte("\n")) {
			t.Fatalf("%q: %v\n%+v\nwant\n%+v", got, err, back, want)
		}
	})
}

// FuzzDecode compares the quick way with encoding/json: what it takes, both read alike.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{`{"object":"k","rows":1,"csv":"A\n1\n"}`, `{"object":"k","rows":1}`, `{"object":"","rows":1,"csv":""}`, `{"object":"k","rows":01,"csv":""}`,
		`{"object":"k","rows":+1,"csv":""}`, `{"object":"k","rows":1,"csv":"","rows":2}`, `{"object":"k\ud800","rows":1,"csv":"\/"}`, `{"content":[{}]}`, `{"object":"k","rows":-1,"csv":""}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, ok := cut(payload)
		var want Message
		if err := json.Unmarshal(payload, &want); ok && (err != nil || !reflect.DeepEqual(got, want) || want.Object == "" || want.Rows < 1) {
			t.Fatalf("%q: %+v, want %+v, %v", payload, got, want, err)
		}
	})
}

// TestDecodeQuick: the hand-over of a batch goes the quick way; whoever changes Encode sees it here.
func TestDecodeQuick(t *testing.T) {
	m := Message{Object: "kinesiscsv/sensor-6/x.csv", Rows: 2, CSV: "A,B\n\"a \"\"quoted\"\" one\",2\n\t,\n"}
	payload, err := Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := cut(payload); !ok || !reflect.DeepEqual(got, m) {
		t.Errorf("%s: %+v, %v", payload, got, ok)
	}
}

// TestEncodeLimit: rows that make the payload too large are left to the object.
func TestEncodeLimit(t *testing.T) {
	for size, inline := range map[int]bool{MaxInline - 1000: true, MaxInline: false, MaxInline + 1: false} {
		payload, err := Encode(Message{Object: "k", Rows: 1, CSV: strings.Repeat("x", size)})
		if got := len(payload) > 100; err != nil || got != inline || len(payload) > MaxInline {
			t.Errorf("%d bytes of rows: %d bytes of payload, %v", size, len(payload), err)
		}
	}
	if payload, err := Encode(Message{Object: "k", Rows: 1, CSV: strings.Repeat("\n", MaxInline/2+1)}); err != nil || len(payload) > 100 {
		t.Errorf("rows that grow when they are escaped: %d bytes, %v", len(payload), err)
	}
}

func BenchmarkEncode(b *testing.B) {
	const rows = 100
	csv := strings.Repeat("12,104,WARN,shardId-000000000006,49545115243490985018280067714973144582180062593244200961,0,41,2026-01-02 02:04:05.678\n", rows)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Encode(Message{Object: "k", Rows: rows, CSV: csv}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
}
