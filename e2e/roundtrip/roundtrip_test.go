// Package roundtrip asks one question of arbitrary bytes: what a payload says, what our CSV says, and what a table holds
// after a COPY of that CSV, is that the same?
package roundtrip

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/local/warehouse"
	"github.com/snowstream/snowstream/record"
)

const (
	bucket = "raw"
	file   = "kinesiscsv/one.csv"
	shard  = "shardId-000000000000"
)

// texts is a schema in which texts stand at the start, in the middle and in front of the lineage.
func texts() record.Schema {
	return record.Schema{Columns: []record.Column{
		{Path: []string{"first"}, Name: "FIRST", Type: record.String},
		{Path: []string{"n"}, Name: "N", Type: record.Integer},
		{Path: []string{"second"}, Name: "SECOND", Type: record.String},
	}}
}

// landing is a warehouse with a table, and the one object that it loads.
type landing struct {
	db      *snowflake.DB
	object  atomic.Pointer[string]
	decoder *record.Decoder
	copy    string
	query   string
	ordinal int64
}

func newLanding(t testing.TB) *landing {
	l := &landing{decoder: record.NewDecoder(texts())}
	s3 := httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(s3.Close)
	names := schema.Defaults()
	server, err := warehouse.Open(warehouse.Config{
		Dir: t.TempDir(), Account: "a", S3Endpoint: s3.URL, Region: "us-east-1", AccessKeyID: "local", SecretAccessKey: "local", AccountID: "000000000000",
		Users: []warehouse.User{{Name: "U", Password: "a password", DefaultRole: "R", DefaultWarehouse: "W", Database: names.Database, Schema: names.Schema}},
	})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server)
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		front.Close()
	})
	if l.db, err = snowflake.Open(snowflake.Config{Account: "a", User: "U", Password: "a password", Endpoint: front.URL, Database: names.Database, Schema: names.Schema}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.db.Close() })
	for _, statement := range append(schema.Tables(names, texts()), schema.Integration(names, bucket, "arn:aws:iam::000000000000:role/r"), schema.Stage(names, bucket)) {
		if _, err := l.db.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	_, pipe, _ := strings.Cut(schema.Pipe(names), " AS\n")
	l.copy = pipe + " FILES = ('one.csv') FORCE = TRUE" // as the pipe loads it, again and again
	l.query = `SELECT "FIRST", "SECOND", "_ORDINAL" FROM ` + names.In(names.Microbatch) + ` WHERE "_ORDINAL" > ? ORDER BY "_ORDINAL"`
	return l
}

// serve is a bucket with one object.
func (l *landing) serve(w http.ResponseWriter, r *http.Request) {
	body := *l.object.Load()
	if r.URL.Query().Get("list-type") == "2" {
		fmt.Fprintf(w, `<ListBucketResult><Name>%s</Name><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated><Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>"e%d"</ETag><Size>%d</Size></Contents></ListBucketResult>`,
			bucket, file, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), l.ordinal, len(body))
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"e%d"`, l.ordinal))
	w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(body))
}

// check lands rows of two texts, nil for NULL, and reads them back.
func (l *landing) check(t *testing.T, rows [][2]*string) {
	t.Helper()
	var records []record.Record
	for i, row := range rows {
		data, err := json.Marshal(map[string]any{"first": row[0], "n": 1, "second": row[1]})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record.Record{
			Position: record.Position{Shard: shard, Sequence: fmt.Sprint(l.ordinal + int64(i) + 1)}, ArrivedAt: time.UnixMilli(1700000000000), Data: data,
		})
	}
	batch := l.decoder.Cut(records, "", l.ordinal+1)
	if len(batch.Rejected) > 0 {
		t.Fatalf("%q was rejected: %+v", records[0].Data, batch.Rejected[0].Reason)
	}
	l.object.Store(new(string(batch.CSV)))
	if _, err := l.db.Exec(t.Context(), l.copy); err != nil {
		t.Fatalf("COPY of %q: %v", batch.CSV, err)
	}
	n := 0
	err := l.db.Query(t.Context(), func(scan func(...any) error) error {
		var got [2]*string
		var ordinal int64
		if err := scan(&got[0], &got[1], &ordinal); err != nil {
			return err
		}
		for i, want := range rows[n] {
			if (got[i] == nil) != (want == nil) || want != nil && *got[i] != *want {
				t.Errorf("column %d of row %d: %s became %s", i, n, show(want), show(got[i]))
			}
		}
		n++
		return nil
	}, l.query, l.ordinal)
	if err != nil || n != len(rows) {
		t.Fatalf("%d of %d rows came back, %v", n, len(rows), err)
	}
	l.ordinal += int64(len(rows))
}

func show(text *string) string {
	if text == nil {
		return "NULL"
	}
	return fmt.Sprintf("%q", *text)
}

// FuzzCopy lands arbitrary bytes in all places of a line: beside each other, beside NULL, alone in a line.
func FuzzCopy(f *testing.F) {
	hostile := []string{"", ",", `"`, `""`, "\r", "\n", "\r\n", "\r\n\r\n", `\N`, `\`, `\n`, " ", " a ", "\t", "=cmd", "NULL", "\x00", "é😀\u2028\ufeff", "a,b\n\"c\"", `"\N"`, "'", "#", "--", "\x1a"}
	for i, s := range hostile {
		f.Add([]byte(s), []byte(hostile[(i+7)%len(hostile)]))
	}
	l := newLanding(f)
	f.Fuzz(func(t *testing.T, first, second []byte) {
		a, b := text(first), text(second)
		joined := a + "\r\n" + b
		l.check(t, [][2]*string{{&a, &b}, {&b, nil}, {nil, &a}, {&joined, &joined}, {nil, nil}})
	})
}

// text is what the bytes say; where they are no UTF-8, which no text column holds, each is a character.
func text(bytes []byte) string {
	if utf8.Valid(bytes) {
		return string(bytes)
	}
	runes := make([]rune, len(bytes))
	for i, b := range bytes {
		runes[i] = rune(b)
	}
	return string(runes)
}
