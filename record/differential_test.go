package record

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// schemas are those that the differential tests decode with: each type, each policy, nested fields, required ones.
func schemas() []Schema {
	device := Schema{Rest: "REST", Columns: []Column{
		{Path: []string{"device", "id"}, Name: "ID", Type: Integer, Required: true},
		{Path: []string{"s"}, Name: "S", Type: String},
		{Path: []string{"device", "place", "room"}, Name: "ROOM", Type: String},
		{Path: []string{"v"}, Name: "V", Type: Variant},
	}}
	keep, refuse, all := device, device, everything()
	keep.Unknown, refuse.Unknown = Keep, Refuse
	last, lastKept := refuse, keep
	last.LastOne, lastKept.LastOne = true, true
	all.Columns = append(all.Columns,
		Column{Path: []string{"ts"}, Name: "TS", Type: Timestamp, Forms: []Form{Seconds}},
		Column{Path: []string{"tm"}, Name: "TM", Type: Timestamp, Forms: []Form{Milliseconds}, Micros: true})
	return []Schema{Sensor(), all, device, keep, refuse, last, lastKept}
}

// same decodes payloads one after the other with one decoder, which learns from them, and compares each row and each
// reason with those of the plain implementation and of a decoder that has never seen a payload.
func same(t interface {
	Helper()
	Fatalf(string, ...any)
}, schema Schema, payloads ...[]byte) {
	t.Helper()
	learnt := NewDecoder(schema)
	at := time.UnixMilli(1767323045678)
	for i, payload := range payloads {
		r := Record{Position: Position{"shardId-000000000000", "4959", int64(i % 3)}, ArrivedAt: at.Add(time.Duration(i) * 300 * time.Microsecond), Data: payload}
		got, reason := learnt.AppendRow(nil, &r, "", int64(i)+8)
		fresh, freshReason := NewDecoder(schema).AppendRow(nil, &r, "", int64(i)+8)
		if string(got) != string(fresh) || fmt.Sprint(reason) != fmt.Sprint(freshReason) && (reason == nil || freshReason == nil || *reason != *freshReason) {
			t.Fatalf("payload %d %q after %q:\n%s %+v\nfresh decoder:\n%s %+v", i, payload, payloads[:i], got, reason, fresh, freshReason)
		}
		want := plainDecode(schema, payload)
		if schema.LastOne {
			want = plainDecode(schema, lastOnes(payload))
		}
		switch {
		case reason == nil && want.code == OK && string(got) == want.line+plainLineage(r, int64(i)+8):
		case reason != nil && reason.Code == want.code && reason.Field == want.field:
		case reason != nil && want.code == NotJSON: // another fault stands in front of the one that ends the JSON
		default:
			t.Fatalf("payload %d %q:\n%s %+v\nplain implementation:\n%+v", i, payload, got, reason, want)
		}
	}
}

// scalars are values that take some care.
var scalars = []string{
	"0", "-0", "1", "-7", "64", "64.0", "6.4e1", "64.7", "9007199254740993", "1e37", "1e38", "1e-40", "0e99999999999", "1e99999999999", "-1e-99999999999",
	strings.Repeat("9", 38), strings.Repeat("9", 39), "0.001", "-0.05", "99999999.99", "100000000", "01", "1.", "+1", "1767323045.678", "1767323045678.5", "0.1234567891",
	"true", "false", "null", "nul", `"64"`, `""`, `"OK"`, `"a b"`, `" a"`, `"a "`, `" "`, `"a,b"`, `"say \"hi\""`, `"\\N"`, `"\u0000"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`,
	`"é"`, "\"\xff\"", "\"\xc0\xaf\"", "\"a\nb\"", "\"a\x7fb\"", `"=cmd"`, `"2026-01-02T03:04:05.678+01:00"`, `"1677-12-31T23:59:59Z"`, `"2026-01-02T03:04:05,5Z"`,
	`{}`, `[]`, `{"a":1}`, `{"a":1,"\u0061":2}`, `[1,[2,{"b":1e38}]]`, `{"x": [1.50, "y"]}`, `{"place":{"room":"r"},"id":5}`, strings.Repeat("[", 63) + strings.Repeat("]", 63), strings.Repeat("[", 64) + strings.Repeat("]", 64),
}

