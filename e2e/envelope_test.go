package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/internal/long"
)

// wrapping is an envelope's sample: how a record that lands is written, and ten oddities that do not, with their reasons.
type wrapping struct {
	schema string
	// record is the payload of the i-th record and the rows that it becomes: each its columns as text, "<NULL>" for NULL.
	record func(i int) (payload string, rows []string)
	odd    []odd
}

type odd struct{ payload, code string }

func gzipText(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close() // a buffer takes everything
	return b.String()
}

const broken = `{"a":`

// wrappings are the envelopes, with columns of each type among them.
func wrappings() map[string]wrapping {
	return map[string]wrapping{
		"dms": {
			schema: `columns:
  - {field: data.id, type: integer, required: true, column: ID}
  - {field: data.price, type: "number(38,5)", column: PRICE}
  - {field: data.ratio, type: float, column: RATIO}
  - {field: data.day, type: date, column: DAY}
  - {field: data.clock, type: time, column: CLOCK}
  - {field: metadata.timestamp, type: timestamp(6), forms: [iso8601], column: AT}
  - {field: metadata.operation, type: string, column: OP}
envelope: dms`,
			record: func(i int) (string, []string) {
				price, ratio := fmt.Sprintf("%d90071992547409930.12345", i+1), []string{"0.1", "1e+300", "5e-324", "2.718281828459045"}[i%4]
				return fmt.Sprintf(`{"data":{"id":%d,"price":%s,"ratio":%s,"day":"%04d-02-28","clock":"%02d:59:59.000001"},"metadata":{"timestamp":"1969-12-31T23:59:59.5Z","record-type":"data","operation":"insert"}}`, i, price, ratio, i+1, i%24),
					[]string{fmt.Sprintf("%d|%s|%s|%04d-02-28|%02d:59:59.000001|1969-12-31 23:59:59.500000|insert", i, price, ratio, i+1, i%24)}
			},
			odd: []odd{
				{`{"metadata":{"record-type":"control","operation":"create-table"}}`, "control_record"}, {`{"data":{"id":1}}`, "wrong_envelope"},
				{`{"data":{"id":1.5},"metadata":{"record-type":"data"}}`, "not_exact"}, {broken, "not_json"},
				{`{"data":{"id":1,"ratio":9007199254740993},"metadata":{"record-type":"data"}}`, "not_exact"},
				{`{"data":{"id":1,"day":"2026-02-29"},"metadata":{"record-type":"data"}}`, "wrong_type"},
				{`{"data":{"id":1,"clock":"24:00:00"},"metadata":{"record-type":"data"}}`, "wrong_type"},
				{`{"data":{"id":1},"metadata":{"record-type":"data","timestamp":"2026-01-02T03:04:05"}}`, "wrong_type"},
				{`{"data":{},"metadata":{"record-type":"data"}}`, "missing_field"}, {"", "empty"},
			},
		},
		"debezium": {
			schema: `columns:
  - {field: op, type: string, required: true}
  - {field: after.id, type: integer, column: ID}
  - {field: before.id, type: integer, column: OLD_ID}
  - {field: source.ts_ms, type: timestamp(milliseconds), column: AT}
envelope: debezium`,
			record: func(i int) (string, []string) {
				const source = `"source":{"ts_ms":1767323045678}`
				switch i % 3 {
				case 0:
					return fmt.Sprintf(`{"before":null,"after":{"id":%d},%s,"op":"c"}`, i, source), []string{fmt.Sprintf("c|%d|<NULL>|2026-01-02 03:04:05.678000", i)}
				case 1:
					return fmt.Sprintf(`{"schema":{"type":"struct"},"payload":{"before":{"id":%d},"after":{"id":%d},%s,"op":"u"}}`, i, i+1, source), []string{fmt.Sprintf("u|%d|%d|2026-01-02 03:04:05.678000", i+1, i)}
				}
				return fmt.Sprintf(`{"before":{"id":%d},"after":null,%s,"op":"d"}`, i, source), []string{fmt.Sprintf("d|<NULL>|%d|2026-01-02 03:04:05.678000", i)}
			},
			odd: []odd{
				{" ", "tombstone"}, {"null", "tombstone"}, {`{"schema":null,"payload":null}`, "tombstone"}, {`{"ts_ms":1}`, "control_record"},
				{`{"status":"END","id":"1","event_count":2}`, "control_record"}, {`{"source":{},"ddl":"DROP TABLE t"}`, "control_record"}, {`{"id":1}`, "wrong_envelope"},
				{broken, "not_json"}, {`[]`, "not_object"}, {`{"op":"c","after":{"id":"1"},"source":{}}`, "wrong_type"},
			},
		},
		"dynamodb": {
			schema: `columns:
  - {field: eventName, type: string, column: OP}
  - {field: dynamodb.Keys.id, type: string, required: true, column: ID}
  - {field: dynamodb.NewImage.amount, type: "number(38,10)", column: AMOUNT}
  - {field: dynamodb.NewImage.more, type: variant, column: MORE}
envelope: dynamodb`,
			record: func(i int) (string, []string) {
				return fmt.Sprintf(`{"eventName":"INSERT","tableName":"t","dynamodb":{"Keys":{"id":{"S":"k%d"}},"NewImage":{"amount":{"N":"%d000000000000000001.0123456789"},"more":{"M":{"a":{"NS":["1","2.5"]},"b":{"NULL":true}}}}}}`, i, i+1),
					[]string{fmt.Sprintf(`INSERT|k%d|%d000000000000000001.0123456789|{"a":[1,2.5],"b":null}`, i, i+1)}
			},
			odd: []odd{
				{`{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"x"}},"NewImage":{"amount":{"N":"NaN"}}}}`, "wrong_envelope"}, {broken, "not_json"},
				{`{"eventName":"INSERT","dynamodb":{"Keys":{"id":"x"}}}`, "wrong_envelope"}, {`{"Records":[]}`, "wrong_envelope"}, {"", "empty"},
				{`{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"N":"1"}}}}`, "wrong_type"}, {`{"eventName":"INSERT","dynamodb":{"Keys":{}}}`, "missing_field"},
				{`{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"x"}},"NewImage":{"amount":{"N":"0.00000000001"}}}}`, "not_exact"},
				{`{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"},"id":{"S":"b"}}}}`, "duplicate_field"}, {`[]`, "not_object"},
			},
		},
		"eventbridge": {
			schema: `columns:
  - {field: detail-type, type: string, column: KIND}
  - {field: time, type: timestamp, column: AT}
  - {field: detail.items.sku, type: string, column: SKU}
  - {field: detail.items.n, type: integer, required: true, column: N}
envelope: eventbridge
explode: $.detail.items
payload: concatenated`,
			record: func(i int) (string, []string) {
				one := func(i int) string {
					return fmt.Sprintf(`{"version":"0","source":"shop","detail-type":"Order","time":"2026-01-02T03:04:05Z","detail":{"items":[{"sku":"a]","n":%d},{"sku":"b","n":%d}]}}`, i, -i-1)
				}
				var rows []string
				for _, n := range []int{i, i + 100000} {
					rows = append(rows, fmt.Sprintf("Order|2026-01-02 03:04:05.000000|a]|%d", n), fmt.Sprintf("Order|2026-01-02 03:04:05.000000|b|%d", -n-1))
				}
				return one(i) + one(i+100000), rows
			},
			odd: []odd{
				{`{"detail":{"items":[{"n":1}]}}`, "wrong_envelope"}, {broken, "not_json"}, {`garbage`, "not_json"}, {"", "empty"}, {"[]", "not_object"},
				{`{"source":"s","detail-type":"t","detail":{"items":[{"n":NaN}]}}`, "not_json"}, {`{"source":"s","detail-type":"t","detail":{"items":[]}}`, "missing_field"},
				{`{"source":"s","detail-type":"t","detail":{"items":[{"n":1,"n":2}]}}`, "duplicate_field"}, {`{"source":"s","detail-type":"t","detail":{"items":[{"n":"1"}]}}`, "wrong_type"},
				{`{"source":"s","detail-type":"t","time":"now","detail":{"items":[{"n":1}]}}`, "wrong_type"},
			},
		},
		"cloudwatch-logs": {
			schema: `columns:
  - {field: logGroup, type: string, column: LOG_GROUP}
  - {field: logEvents.id, type: string, required: true, column: ID}
  - {field: logEvents.timestamp, type: timestamp(milliseconds), column: AT}
  - {field: logEvents.message, type: string, column: MESSAGE}
envelope: cloudwatch-logs`,
			record: func(i int) (string, []string) {
				text := gzipText(fmt.Sprintf(`{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":[{"id":"%da","timestamp":1767323045678,"message":"{\"x\":[1]}"},{"id":"%db","timestamp":0,"message":""}]}`, i, i))
				if i%2 == 1 {
					text += "\n"
				}
				return text, []string{fmt.Sprintf(`g|%da|2026-01-02 03:04:05.678000|{"x":[1]}`, i), fmt.Sprintf("g|%db|1970-01-01 00:00:00.000000|", i)}
			},
			odd: []odd{
				{gzipText(`{"messageType":"CONTROL_MESSAGE","logGroup":"","logEvents":[{"id":"","message":"CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."}]}`), "control_record"},
				{gzipText(`{"logEvents":[{"id":"a"}]}`), "wrong_envelope"}, {gzipText("{}")[:14], "bad_compression"}, {broken, "not_json"}, {"", "empty"},
				{`{"messageType":"DATA_MESSAGE","logEvents":[{"id":1}]}`, "wrong_type"}, {`{"messageType":"DATA_MESSAGE","logEvents":[{}]}`, "missing_field"}, {"x", "not_json"},
				{`{"messageType":"DATA_MESSAGE","logEvents":[]}`, "missing_field"}, {"\x03\x00" + strings.Repeat("u", 20), "schema_registry"},
			},
		},
		"firehose": {
			schema: `columns:
  - {field: requestId, type: string, column: REQUEST}
  - {field: records.data.id, type: integer, required: true, column: ID}
envelope: firehose
encoding: base64`,
			record: func(i int) (string, []string) {
				data := base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf(`{"id":%d}`+"\n", i)))
				return base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf(`{"requestId":"r%d","timestamp":1,"records":[{"data":"%s"}]}`, i, data))), []string{fmt.Sprintf("r%d|%d", i, i)}
			},
			odd: func() (list []odd) {
				for _, o := range []odd{
					{`{"records":[{"data":"e3"}]}`, "bad_encoding"}, {`{"records":[{"data":1}]}`, "wrong_envelope"}, {`{"records":[]}`, "wrong_envelope"}, {broken, "not_json"},
					{`{"records":[{"data":"eyJpZCI6"}]}`, "not_json"}, {`{"records":[{"data":"bG9n"}]}`, "wrong_type"}, {`{"records":[{"data":"e30="}]}`, "missing_field"}, {`[]`, "not_object"},
				} {
					list = append(list, odd{base64.StdEncoding.EncodeToString([]byte(o.payload)), o.code})
				}
				return append(list, odd{"no, base64", "bad_encoding"}, odd{"", "empty"})
			}(),
		},
		"iot": {
			schema: `columns:
  - {field: clientToken, type: string, column: CLIENT}
  - {field: state.reported.t, type: "number(10,2)", column: T, accept: [numeric-text]}
  - {field: timestamp, type: timestamp(seconds), required: true, column: AT}
envelope: iot
payload: auto`,
			record: func(i int) (string, []string) {
				list := fmt.Sprintf(`[{"state":{"reported":{"t":"%d.25"}},"timestamp":1767323045,"clientToken":"c"},{"timestamp":0}]`, i)
				return list, []string{fmt.Sprintf("c|%d.25|2026-01-02 03:04:05.000000", i), "<NULL>|<NULL>|1970-01-01 00:00:00.000000"}
			},
			odd: []odd{
				{`{"clientId":"c","eventType":"connected","sessionIdentifier":"s","timestamp":1}`, "control_record"}, {broken, "not_json"}, {"", "empty"}, {"[1]", "not_object"},
				{`{"timestamp":"1"}`, "wrong_type"}, {`{"timestamp":1e12}`, "out_of_range"}, {`{}`, "missing_field"}, {`{"timestamp":null}`, "null_field"},
				{`{"timestamp":1,"timestamp":2}`, "duplicate_field"}, {`{"timestamp":1,"state":{"reported":{"t":"1.255"}}}`, "not_exact"},
			},
		},
	}
}

