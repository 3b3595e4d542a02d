package unpack

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/snowstream/snowstream/record"
)

func unpacked(t interface {
	Helper()
	Fatal(...any)
}, s record.Schema, data string) []record.Record {
	t.Helper()
	u, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return u.Append(nil, record.Record{PartitionKey: "k", Data: []byte(data)})
}

func TestPayloads(t *testing.T) {
	const message = `{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":[{"id":"a","message":"x]}"}, {"id":"b"}]}`
	for _, tt := range []struct {
		payload record.Payload
		data    string
		want    string
	}{
		{record.Concatenated, `{"a":1}{"a":2}`, `k/0:{"a":1} k/1:{"a":2}`},
		{record.Concatenated, "{\"a\":\"}{\"}\n\n [1] {}", `k/0:{"a":"}{"} k/1:[1] k/2:{}`},
		{record.Concatenated, `{"a":1},{"a":2}`, `k/0:{"a":1} k/1:, k/2:{"a":2}`},
		{record.Concatenated, `{"a":1}garbage{"a":2}`, `k/0:{"a":1} k/1:garbage k/2:{"a":2}`},
		{record.Concatenated, `{"a":1}{"a":`, `k/0:{"a":1} k/1:{"a":`},
		{record.Concatenated, `{"a":1}"`, `k/0:{"a":1} k/1:"`},
		{record.Concatenated, `{"a":"\"}"}{}`, `k/0:{"a":"\"}"} k/1:{}`},
		{record.Concatenated, ``, `k/0:`},
		{record.Concatenated, ` `, `k/0: `},
		{record.Array, `[{"a":1}, {"a":[2,3]},{"a":"],["}]`, `k/0:{"a":1} k/1:{"a":[2,3]} k/2:{"a":"],["}`},
		{record.Array, ` [ 1 , NaN , {"a":1,"a":2} ] `, `k/0:1 k/1:NaN k/2:{"a":1,"a":2}`},
		{record.Array, `[{},,{}]`, `k/0:{} k/1: k/2:{}`},
		{record.Array, `[{},]`, `k/0:{} k/1:`},
		{record.Array, `[]`, `k/0:[]`},
		{record.Array, `[{"a":1},{"a":2}`, `k/0:[{"a":1},{"a":2}`},
		{record.Array, `[{}] [{}]`, `k/0:[{}] [{}]`},
		{record.Array, `{}`, `k/0:{}`},
		{record.CloudWatchLogs, message, strings.NewReplacer("EVENT1", `{"id":"a","message":"x]}"}`, "EVENT2", `{"id":"b"}`).Replace(
			`k/0:{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":EVENT1} ` +
				`k/1:{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":EVENT2}`)},
		{record.Auto, `[{"a":1},{"a":2}]`, `k/0:{"a":1} k/1:{"a":2}`},
		{record.Auto, `{"a":1}{"a":2}`, `k/0:{"a":1} k/1:{"a":2}`},
		{record.Auto, "{\n \"a\":1\n}\n{\n \"a\":2\n}", "k/0:{\n \"a\":1\n} k/1:{\n \"a\":2\n}"},
		{record.Auto, "{\"a\":1}\n{\"a\":\n{\"a\":3}{}\n", `k/0:{"a":1} k/1:{"a": k/2:{"a":3} k/3:{}`},
		{record.Auto, `{"a":1}`, `k/0:{"a":1}`},
		{record.Auto, `text`, `k/0:text`},
		{record.Auto, message, ""},
	} {
		s := record.Sensor()
		s.Payload = tt.payload
		got := show(unpacked(t, s, tt.data))
		if tt.want == "" {
			s.Payload = record.CloudWatchLogs
			tt.want = show(unpacked(t, s, tt.data))
		}
		if got != tt.want {
			t.Errorf("%s %q:\n got %s\nwant %s", tt.payload, tt.data, got, tt.want)
		}
	}
}

func TestExplode(t *testing.T) {
	s := record.Sensor()
	s.Explode = []string{"detail", "items"}
	for data, want := range map[string]string{
		`{"id":1,"detail":{"items":[{"n":1},{"n":2}],"x":0}}`: `k/0:{"id":1,"detail":{"items":{"n":1},"x":0}} k/1:{"id":1,"detail":{"items":{"n":2},"x":0}}`,
		`{"id":1,"detail":{"items":[{"n":1},{"n":}, NaN]}}`:   `k/0:{"id":1,"detail":{"items":{"n":1}}} k/1:{"id":1,"detail":{"items":{"n":}}} k/2:{"id":1,"detail":{"items":NaN}}`,
		`{"id":1,"detail":{"items":[]}}`:                      `k/0:{"id":1,"detail":{"items":null}}`,
		`{"id":1,"detail":{"items":null}}`:                    `k/0:{"id":1,"detail":{"items":null}}`,
		`{"id":1,"detail":{"items":{"n":1}}}`:                 `k/0:{"id":1,"detail":{"items":{"n":1}}}`,
		`{"id":1}`:                                            `k/0:{"id":1}`,
		`{"id":1,"detail":{"items":[1`:                        `k/0:{"id":1,"detail":{"items":[1`,
		`[]`:                                                  `k/0:[]`,
		``:                                                    `k/0:`,
	} {
		if got := show(unpacked(t, s, data)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", data, got, want)
		}
	}
	wide := `{"x":"` + strings.Repeat("x", 1<<20) + `","detail":{"items":[` + strings.Repeat("1,", 100) + `1]}}`
	if got := unpacked(t, s, wide); len(got) != 1 || got[0].Refused != record.TooLarge || string(got[0].Data) != wide {
		t.Errorf("101 times 1 MiB: %d records, %s", len(got), got[0].Refused)
	}
}

