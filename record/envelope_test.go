package record

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// wrapped is a schema of one column, x, at a path in an envelope.
func wrapped(e Envelope, path string) Schema {
	return Schema{Envelope: e, Columns: []Column{{Path: strings.Split(path, "."), Name: "X", Type: Variant}}}
}

func TestEnvelopes(t *testing.T) {
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, tt := range []struct {
		envelope            Envelope
		path, payload, want string
	}{
		{DMS, "data.id", `{"data":{"id":1.50},"metadata":{"record-type":"data","operation":"insert"}}`, "<1.50>"},
		{DMS, "metadata.operation", `{"data":{"id":1},"metadata":{"record-type":"data","operation":"load"}}`, `<"load">`},
		{DMS, "data.id", `{"metadata":{"record-type":"control","operation":"create-table"}}`, "control_record"},
		{DMS, "data.id", `{"data":{"id":1}}`, "wrong_envelope"},
		{DMS, "data.id", `{"data":{"id":1},"metadata":{"record-type":"else"}}`, "wrong_envelope"},
		{DMS, "data.id", `{"data":{"id":1},"metadata":"data"}`, "wrong_envelope"},
		{DMS, "data.id", `[]`, "not_object"},
		{DMS, "data.id", ``, "empty"},
		{DMS, "data.id", `{"data":`, "not_json"},
		{DMS, "data.id", `{"data":{},"data":{}}`, "duplicate_field"},
		{Debezium, "after.id", `{"before":null,"after":{"id":1},"source":{"table":"t"},"op":"c","ts_ms":1}`, "<1>"},
		{Debezium, "after.id", `{"schema":{"type":"struct"},"payload":{"before":null,"after":{"id":2},"source":{},"op":"u"}}`, "<2>"},
		{Debezium, "before.id", `{"schema":null,"payload":{"before":{"id":3},"after":null,"source":{},"op":"d"}}`, "<3>"},
		{Debezium, "after.id", ``, "tombstone"},
		{Debezium, "after.id", ` null `, "tombstone"},
		{Debezium, "after.id", `{"schema":null,"payload":null}`, "tombstone"},
		{Debezium, "after.id", `{"schema":null,"payload":7}`, "wrong_envelope"},
		{Debezium, "after.id", `{"ts_ms":1767323045678}`, "control_record"},
		{Debezium, "after.id", `{"schema":{},"payload":{"ts_ms":1767323045678}}`, "control_record"},
		{Debezium, "after.id", `{"status":"BEGIN","id":"571:1","event_count":null,"data_collections":null,"ts_ms":1}`, "control_record"},
		{Debezium, "after.id", `{"source":{},"databaseName":"d","ddl":"CREATE TABLE t","tableChanges":[]}`, "control_record"},
		{Debezium, "after.id", `{"source":{},"op":"t","ts_ms":1}`, "control_record"},
		{Debezium, "after.id", `{"op":"m","source":{},"message":{"prefix":"p","content":"x"}}`, "control_record"},
		{Debezium, "after.id", `{"id":1,"name":"flat"}`, "wrong_envelope"},
		{DynamoDB, "dynamodb.NewImage", `{"eventName":"INSERT","dynamodb":{"NewImage":{"n":{"N":"12345678901234567890.50"},"s":{"S":"a\u0000"},"b":{"B":"AAE="},"t":{"BOOL":true},` +
			`"z":{"NULL":true},"m":{"M":{"x":{"L":[{"N":"1E-3"},{"S":""}]}}},"ns":{"NS":["1","-2.5"]},"ss":{"SS":["a"]},"bs":{"BS":["AA=="]},"e":{"M":{}},"l":{"L":[]}}}}`,
			`<{"n":12345678901234567890.50,"s":"a\u0000","b":"AAE=","t":true,"z":null,"m":{"x":[1E-3,""]},"ns":[1,-2.5],"ss":["a"],"bs":["AA=="],"e":{},"l":[]}>`},
		{DynamoDB, "dynamodb.Keys.id", `{"eventName":"REMOVE","dynamodb":{"Keys":{"id":{"S":"x"}},"OldImage":null}}`, `<"x">`},
		{DynamoDB, "eventName", `{"eventName":"REMOVE","dynamodb":{"SizeBytes":5}}`, `<"REMOVE">`},
		{DynamoDB, "dynamodb.Keys", `{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"N":"NaN"}}}}`, "wrong_envelope"},
		{DynamoDB, "dynamodb.Keys", `{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"N":1}}}}`, "wrong_envelope"},
		{DynamoDB, "dynamodb.Keys", `{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a","N":"1"}}}}`, "wrong_envelope"},
		{DynamoDB, "dynamodb.Keys", `{"eventName":"INSERT","dynamodb":{"Keys":{"id":{}}}}`, "wrong_envelope"},
		{DynamoDB, "dynamodb.Keys", `{"eventName":"INSERT","dynamodb":{"Keys":{"id":"plain"}}}`, "wrong_envelope"},
		{DynamoDB, "dynamodb.Keys", `{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"X":"1"}}}}`, "wrong_envelope"},
		{DynamoDB, "dynamodb.Keys", `{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"N":"1"},"id":{"N":"2"}}}}`, "duplicate_field"},
		{DynamoDB, "dynamodb.Keys", `{"Records":[]}`, "wrong_envelope"},
		{EventBridge, "detail.x", `{"version":"0","id":"1","detail-type":"T","source":"s","detail":{"x":1}}`, "<1>"},
		{EventBridge, "detail.x", `{"detail":{"x":1}}`, "wrong_envelope"},
		{CloudWatch, "logEvents.message", `{"messageType":"DATA_MESSAGE","logGroup":"g","logEvents":{"message":"m"}}`, `<"m">`},
		{CloudWatch, "logEvents.message", `{"messageType":"CONTROL_MESSAGE","logGroup":"","logEvents":{"message":"CWL CONTROL MESSAGE"}}`, "control_record"},
		{CloudWatch, "logEvents.message", `{"logEvents":{"message":"m"}}`, "wrong_envelope"},
		{Firehose, "records.data.a", `{"requestId":"r","records":{"data":"` + encoded(` {"a":1} `) + `"}}`, "<1>"},
		{Firehose, "records.data", `{"requestId":"r","records":{"data":"` + encoded("a log line\n") + `"}}`, `<"a log line">`},
		{Firehose, "requestId", `{"requestId":"r","records":{"data":"` + encoded(`{}`) + `"}}`, `<"r">`},
		{Firehose, "records.data", `{"records":{"data":"` + encoded(`{"a":`) + `"}}`, "not_json"},
		{Firehose, "records.data", `{"records":{"data":"` + encoded("\xff") + `"}}`, "not_utf8"},
		{Firehose, "records.data", `{"records":{"data":"e3"}}`, "bad_encoding"},
		{Firehose, "records.data", `{"records":{"data":1}}`, "wrong_envelope"},
		{Firehose, "records.data", `{"records":null}`, "wrong_envelope"},
		{IoT, "state.reported.t", `{"state":{"reported":{"t":1}},"version":1}`, "<1>"},
		{IoT, "state.reported.t", `{"clientId":"c","timestamp":1,"eventType":"connected","sessionIdentifier":"s","versionNumber":0}`, "control_record"},
		{IoT, "eventType", `{"eventType":"connected","t":1}`, `<"connected">`},
	} {
		s := wrapped(tt.envelope, tt.path)
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		d := NewDecoder(s)
		for range 2 {
			row, reason := d.Decode([]byte(tt.payload))
			got := show(row)
			if reason != nil {
				got = string(reason.Code)
			}
			line, why := d.AppendRow(nil, &Record{Data: []byte(tt.payload)}, "", 1)
			if (why == nil) != (reason == nil) || why != nil && why.Code != reason.Code || len(line) > 0 != (why == nil) {
				t.Errorf("%s %s: AppendRow %q %+v, Decode %s", tt.envelope, tt.payload, line, why, got)
			}
			if got != tt.want {
				t.Errorf("%s %s:\n got %s\nwant %s", tt.envelope, tt.payload, got, tt.want)
			}
		}
	}
}

