package loopback

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestFromPage(t *testing.T) {
	for _, c := range []struct {
		method, host string
		header       http.Header
		want         bool
	}{
		{"POST", "127.0.0.1:4567", nil, false},
		{"POST", "localhost", nil, false},
		{"POST", "lambda.localhost:4567", nil, false},
		{"POST", "[::1]:4567", nil, false},
		{"GET", "10.0.0.7", http.Header{"Sec-Fetch-Site": {"none"}}, false},
		{"GET", "127.0.0.1", http.Header{"Sec-Fetch-Site": {"cross-site"}}, true},
		{"POST", "127.0.0.1", http.Header{"Origin": {"http://127.0.0.1"}}, true},
		{"OPTIONS", "127.0.0.1", nil, true},
		{"POST", "rebound.example:4567", nil, true},
		{"POST", "", nil, true},
	} {
		r := httptest.NewRequest(c.method, "/", nil)
		r.Host = c.host
		if c.header != nil {
			r.Header = c.header
		}
		if got := FromPage(r); got != c.want {
			t.Errorf("%s to %q, %v: %v", c.method, c.host, c.header, got)
		}
	}
}