// show is the query that writes a row as text, without what a session's formats may change.
func (w wrapping) show(t *testing.T) string {
	t.Helper()
	var parts []string
	for _, line := range strings.Split(w.schema, "\n") {
		_, name, ok := strings.Cut(line, "column: ")
		if !ok && strings.Contains(line, "field: op,") {
			name, ok = "OP}", true
		}
		if !ok {
			continue
		}
		column := `"` + strings.TrimRight(strings.Split(name, ",")[0], "}") + `"`
		text := "TO_VARCHAR(" + column + ")"
		switch {
		case strings.Contains(line, "type: timestamp"):
			text = "TO_VARCHAR(" + column + ", 'YYYY-MM-DD HH24:MI:SS.FF6')"
		case strings.Contains(line, "type: date"):
			text = "TO_VARCHAR(" + column + ", 'YYYY-MM-DD')"
		case strings.Contains(line, "type: time,"):
			text = "TO_VARCHAR(" + column + ", 'HH24:MI:SS.FF6')"
		case strings.Contains(line, "type: variant"):
			text = "TO_JSON(" + column + ")"
		}
		parts = append(parts, "COALESCE("+text+", '<NULL>')")
	}
	return strings.Join(parts, " || '|' || ")
}

// TestEnvelopes: 1,000 records of each envelope, ten of them odd. All rows are in both tables, the odd ones in quarantine with
// their reasons, and the audit finds nothing, with values compared.
func TestEnvelopes(t *testing.T) {
	long.Test(t)
	for name, w := range wrappings() {
		t.Run(name, func(t *testing.T) { w.land(t) })
	}
}

