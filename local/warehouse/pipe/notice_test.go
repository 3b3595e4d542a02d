package pipe

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseEvent(t *testing.T) {
	record := func(version, name, key string) string {
		return fmt.Sprintf(`{"eventVersion":%q,"eventName":%q,"s3":{"bucket":{"name":"b"},"object":{"key":%q}}}`, version, name, key)
	}
	tests := []struct {
		records string
		want    []created
	}{
		{record("2.1", "ObjectCreated:Put", "a+b%3D1/%C3%A9%2B"), []created{{"b", "a b=1/é+"}}},
		{record("2.3", "s3:ObjectCreated:CompleteMultipartUpload", "k"), []created{{"b", "k"}}},
		{record("3.0", "ObjectCreated:Put", "k"), nil},
		{record("2.1", "ObjectRemoved:Delete", "k"), nil},
		{record("2.1", "ObjectCreated:Put", "folder/"), nil},
		{record("2.1", "ObjectCreated:Put", "bad%zz"), nil},
	}
	for _, test := range tests {
		got, err := parseEvent([]byte(`{"Records":[` + test.records + `]}`))
		if err != nil {
			t.Errorf("%s: %v", test.records, err)
		}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(created{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.records, diff)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`{"Records":[{"eventVersion":"2.1","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"a+b"}}}]}`))
	f.Add([]byte(`{"Event":"s3:TestEvent"}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		objects, err := parseEvent(message)
		if err != nil && objects != nil {
			t.Error("objects beside an error")
		}
		for _, o := range objects {
			if o.bucket == "" || o.key == "" || strings.HasSuffix(o.key, "/") {
				t.Errorf("object %+v", o)
			}
		}
	})
}