// ordinary are members that fit the schemas' columns, and some that no column wants.
var ordinary = []struct{ name, value string }{
	{`"sensorId"`, "6"}, {`"currentTemperature"`, "64"}, {`"status"`, `"OK"`}, {`"i"`, "10"}, {`"n"`, "2.5"}, {`"s"`, `"text"`}, {`"b"`, "true"},
	{`"t"`, `"2026-01-02T03:04:05Z"`}, {`"v"`, `{"a":[1]}`}, {`"ts"`, "1.5"}, {`"tm"`, "1500"}, {`"x"`, "1"}, {`"y y"`, `"z"`}, {`"\u0078x"`, "[]"}, {`"é"`, "null"},
	{`"device"`, `{"id":1,"place":{"room":"r"},"z":2}`}, {`"device"`, `{"q":1,"id":2,"place":null}`}, {`"device"`, `{"place":{"w":"v","u":{}},"id":3}`},
}

// payloads draws some of a few layouts, mostly with values that fit. Now and then one value is another one, or the
// payload is damaged.
func payloads(t *rapid.T) [][]byte {
	layouts := make([][]int, rapid.IntRange(1, 2).Draw(t, "layouts"))
	for i := range layouts {
		from := rapid.SampledFrom([][]int{{0, 1, 2, 11}, {2, 1, 0}, {3, 4, 5, 6, 7, 8, 9, 10}, {15, 5, 8, 12}, {16, 11, 12, 5}, {17, 13, 14}, {5, 4, 3, 9}}).Draw(t, "from")
		if layouts[i] = from; rapid.Bool().Draw(t, "shuffled") {
			layouts[i] = rapid.Permutation(from).Draw(t, "order")[:rapid.IntRange(1, len(from)).Draw(t, "members")]
		}
	}
	space := rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(t, "space")
	var out [][]byte
	for range rapid.IntRange(2, 8).Draw(t, "payloads") {
		layout := rapid.SampledFrom(layouts).Draw(t, "layout")
		var members []string
		other := rapid.IntRange(0, 2*len(layout)).Draw(t, "other")
		for i, at := range layout {
			value := ordinary[at].value
			if i == other {
				value = rapid.SampledFrom(scalars).Draw(t, "value")
				if at >= 15 {
					value = strings.Replace(ordinary[at].value, rapid.SampledFrom([]string{"1", "2", "3", `"r"`, `"v"`, "{}", "null"}).Draw(t, "part"), value, 1)
				}
			}
			members = append(members, ordinary[at].name+":"+space+value)
		}
		if rapid.IntRange(0, 15).Draw(t, "doubled") == 0 {
			members = append(members, members...)
		}
		text := space + "{" + strings.Join(members, ","+space) + "}" + space
		if at := rapid.IntRange(0, 20*len(text)).Draw(t, "damage"); at < len(text) {
			text = text[:at] + rapid.SampledFrom([]string{"", "x", " ", "\x00", "\xff", "\"", ","}).Draw(t, "with") + text[at+1:]
		}
		out = append(out, []byte(text))
	}
	return out
}

// TestDecodeAgainstPlain compares rows and reasons with those of the plain implementation.
func TestDecodeAgainstPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		same(t, rapid.SampledFrom(schemas()).Draw(t, "schema"), payloads(t)...)
	})
}

// TestLearntDecoder has the cases that random payloads meet too seldom.
func TestLearntDecoder(t *testing.T) {
	for _, payloads := range [][]string{
		{`{"s":"a"}`, `{"s":" a"}`, `{"s":"a "}`, `{"s":" "}`, `{"s":"a b"}`, `{"s":""}`, `{"s":"a,"}`, `{"s":"a\\"}`, `{"s":"é"}`},
		{`{"s":"a","n":1,"i":2}`, `{"s":"b","n":1,"i":2}`, `{"s":"c","i":1}`, `{"s":"d","i":3}`, `{"s":"e","n":1,"i":2}`},
		{`{"i":1}`, `{"i":01}`, `{"i":10}`, `{"i":` + strings.Repeat("9", 38) + `}`, `{"i":` + strings.Repeat("9", 39) + `}`, `{"i":1`, `{"i":`, `{"i":1} `, `{"i":1}}`, `{"i": 1}`},
	} {
		var all [][]byte
		for _, p := range payloads {
			all = append(all, []byte(p))
		}
		same(t, everything(), all...)
	}
}