// TestControlRows: where control records become rows, only a tombstone stays aside.
func TestControlRows(t *testing.T) {
	s := wrapped(Debezium, "ts_ms")
	s.Control = Rows
	d := NewDecoder(s)
	if row, reason := d.Decode([]byte(`{"ts_ms":1}`)); reason != nil || show(row) != "<1>" {
		t.Errorf("%s %+v", show(row), reason)
	}
	if _, reason := d.Decode(nil); reason == nil || reason.Code != Tombstone || !reason.Code.Aside() {
		t.Errorf("%+v", reason)
	}
}

// attribute draws a value as DynamoDB types it, and as plain JSON has it.
func attribute(t *rapid.T, depth int) (typed, plain any) {
	switch rapid.IntRange(0, 7-max(0, 2*(depth-2))).Draw(t, "type") {
	case 0:
		s := rapid.String().Draw(t, "s")
		return map[string]any{"S": s}, s
	case 1, 2:
		n := rapid.StringMatching(`-?(0|[1-9][0-9]{0,37})(\.[0-9]{1,10})?(E[+-][0-9]{1,2})?`).Draw(t, "n")
		return map[string]any{"N": n}, json.Number(n)
	case 3:
		return map[string]any{"NULL": true}, nil
	case 4:
		b := rapid.Bool().Draw(t, "b")
		return map[string]any{"BOOL": b}, b
	case 5:
		return map[string]any{"NS": []string{"1", "2.50"}}, []any{json.Number("1"), json.Number("2.50")}
	case 6:
		typed, plain := []any{}, []any{}
		for range rapid.IntRange(0, 3).Draw(t, "list") {
			a, b := attribute(t, depth+1)
			typed, plain = append(typed, a), append(plain, b)
		}
		return map[string]any{"L": typed}, plain
	}
	of, as := map[string]any{}, map[string]any{}
	for range rapid.IntRange(0, 3).Draw(t, "map") {
		name := rapid.String().Draw(t, "name")
		of[name], as[name] = attribute(t, depth+1)
	}
	return map[string]any{"M": of}, as
}

