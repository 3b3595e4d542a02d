package kinesis

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// inCBOR is a client that speaks CBOR where the official one speaks JSON. It knows which members are payloads and times, as
// the Java SDK does.
type inCBOR struct{ h http.Handler }

func (d inCBOR) Do(r *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var in any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&in); err != nil {
		return nil, err
	}
	body, err := cbor.Marshal(toCBOR("", in))
	if err != nil {
		return nil, err
	}
	inner := httptest.NewRequest(r.Method, r.URL.String(), bytes.NewReader(body))
	inner.Header = r.Header.Clone()
	inner.Header.Set("Content-Type", cborType)
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, inner.WithContext(r.Context()))
	answer := w.Result()
	if kind := answer.Header.Get("Content-Type"); kind != cborType {
		return nil, fmt.Errorf("the answer is in %s", kind)
	}
	if text, err = fromCBOR(w.Body.Bytes()); err != nil {
		return nil, err
	}
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	answer.Header.Set("Content-Type", jsonType)
	return answer, nil
}

func toCBOR(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = toCBOR(key, value)
		}
		return v
	case []any:
		for i := range v {
			v[i] = toCBOR(name, v[i])
		}
		return v
	case json.Number:
		seconds, _ := v.Float64()
		if name == "Timestamp" {
			return cbor.Tag{Number: 1, Content: int64(math.Round(seconds * 1000))}
		}
		return int64(seconds)
	case string:
		if data, err := base64.StdEncoding.DecodeString(v); name == "Data" && err == nil {
			return data
		}
	}
	return v
}

// fromCBOR is an answer as JSON. One without content is no CBOR, and stays.
func fromCBOR(body []byte) ([]byte, error) {
	if len(body) == 0 {
		return body, nil
	}
	decode, err := cbor.DecOptions{DefaultMapType: nil}.DecMode()
	if err != nil {
		return nil, err
	}
	var out any
	if err := decode.Unmarshal(body, &out); err != nil {
		return nil, err
	}
	return json.Marshal(toJSON(out))
}

func toJSON(v any) any {
	switch v := v.(type) {
	case map[any]any:
		out := map[string]any{}
		for key, value := range v {
			out[key.(string)] = toJSON(value)
		}
		return out
	case []any:
		for i := range v {
			v[i] = toJSON(v[i])
		}
	case time.Time: // a time in seconds would be far in the future
		return float64(v.Unix()) / 1000
	}
	return v
}

// What the tests of the JSON protocol ask of the server holds in CBOR.
func TestInCBOR(t *testing.T) {
	speakCBOR.Store(true)
	defer speakCBOR.Store(false)
	for name, test := range map[string]func(*testing.T){
		"round trip": TestRoundTrip, "streams": TestStreams, "refusals": TestRefusals, "iterators": TestIterators,
		"settings": TestSettings, "tutorial": TestTutorial, "kept": TestKeptSettings, "paging": TestPaging, "routing": TestRouting, "split": TestSplitAndMerge,
		"count": TestUpdateShardCount, "filters": TestShardFilters, "damage": TestDamagedRecord,
	} {
		t.Run(name, test)
	}
}

// FuzzCBOR sends anything as a put and as another request: it is refused as what it is, or taken, and never breaks.
func FuzzCBOR(f *testing.F) {
	s := start(f, Config{Unlimited: true})
	create(f, client(s), "s", 1)
	good, err := cbor.Marshal(map[string]any{"StreamName": "s", "Records": []any{map[string]any{"Data": []byte("x"), "PartitionKey": "k"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{cborMap, cborEnd})
	f.Add([]byte{0xc1, 0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, operation := range []string{"PutRecords", "PutRecord", "GetShardIterator", "ListShards"} {
			w := requestIn(s, cborType, operation, body)
			if w.Code >= http.StatusInternalServerError || w.Header().Get("Content-Type") != cborType {
				t.Errorf("%s: %d %q", operation, w.Code, w.Body)
			}
			if _, err := fromCBOR(w.Body.Bytes()); err != nil {
				t.Errorf("%s: the answer is no CBOR: %v", operation, errors.Join(err))
			}
		}
	})
}