// FuzzDecodeAgainstPlain decodes two payloads in turn, so that the second meets what the first has taught.
func FuzzDecodeAgainstPlain(f *testing.F) {
	for i := range schemas() {
		f.Add(byte(i), []byte(`{"sensorId": 6,"currentTemperature": 64,"status": "OK"}`), []byte(`{"sensorId": 7,"currentTemperature": 1e1,"status": "a,\u0062"}`))
		f.Add(byte(i), []byte(`{"device":{"q":1,"id":6,"place":{"room":"x"}},"s":"y","z":[1]}`), []byte(`{"device":{"q":{},"id":7,"place":{"room":null}},"s":"","z":"w"}`))
		f.Add(byte(i), []byte(`{"v":[{}],"t":"2026-01-02T03:04:05Z","b":true,"s":"x","n":2.5,"i":1}`), []byte(`{"v":{"a":1},"t":null,"b":false,"s":"é","n":-2,"i":10}`))
	}
	f.Fuzz(func(t *testing.T, schema byte, one, two []byte) {
		all := schemas()
		same(t, all[int(schema)%len(all)], one, two, one)
	})
}

// sameEvents reads events one after the other with one reader and compares the records with the plain implementation's.
func sameEvents(t interface {
	Helper()
	Fatalf(string, ...any)
}, events ...[]byte) {
	t.Helper()
	reader := new(EventReader)
	for i, event := range events {
		got, err := reader.Read(event)
		want, ok := plainEvent(event)
		if err != nil && (strings.Contains(err.Error(), "SECRET") || len(err.Error()) > 200) {
			t.Fatalf("the error tells too much: %v", err)
		}
		if (err == nil) != ok {
			t.Fatalf("event %d %q: %v, plain implementation: %v", i, event, err, ok)
		}
		if ok && showRuns(got) != showRuns(want) {
			t.Fatalf("event %d %q:\n%s\nplain implementation:\n%s", i, event, showRuns(got), showRuns(want))
		}
	}
}

func showRuns(runs []Run) string {
	var b strings.Builder
	for _, run := range runs {
		fmt.Fprintf(&b, "%s %s\n", run.Stream, run.Shard)
		for _, r := range run.Records {
			fmt.Fprintf(&b, "  %+v %q %v %q %s\n", r.Position, r.PartitionKey, r.ArrivedAt, r.Data, r.Refused)
		}
	}
	return b.String()
}

