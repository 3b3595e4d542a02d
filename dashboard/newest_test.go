package dashboard_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/dashboard"
)

// TestAskedFor: rows and settings exist only where they are configured, and are in no snapshot.
func TestAskedFor(t *testing.T) {
	value, broken := "a value", false
	for _, there := range []bool{true, false} {
		c := dashboard.Config{Source: still{}}
		if there {
			c.Connection = "a password"
			c.Newest = func(_ context.Context, streaming bool) (dashboard.Newest, error) {
				if broken {
					return dashboard.Newest{}, errors.New("asleep")
				}
				if !streaming {
					return dashboard.Newest{}, nil
				}
				return dashboard.Newest{Columns: []string{"A", "B"}, Rows: [][]*string{{&value, nil}}}, nil
			}
		}
		s, err := dashboard.New(c)
		if err != nil {
			t.Fatal(err)
		}
		get := func(path string, status int, want string) {
			t.Helper()
			r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if body := strings.TrimSpace(w.Body.String()); w.Code != status || want != "" && body != want {
				t.Errorf("%s: %d %s", path, w.Code, body)
			} else if strings.HasPrefix(path, "/api/snapshot") && (strings.Contains(body, value) || strings.Contains(body, "a password")) {
				t.Errorf("the snapshot has what nobody asked for: %s", body)
			}
		}
		if there {
			get("/api/rows?table=streaming", 200, `{"columns":["A","B"],"rows":[["a value",null]]}`)
			get("/api/rows?table=microbatch", 200, `{"columns":[],"rows":[]}`)
			get("/api/rows?table=x", 400, "")
			get("/api/connection", 200, `{"text":"a password"}`)
			broken = true
			get("/api/rows?table=streaming", 502, `{"error":"asleep"}`)
		} else {
			get("/api/rows?table=streaming", 404, "")
			get("/api/connection", 404, "")
		}
		get("/api/snapshot", 200, "")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