func TestBase64(t *testing.T) {
	s := record.Sensor()
	s.Base64, s.Payload = true, record.Lines
	std, url := base64.StdEncoding, base64.RawURLEncoding
	text := "{\"a\":\"ÿ?>\"}\n{}"
	for data, want := range map[string]string{
		std.EncodeToString([]byte(text)): "k/0:{\"a\":\"ÿ?>\"} k/1:{}",
		url.EncodeToString([]byte(text)): "k/0:{\"a\":\"ÿ?>\"} k/1:{}",
		std.EncodeToString([]byte(text))[:8] + "\r\n" + std.EncodeToString([]byte(text))[8:] + "\n": "k/0:{\"a\":\"ÿ?>\"} k/1:{}",
		std.EncodeToString([]byte(gzipped(t, text))):                                                "k/0:{\"a\":\"ÿ?>\"} k/1:{}",
		gzipped(t, std.EncodeToString([]byte(zlibbed(t, text)))):                                    "k/0:{\"a\":\"ÿ?>\"} k/1:{}",
		"e30=":   "k/0:{}",
		"e30":    "k/0:{}",
		"e31=":   "k/0:!bad_encoding", // bits that no encoder leaves
		"e":      "k/0:!bad_encoding",
		"e30===": "k/0:!bad_encoding",
		"{}":     "k/0:{}", // decoded before
		"":       "k/0:",
	} {
		if got := show(unpacked(t, s, data)); got != want {
			t.Errorf("%q:\n got %s\nwant %s", data, got, want)
		}
	}
}

// TestSplitIsExact: what was put together in any of the ways comes apart into the same documents, and their numbers are dense.
func TestSplitIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var documents []string
		for range rapid.IntRange(1, 6).Draw(t, "documents") {
			value := rapid.SampledFrom([]string{`"`, `\`, "]", "}", "{[", ",", "\n", "é", "a"})
			text, _ := json.Marshal(strings.Join(rapid.SliceOfN(value, 0, 5).Draw(t, "text"), ""))
			documents = append(documents, fmt.Sprintf(rapid.SampledFrom([]string{`{"a":%s}`, `{"a":[%s,{}]}`, `{"b":{"c":%s}}`}).Draw(t, "shape"), text))
		}
		space := rapid.SampledFrom([]string{"", " ", "\r\n"}).Draw(t, "space")
		s := record.Sensor()
		s.Payload = rapid.SampledFrom([]record.Payload{record.Lines, record.Concatenated, record.Array, record.Auto}).Draw(t, "payload")
		data := strings.Join(documents, space)
		switch s.Payload {
		case record.Lines:
			data = strings.Join(documents, strings.Trim(space, " ")+"\n")
		case record.Array:
			data = space + "[" + strings.Join(documents, space+","+space) + "]" + space
		}
		got := unpacked(t, s, data)
		if len(got) != len(documents) {
			t.Fatalf("%s of %q: %s", s.Payload, data, show(got))
		}
		for i, r := range got {
			if string(r.Data) != documents[i] || r.Subsequence != int64(i) {
				t.Fatalf("%s of %q: %s", s.Payload, data, show(got))
			}
		}
		s.Payload, s.Explode = record.Document, []string{"list"}
		got = unpacked(t, s, `{"n":1,"list":[`+strings.Join(documents, ",")+`]}`)
		for i, r := range got {
			if string(r.Data) != `{"n":1,"list":`+documents[i]+"}" {
				t.Fatalf("exploded: %s", show(got))
			}
		}
	})
}

// FuzzPayloads: whatever a payload is, each record in it is found once, with dense numbers, and nothing but blanks, commas and
// brackets of the list is left out.
func FuzzPayloads(f *testing.F) {
	for _, seed := range []string{`{"a":1}{"a":2}`, `[{"a":1},[2],"x"]`, "{}\n{", `{"list":[1,{"a":"]"}],"b":2}`, `[`, `{"list":[`, `"\`, "[,]"} {
		for p := range record.Payloads() {
			f.Add([]byte(seed), byte(p))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, payload byte) {
		s := record.Sensor()
		s.Payload, s.Explode = record.Payload(int(payload)%len(record.Payloads())), []string{"list"}
		if s.Payload == record.CloudWatchLogs {
			s.Explode = nil
		}
		got := unpacked(t, s, string(data))
		if len(got) == 0 {
			t.Fatal("a record vanished")
		}
		d := record.NewDecoder(s)
		for i, r := range got {
			if r.Subsequence != int64(i) {
				t.Fatalf("record %d has sub-sequence number %d", i, r.Subsequence)
			}
			_, _ = d.AppendRow(nil, &got[i], "", 1)
		}
	})
}
