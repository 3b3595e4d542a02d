package record

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestLastOnes: what is left is what encoding/json makes of the payload, which takes the last one, in its place.
func TestLastOnes(t *testing.T) {
	for payload, want := range map[string]string{
		`{"a":1,"a":2}`:             `{      "a":2}`,
		`{"a":1,"b":2,"a":3,"b":4}`: `{            "a":3,"b":4}`,
		"{\"a\" : {\"x\":1,\"x\":[]} ,\n \"\\u0061\":null}": strings.Repeat("_", 1),
		`[{"a":1,"a":[{"b":1,"b":2}]}]`:                     `[{      "a":[{      "b":2}]}]`,
		`{"a":1,"a":2,"a":3} `:                              `{            "a":3} `,
		`{"a":1}`:                                           `{"a":1}`,
		`{"a":1,"a":2,`:                                     `{      "a":2,`,
	} {
		got := string(lastOnes([]byte(payload)))
		if want == "_" {
			want = "{" + strings.Repeat(" ", len(payload)-len(`"\u0061":null}`)-1) + `"\u0061":null}`
		}
		if got != want {
			t.Errorf("%s: %q, want %q", payload, got, want)
		}
	}
}

// document draws JSON with names that come twice, at any depth.
func document(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 3).Draw(t, "kind")
	if depth == 0 {
		kind = 0
	}
	var parts []string
	switch kind {
	case 1:
		for range rapid.IntRange(0, 4).Draw(t, "elements") {
			parts = append(parts, document(t, depth-1))
		}
		return "[" + strings.Join(parts, " ,") + "]"
	case 2, 3:
		for range rapid.IntRange(0, 20).Draw(t, "members") {
			name := rapid.SampledFrom([]string{`"a"`, `"b"`, `"\u0061"`, `"c, \" }"`, `""`}).Draw(t, "name")
			parts = append(parts, name+" : "+document(t, depth-1))
		}
		return "{ " + strings.Join(parts, " ,\n") + " }"
	}
	return rapid.SampledFrom([]string{"1", "null", `"}"`, `"a,\\\"b"`, "-2.5e3", "true", "[]", "{}"}).Draw(t, "scalar")
}

func TestLastOnesAnyDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payload := `{"v":` + document(t, 3) + `}`
		left := lastOnes([]byte(payload))
		if code := Member(left, func(string, []byte) bool { return true }); code != OK || len(left) != len(payload) {
			t.Fatalf("%s\nbecame\n%s\nwhich is %q", payload, left, code)
		}
		var want, got any
		if err := json.Unmarshal([]byte(payload), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(left, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\nbecame\n%s, %v", payload, left, err)
		}
	})
}

// TestLastOne: the option is what decides, also inside an envelope, and what is dropped is not looked at.
func TestLastOne(t *testing.T) {
	s := everything()
	payload := `{"i":"no number","i":7,"s":"x","v":{"a":1e99,"a":{"b":1,"b":2}}, "i" :8}`
	if _, reason := NewDecoder(s).Decode([]byte(payload)); reason == nil {
		t.Error("without it there is no reason")
	}
	s.LastOne = true
	row, reason := NewDecoder(s).Decode([]byte(payload))
	if got := show(row); reason != nil || got != `<8> NULL <x> NULL NULL <{`+strings.Repeat(" ", len(`"a":1e99,`))+`"a":{      "b":2}}>` {
		t.Errorf("%s %+v", got, reason)
	}
	// An inner object that comes twice counts as a whole, too.
	inner := Schema{LastOne: true, Columns: []Column{{Path: []string{"d", "a"}, Name: "A", Type: Integer}, {Path: []string{"d", "b"}, Name: "B", Type: Integer}}}
	if row, reason = NewDecoder(inner).Decode([]byte(`{"d":{"a":1,"b":2},"d":{"b":3}}`)); reason != nil || show(row) != "NULL <3>" {
		t.Errorf("%s %+v", show(row), reason)
	}
	// A fault keeps its place and its reason.
	if _, reason = NewDecoder(inner).Decode([]byte(`{"d":{"a":1},"d":{"b":3},x}`)); reason == nil || reason.Code != NotJSON || reason.Offset != 25 {
		t.Errorf("%+v", reason)
	}
	for envelope, payload := range map[Envelope]string{
		DMS:      `{"data":{"id":1},"data":{"id":2,"id":3},"metadata":{"record-type":"control","record-type":"data"}}`,
		DynamoDB: `{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"N":"1"},"id":{"N":"3"}}}}`,
		Firehose: `{"requestId":"r","records":{"data":"eyJpZCI6MSwiaWQiOjN9"}}`, // {"id":1,"id":3}
	} {
		path := map[Envelope][]string{DMS: {"data", "id"}, DynamoDB: {"dynamodb", "Keys", "id"}, Firehose: {"records", "data", "id"}}[envelope]
		s := Schema{Envelope: envelope, LastOne: true, Columns: []Column{{Path: path, Name: "ID", Type: Integer}}}
		if row, reason := NewDecoder(s).Decode([]byte(payload)); reason != nil || show(row) != "<3>" {
			t.Errorf("%s: %s %+v", envelope, show(row), reason)
		}
		s.LastOne = false
		if _, reason := NewDecoder(s).Decode([]byte(payload)); reason == nil || reason.Code != DuplicateField {
			t.Errorf("%s without it: %+v", envelope, reason)
		}
	}
}

// TestOrigin: the columns stand in front of the others, whatever the key is made of.
func TestOrigin(t *testing.T) {
	s := Sensor()
	s.Origin = StreamOrigin | PartitionKeyOrigin
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	d := NewDecoder(s).OfStream("a,stream")
	if got := string(d.Header()); got != "SENSORID,CURRENTTEMPERATURE,STATUS,_PARTITION_KEY,_STREAM,_SHARD,_SEQUENCE,_SUBSEQUENCE,_ORDINAL,_ARRIVED_AT,_GENERATION\n" {
		t.Errorf("header %s", got)
	}
	for key, want := range map[string]string{"": "", "k-1": "k-1", "é \"q\"\n": "\"é \"\"q\"\"\n\"", "a\xff\xfe": "\"a\ufffd\ufffd\""} {
		for range 2 { // the second one is read along the first one's layout
			line, reason := d.AppendRow(nil, &Record{Position: Position{Shard: "s", Sequence: "1"}, PartitionKey: key, Data: []byte(`{"sensorId":1,"currentTemperature":2,"status":"OK"}`)}, "", 9)
			if _, rest, ok := strings.Cut(string(line), "OK,"); reason != nil || !ok || !strings.HasPrefix(rest, fmt.Sprintf("%s,\"a,stream\",s,1,0,9,", want)) {
				t.Errorf("key %q: %q %+v", key, line, reason)
			}
			quarantined, err := json.Marshal(key)
			var back string
			if err != nil || json.Unmarshal(quarantined, &back) != nil || back != string([]rune(key)) {
				t.Errorf("key %q is %q in quarantine, and another in the table", key, back)
			}
		}
	}
	s.Columns[0].Name = "_Stream"
	if err := s.Check(); err == nil {
		t.Error("a column of the same name was taken")
	}
	s.Origin = PartitionKeyOrigin
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}