// envelopes draws the text of one record of an event.
func envelopes(t *rapid.T, number int, order []int, extra, space string) string {
	odd := rapid.SampledFrom([]string{"key", "sequence", "data", "arrival", "shard", "id", "source", "kinesis", "other", "", "", "", "", "", "", "", "", "", ""}).Draw(t, "odd")
	pick := func(name, ordinary string, others ...string) string {
		if name != odd {
			return ordinary
		}
		return rapid.SampledFrom(others).Draw(t, name)
	}
	sequence := fmt.Sprintf("4954%06d", number)
	data := base64.StdEncoding.EncodeToString(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data"))
	if odd == "sequence" && number%2 == 0 { // the same in both places, and still none
		sequence = "49x54"
	}
	kinesis := []string{
		`"partitionKey":` + space + pick("key", fmt.Sprintf(`"key %d"`, number), `""`, `"\u00e9\n"`, `"a key with a \"quote\" in it"`, "\"a key with a \n in it\"", `"é"`, "\"a long key \xff in it\"", "\"a long key é in it\"", "7", "null", `"a\"b"`),
		`"sequenceNumber":` + space + pick("sequence", `"`+sequence+`"`, `"`+sequence+`"`, `"4954"`, `"\u0034954"`, `""`, "4954", `"49,54"`),
		`"data":` + space + pick("data", `"`+data+`"`, `"`+strings.ReplaceAll(data, "/", `\/`)+`"`, `"YQ"`, `"YQ==="`, `"Y\nQ=="`, "\"Y\nQ==\"", `"Y Q="`, `"YR=="`, "null", "[65]", `"SECRET!"`, `""`),
		`"approximateArrivalTimestamp":` + space + pick("arrival", fmt.Sprintf("176732304%d.%03d", number%10, number*7%1000), "0", "1.5", "1e9", "1767323045.6789", "1767323045.9999", "-1", "-0", "253402300799.999", "253402300800", "1e400", "01.5", `"1"`, "null", "17.", "123456789012345"),
	}
	shard := pick("shard", "shardId-000000000006", "shardId-000000000007", "a b", "", "a,b", "é")
	text := []string{
		`"eventID":` + space + pick("id", `"`+shard+":"+sequence+`"`, `"`+shard+`"`, `"x:4954"`, `"shardId-00000000000\u0036:`+sequence+`"`, "null"),
		`"eventSourceARN":` + space + pick("source", `"arn:aws:kinesis:us-east-2:1:stream/kdEntry"`, `"arn:aws:kinesis:us-east-2:1:stream/"`, `"arn:aws:kinesis:us-east-2:1:stream\/other"`, `"arn"`, "7"),
		`"kinesis":` + space + pick("kinesis", "{"+extra+strings.Join(kinesis, ","+space)+"}", "{"+kinesis[3]+","+kinesis[1]+","+kinesis[0]+","+kinesis[2]+"}", "{"+kinesis[0]+","+kinesis[0]+"}", "{}", "null", "[]"),
		pick("other", `"eventName":"aws:kinesis:record"`, `"eventName":{"a":[1,{"b":null}]}`, `"eventName":"\ud83d"`, `"eventID":"again"`, `"EventID":"x"`),
	}
	return "{" + space + text[order[0]] + "," + text[order[1]] + space + "," + text[order[2]] + "," + text[order[3]] + "}"
}

// TestEventsAgainstPlain compares records with those of the plain implementation: all orders of members, white space,
// unknown and doubled members, escapes, and values of the wrong kind.
func TestEventsAgainstPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var events [][]byte
		number := 0
		for range rapid.IntRange(1, 3).Draw(t, "events") {
			order := rapid.Permutation([]int{0, 1, 2, 3}).Draw(t, "order")
			space := rapid.SampledFrom([]string{"", " ", "\r\n"}).Draw(t, "space")
			extra := rapid.SampledFrom([]string{"", `"kinesisSchemaVersion":"1.0",`, `"encryptionType":null,`}).Draw(t, "extra")
			var records []string
			for range rapid.IntRange(0, 5).Draw(t, "records") {
				number += rapid.SampledFrom([]int{1, 1, 1, 1, 1, 1, 1, 1, 0}).Draw(t, "step")
				records = append(records, envelopes(t, number, order, extra, space))
			}
			text := rapid.SampledFrom([]string{`{"Records":[%s]}`, ` {"Records": [ %s ] } `, `{"x":{},"Records":[%s],"y":1}`, `{"Records":[%s]}{`, `[%s]`, `{"Records":[%s],"Records":[]}`, `{"records":[%s]}`, `{"Records":null}`, `{"Records":[%s`}).Draw(t, "frame")
			if rapid.IntRange(0, 3).Draw(t, "framed") > 0 {
				text = `{"Records":[%s]}`
			}
			text = strings.Replace(text, "%s", strings.Join(records, ","+space), 1)
			events = append(events, []byte(text))
		}
		sameEvents(t, events...)
	})
}

// FuzzEventsAgainstPlain reads two events in turn, so that the second meets what the first has taught.
func FuzzEventsAgainstPlain(f *testing.F) {
	usual := `{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"k","sequenceNumber":"10","data":"YWJj","approximateArrivalTimestamp":1.5},"eventID":"s-1:10","eventSourceARN":":stream/x"},` +
		`{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"l","sequenceNumber":"11","data":"YQ==","approximateArrivalTimestamp":2.25},"eventID":"s-1:11","eventSourceARN":":stream/x"}]}`
	f.Add([]byte(usual), []byte(usual))
	f.Add([]byte(usual), []byte(strings.ReplaceAll(usual, "YQ==", `Y\nQ==`)))
	f.Add([]byte(`{"Records":null}`), []byte(`{}`))
	f.Fuzz(func(t *testing.T, one, two []byte) { sameEvents(t, one, two, one) })
}

