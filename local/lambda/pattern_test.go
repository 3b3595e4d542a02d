package lambda

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func patterns(texts ...string) *types.FilterCriteria {
	c := &types.FilterCriteria{}
	for _, text := range texts {
		c.Filters = append(c.Filters, types.Filter{Pattern: aws.String(text)})
	}
	return c
}

// Each operator that Lambda documents, with what it takes and what not.
func TestPatterns(t *testing.T) {
	for _, tt := range []struct{ pattern, takes, refuses string }{
		{`{"data":{"a":[null]}}`, `{"a":null}`, `{"a":"null"} {} {"a":0}`},
		{`{"data":{"a":[""]}}`, `{"a":""}`, `{"a":" "} {"a":null} {}`},
		{`{"data":{"a":["x"]}}`, `{"a":"x"} {"a":["y","x"]}`, `{"a":"X"} {"a":{"x":1}} {"b":"x"} {"a":["y"]} {"a":[["x"]]}`},
		{`{"data":{"a":[{"equals-ignore-case":"Alice"}]}}`, `{"a":"aLiCE"}`, `{"a":"Bob"} {"a":1}`},
		{`{"data":{"a":["x"],"b":["y"]}}`, `{"a":"x","b":"y"}`, `{"a":"x"} {"b":"y"} {"a":"y","b":"x"}`},
		{`{"data":{"a":["x","y"]}}`, `{"a":"x"} {"a":"y"}`, `{"a":"z"}`},
		{`{"data":{"$or":[{"a":["x"]},{"b":["y"]}],"c":[1]}}`, `{"a":"x","c":1} {"b":"y","c":1}`, `{"c":1} {"a":"x"}`},
		{`{"data":{"a":[{"anything-but":["x"]}]}}`, `{"a":"y"} {"a":1}`, `{"a":"x"} {}`},
		{`{"data":{"a":[{"anything-but":"x"}]}}`, `{"a":"y"}`, `{"a":"x"}`},
		{`{"data":{"a":[{"numeric":["=",100]}]}}`, `{"a":100} {"a":1e2} {"a":100.0}`, `{"a":"100"} {"a":101} {}`},
		{`{"data":{"a":[{"numeric":[">",10,"<=",20]}]}}`, `{"a":20} {"a":10.0000000000000000001}`, `{"a":10} {"a":20.5} {"a":20.00000000000000000001} {"a":1e400} {"a":1e-999999999}`},
		{`{"data":{"a":[{"exists":true}]}}`, `{"a":null} {"a":[1]}`, `{} {"a":{"b":1}}`},
		{`{"data":{"a":[{"exists":false}]}}`, `{} {"a":[]}`, `{"a":1}`},
		{`{"data":{"a":{"b":[{"exists":false}]}}}`, `{} {"a":{}} {"a":[1]}`, `{"a":{"b":1}}`},
		{`{"data":{"a":[{"prefix":"us-"}]}}`, `{"a":"us-east-1"}`, `{"a":"eu-us-"} {"a":5}`},
		{`{"data":{"a":[{"suffix":".csv"}]}}`, `{"a":"x.csv"}`, `{"a":".csv.gz"}`},
		{`{"data":{"a":{"b":{"c":[true]}}}}`, `{"a":{"b":{"c":true}}}`, `{"a":{"b":{"c":false}}} {"a":{"c":true}}`},
		{`{"data":{"a":{"b":[1],"c":[2]}}}`, `{"a":[{"b":1,"c":1},{"b":1,"c":2}]}`, `{"a":[{"b":1},{"c":2}]}`},
		{`{"data":{"a":[1]}}`, `{"a":1}`, `{"a":1.0} {"a":"1"}`},
		{`{"data":["plain"]}`, `plain`, `{"a":1} plainer "plain"`},
		{`{"data":[{"prefix":"pl"}]}`, `plain`, `{"pl":1}`},
		{`{"data":{"a":["x"]}}`, ``, `plain 12`},
		{`{"partitionKey":["key"]}`, `plain {"a":1}`, ``},
		{`{"partitionKey":["another"]}`, ``, `plain {"a":1}`},
		{`{"kinesis":{"partitionKey":["key"]}}`, ``, `{"a":1}`},
	} {
		f, err := newFilter([]string{tt.pattern})
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		for want, list := range map[bool]string{true: tt.takes, false: tt.refuses} {
			for data := range strings.FieldsSeq(list) {
				record := kinesistypes.Record{Data: []byte(data), PartitionKey: aws.String("key"), SequenceNumber: aws.String("1"), ApproximateArrivalTimestamp: aws.Time(time.Now())}
				if f.takes(record) != want {
					t.Errorf("%s takes %s: %v", tt.pattern, data, !want)
				}
			}
		}
	}
	for text, want := range map[string]string{
		``: "not JSON", `[]`: "not an object", `{}`: "empty object", `{"data":[]}`: "empty array", `{"data":"x"}`: "neither", `{"data":{"a":[[1]]}}`: "array in an array",
		`{"data":[{"prefix":1}]}`: "takes a string", `{"data":[{"exists":1}]}`: "true or false", `{"data":[{"anything-but":[]}]}`: "at least one", `{"data":[{"anything-but":[null]}]}`: "strings and numbers",
		`{"data":[{"numeric":[">"]}]}`: "numeric", `{"data":[{"numeric":["!",1]}]}`: "<=", `{"data":[{"numeric":["<",1,">",0]}]}`: "range", `{"data":[{"numeric":["=",6000000000]}]}`: "5000000000",
		`{"data":[{"cidr":"10.0.0.0/8"}]}`: "cidr", `{"$or":[{"a":[1]}]}`: "two objects", `{"data":[{"prefix":"a","suffix":"b"}]}`: "one member", `{"a":[1]} x`: "not JSON",
		`{"a":["` + strings.Repeat("x", maxPattern) + `"]}`: "longer",
	} {
		if _, err := parsePattern(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want %q", text, err, want)
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add(`{"data":{"a":[{"numeric":[">",1,"<",2]}, "x", null]}}`, `{"a":1.5}`)
	f.Add(`{"data":{"$or":[{"a":[{"anything-but":[1]}]},{"b":[{"exists":false}]}]}}`, `{"a":[{}]}`)
	f.Fuzz(func(t *testing.T, text, data string) {
		p, err := newFilter([]string{text})
		if err != nil {
			return
		}
		record := kinesistypes.Record{Data: []byte(data), PartitionKey: aws.String("key"), SequenceNumber: aws.String("1")}
		if first := p.takes(record); first != p.takes(record) {
			t.Errorf("%q decides %q differently twice", text, data)
		}
	})
}

// What filters take out is done with the rest: the checkpoint passes it, over restarts too, and no failure names it.
func TestFilters(t *testing.T) {
	k, b := newKinesis(t, shard0), newBucket(t)
	h := open(t, testConfig(t, k.URL, b.URL))
	text := func(n int) string { return fmt.Sprintf(`{"n":%d,"even":%v}`, n, n%2 == 0) }
	for n := range 20 {
		k.put(shard0, text(n))
	}
	m := h.mapping(func(in *sdk.CreateEventSourceMappingInput) {
		in.FilterCriteria = patterns(`{"data":{"even":[true]}}`, `{"data":{"n":[{"numeric":["=",7]}]}}`)
		in.BatchSize, in.MaximumRetryAttempts = aws.Int32(4), aws.Int32(0)
		in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:s3:::failures")}}
	})
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	var want []string
	for n := range 20 {
		if n%2 == 0 || n == 7 {
			want = append(want, text(n))
		}
	}
	if got := h.records(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := sizes(h.batches()); !slices.Equal(got, []int{4, 4, 3}) {
		t.Errorf("batches of %v", got)
	}
	last := func() string {
		k.mu.Lock()
		defer k.mu.Unlock()
		return sequenceText(k.shard(shard0).records[len(k.shard(shard0).records)-1].sequence)
	}
	if s := h.shard(shard0); s.Records != 11 || s.Filtered != 9 || s.Batches != 3 || s.Checkpoint != last() {
		t.Errorf("%+v, want a checkpoint at %s", s, last())
	}
	h = h.reopen()
	k.put(shard0, text(21), text(23)) // nothing to hand over
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := h.shard(shard0); len(h.records()) != len(want) || s.Checkpoint != last() {
		t.Errorf("%d records, %+v", len(h.records()), s)
	}
	h.rule("error " + text(24))
	k.put(shard0, text(25), text(24), text(27))
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, body := b.only(t)
	var document batchDocument
	if err := json.Unmarshal(body, &document); err != nil || document.KinesisBatch.Size != 1 || document.KinesisBatch.Start != document.KinesisBatch.End ||
		strings.Count(document.Payload, "eventID") != 1 {
		t.Errorf("%s, %v", body, err)
	}
	if s := h.shard(shard0); s.Discarded != 1 || s.Checkpoint != last() {
		t.Errorf("%+v", s)
	}
	got, err := h.api.GetEventSourceMapping(t.Context(), &sdk.GetEventSourceMappingInput{UUID: m.UUID})
	if err != nil || len(got.FilterCriteria.Filters) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	updated, err := h.api.UpdateEventSourceMapping(t.Context(), &sdk.UpdateEventSourceMappingInput{UUID: m.UUID, FilterCriteria: &types.FilterCriteria{}})
	if err != nil || updated.FilterCriteria != nil {
		t.Errorf("%+v, %v", updated, err)
	}
	k.put(shard0, text(29))
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if records := h.records(); records[len(records)-1] != text(29) {
		t.Errorf("without filters: %q", records)
	}
}
