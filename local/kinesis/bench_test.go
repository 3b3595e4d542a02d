package kinesis

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkPutRecords is 500 records of 60 bytes a call, without the client's share of the work.
func BenchmarkPutRecords(b *testing.B) {
	for _, clients := range []int{1, 4} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s := start(b, Config{Unlimited: true})
			create(b, client(s), "s", 4)
			body := []byte(`{"StreamName":"s","Records":[`)
			for i := range maxRecordsCall {
				if i > 0 {
					body = append(body, ',')
				}
				data := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{'x'}, 60))
				body = fmt.Appendf(body, `{"Data":"%s","PartitionKey":"sensor-%d"}`, data, i)
			}
			body = append(body, `]}`...)
			b.SetParallelism(clients)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if w := request(s, "PutRecords", body); w.Code != http.StatusOK {
						b.Error(w.Body)
					}
				}
			})
			b.ReportMetric(float64(b.N*maxRecordsCall)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func request(s *Server, operation string, body []byte) *httptest.ResponseRecorder {
	return requestIn(s, jsonType, operation, body)
}

func requestIn(s *Server, encoding, operation string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("X-Amz-Target", targetPrefix+operation)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256")
	r.Header.Set("Content-Type", encoding)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// BenchmarkGetRecords reads 10,000 records of 60 bytes a call.
func BenchmarkGetRecords(b *testing.B) {
	s := start(b, Config{Unlimited: true})
	c := client(s)
	create(b, c, "s", 1)
	keys := make([]string, maxRecordsCall)
	for i := range keys {
		keys[i] = fmt.Sprintf("a key that makes its record as long as sixty bytes or so: %d", i)
	}
	for range maxRecordsRead / maxRecordsCall {
		put(b, c, "s", keys...)
	}
	body := fmt.Appendf(nil, `{"ShardIterator":"%s"}`, *iterator(b, c, "s", firstShard))
	b.ReportAllocs()
	for b.Loop() {
		if w := request(s, "GetRecords", body); w.Code != http.StatusOK || w.Body.Len() < 1_000_000 {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(float64(b.N*maxRecordsRead)/b.Elapsed().Seconds(), "records/s")
}