func (w wrapping) land(t *testing.T) {
	file := filepath.Join(t.TempDir(), "schema.yaml")
	if err := os.WriteFile(file, []byte(w.schema), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l := start(t, dir, "--rate", "0.001", "--batch-size", "250", "--batch-window", "1s", "--schema", file)
	o := join(t, l.ready(t, dir))
	var payloads []string
	want, codes := map[string]int{}, map[string]int{}
	rows := 0
	for i := range 1000 {
		if i%100 == 50 {
			odd := w.odd[i/100]
			payloads = append(payloads, odd.payload)
			codes[odd.code]++
			continue
		}
		payload, list := w.record(i)
		payloads = append(payloads, payload)
		for _, row := range list {
			want[row]++
			rows++
		}
	}
	o.put(t, payloads)
	for _, table := range []string{"KINESIS_SENSORS_STREAMING", "KINESIS_SENSORS_MICROBATCH"} {
		o.until(t, int64(rows), "SELECT COUNT(*) FROM "+table)
		left := map[string]int{}
		for row, n := range want {
			left[row] = n
		}
		answer, err := o.db.QueryContext(t.Context(), "SELECT "+w.show(t)+" FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		for answer.Next() {
			var row string
			if err := answer.Scan(&row); err != nil {
				t.Fatal(err)
			}
			if left[row]--; left[row] < 0 {
				t.Fatalf("%s has a row that no record means: %s", table, row)
			}
		}
		if err := answer.Err(); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]int{}
	for _, e := range quarantineOf(t, dir, "--aside") {
		got[e.Reason.Code]++
	}
	if fmt.Sprint(got) != fmt.Sprint(codes) {
		t.Errorf("in quarantine %v, want %v", got, codes)
	}
	var verdict struct{ OK bool }
	if text := command(t, "audit", "--deep", "--json", "--data", dir); json.Unmarshal([]byte(text), &verdict) != nil || !verdict.OK {
		t.Errorf("the audit is not clean: %s", text)
	}
	l.stop(t).complete(t)
}