// TestBase64 compares with the standard library, all single faults included.
func TestBase64(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(base64.StdEncoding.EncodeToString(rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "data")))
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			from := rapid.IntRange(0, len(text)).Draw(t, "from")
			to := min(len(text), from+rapid.IntRange(0, 1).Draw(t, "length"))
			text = slices.Concat(text[:from], []byte(rapid.SampledFrom([]string{"", "=", "A", "\n", "-", "\xff", "=="}).Draw(t, "with")), text[to:])
		}
		want, err := base64.StdEncoding.AppendDecode([]byte("before"), text)
		got, ok := appendBase64([]byte("before"), text)
		if clean := err == nil && !bytes.ContainsAny(text, "\r\n"); ok != clean || ok && !bytes.Equal(got, want) {
			t.Fatalf("%q: %q %v, the standard library has %q %v", text, got, ok, want, err)
		}
	})
}

// TestEight holds the steps of eight bytes against those of one.
func TestEight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digit := rapid.ByteRange('0', '9')
		text := append(rapid.SliceOfN(digit, 0, 30).Draw(t, "digits"), rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "rest")...)
		count := func(fits func(c byte) bool) int {
			n := 0
			for n < len(text) && fits(text[n]) {
				n++
			}
			return n
		}
		if got, want := digits(text), count(func(c byte) bool { return c >= '0' && c <= '9' }); got != want {
			t.Fatalf("%q starts with %d digits, not %d", text, want, got)
		}
		if got, want := bare(text), count(func(c byte) bool { return c >= ' ' && c < 0x80 && c != '"' && c != '\\' }); got != want {
			t.Fatalf("%q starts with %d characters, not %d", text, want, got)
		}
		if n := digits(text); n >= 8 {
			got, want := numberOf(binary.LittleEndian.Uint64(text)), int64(0)
			for _, c := range text[:8] {
				want = want*10 + int64(c-'0')
			}
			if got != want {
				t.Fatalf("%q starts with %d, not %d", text, want, got)
			}
		}
	})
}

// TestNothingIsLeftOver: what a reader and a decoder keep from event to event must not show in the next one.
func TestNothingIsLeftOver(t *testing.T) {
	event := func(n, from int) []byte {
		var records []string
		for i := range n {
			sequence := fmt.Sprintf("49%06d", from+i)
			payload, _ := json.Marshal(map[string]any{"sensorId": from + i, "currentTemperature": i, "status": strings.Repeat("x", i%7)})
			records = append(records, fmt.Sprintf(`{"kinesis":{"partitionKey":"k%d","sequenceNumber":%q,"data":%q,"approximateArrivalTimestamp":%d.%03d},"eventID":"s:%s","eventSourceARN":":stream/x"}`,
				i, sequence, base64.StdEncoding.EncodeToString(payload), 1767323045+from+i, i, sequence))
		}
		return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
	}
	reader, decoder := new(EventReader), NewDecoder(Sensor())
	for _, n := range []int{50, 3, 70, 1, 50} {
		runs, err := reader.Read(event(n, n))
		if err != nil || len(runs) != 1 || len(runs[0].Records) != n {
			t.Fatalf("%d records: %v, %v", n, runs, err)
		}
		kept := runs[0].Records[0].Position
		got := string(decoder.Cut(runs[0].Records, "", int64(n)).CSV)
		fresh, _ := new(EventReader).Read(event(n, n))
		if want := string(NewDecoder(Sensor()).Cut(fresh[0].Records, "", int64(n)).CSV); got != want {
			t.Fatalf("%d records:\n%s\nwant:\n%s", n, got, want)
		}
		if _, err := reader.Read(event(90, 500)); err != nil || kept.Sequence != fmt.Sprintf("49%06d", n) {
			t.Fatalf("the position became %v, %v", kept, err)
		}
	}
}