// TestDynamoDBIsExact: any tree of typed values is the same tree of plain ones, each number with the digits it had.
func TestDynamoDBIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typed, plain := attribute(t, 0)
		payload, err := json.Marshal(map[string]any{"eventName": "INSERT", "dynamodb": map[string]any{"NewImage": map[string]any{"v": typed}}})
		if err != nil {
			t.Fatal(err)
		}
		out, code := openDynamoDB(payload)
		if code != OK {
			t.Fatalf("%s: %s", payload, code)
		}
		var got struct {
			DynamoDB struct{ NewImage struct{ V json.RawMessage } }
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		want, _ := json.Marshal(plain)
		a, b := compact(t, got.DynamoDB.NewImage.V), compact(t, want)
		if a != b {
			t.Fatalf("%s\n got %s\nwant %s", payload, a, b)
		}
	})
}

// compact is JSON with its numbers as they stand.
func compact(t *rapid.T, text []byte) string {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	out, _ := json.Marshal(v)
	return string(out)
}

// FuzzEnvelopes: no envelope panics, and what is opened is JSON where the payload was.
func FuzzEnvelopes(f *testing.F) {
	for e := range Envelopes() {
		f.Add(byte(e), []byte(`{"metadata":{"record-type":"data"},"op":"c","after":{},"source":{},"eventName":"X","dynamodb":{"Keys":{"a":{"N":"1"}}},"messageType":"DATA_MESSAGE","logEvents":[],"records":{"data":"e30="}}`))
		f.Add(byte(e), []byte(`{"schema":1,"payload":{"ts_ms":1}}`))
	}
	f.Fuzz(func(t *testing.T, e byte, payload []byte) {
		s := Schema{Envelope: Envelope(int(e) % len(envelopeNames)), Columns: []Column{{Path: []string{"x"}, Name: "X", Type: Variant}}}
		out, code := s.Open(payload)
		if code == OK && json.Valid(payload) && !json.Valid(out) {
			t.Fatalf("%s of %q is %q", s.Envelope, payload, out)
		}
		_, _ = NewDecoder(s).Decode(payload)
	})
}
