package s3

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
)

// BenchmarkPut stores small objects through the SDK, flushes included.
func BenchmarkPut(b *testing.B) {
	server, err := Open(Config{Dir: b.TempDir(), Region: testRegion, AccountID: testAccount})
	if err != nil {
		b.Fatal(err)
	}
	s := &stack{server: server}
	s.connect()
	b.Cleanup(func() { s.http.Close(); _ = server.Close() })
	if _, err := s.client.CreateBucket(b.Context(), &sdk.CreateBucketInput{Bucket: aws.String(testBucket)}); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := s.client.PutObject(b.Context(), &sdk.PutObjectInput{
				Bucket: aws.String(testBucket), Key: aws.String(fmt.Sprint(n.Add(1))), Body: strings.NewReader("0123456789"),
			})
			if err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkIndex changes and lists an index of 100,000 keys.
func BenchmarkIndex(b *testing.B) {
	var x index
	for i := range 100_000 {
		x.put(&entry{key: fmt.Sprintf("kinesiscsv/sensor-%d/%08d.csv", i%50, i)})
	}
	b.Run("insert and remove", func(b *testing.B) {
		for b.Loop() {
			x.put(&entry{key: "kinesiscsv/sensor-3/x"})
			x.remove("kinesiscsv/sensor-3/x", nullVersion)
		}
	})
	b.Run("page of 1,000", func(b *testing.B) {
		for b.Loop() {
			x.list("kinesiscsv/", "", "kinesiscsv/sensor-3/", 1000)
		}
	})
	b.Run("folders", func(b *testing.B) {
		for b.Loop() {
			x.list("kinesiscsv/", "/", "", 1000)
		}
	})
}
