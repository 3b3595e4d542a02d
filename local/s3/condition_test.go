package s3

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
)

func TestConditionalWrites(t *testing.T) {
	s := start(t, Config{}).bucket()
	write := func(key, content string, match, none *string) error {
		_, err := s.client.PutObject(t.Context(), &sdk.PutObjectInput{
			Bucket: aws.String(testBucket), Key: aws.String(key), Body: strings.NewReader(content), IfMatch: match, IfNoneMatch: none,
		})
		return err
	}
	star := aws.String("*")
	wantCode(t, "If-None-Match on a new key", write("k", "1", nil, star), "")
	wantCode(t, "If-None-Match on a taken key", write("k", "2", nil, star), "PreconditionFailed")
	wantCode(t, "If-Match on a missing key", write("none", "2", aws.String(`"00"`), nil), "NoSuchKey")
	wantCode(t, "If-Match with another ETag", write("k", "2", aws.String(`"00"`), nil), "PreconditionFailed")
	s.mustGet("k", "1")
	etag := s.put("k", "1")
	wantCode(t, "If-Match", write("k", "2", aws.String(etag), nil), "")
	wantCode(t, "If-Match a second time", write("k", "3", aws.String(etag), nil), "PreconditionFailed")
	s.mustGet("k", "2")

	_, err := s.client.CopyObject(t.Context(), &sdk.CopyObjectInput{
		Bucket: aws.String(testBucket), Key: aws.String("k"), CopySource: aws.String(testBucket + "/k"),
		MetadataDirective: "REPLACE", IfNoneMatch: star,
	})
	wantCode(t, "If-None-Match on a copy", err, "PreconditionFailed")
	_, err = s.client.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: aws.String(testBucket), Key: aws.String("k"), IfMatch: aws.String(etag)})
	wantCode(t, "If-Match on a deletion", err, "PreconditionFailed")
	s.mustGet("k", "2")
}

// TestRaces lets 16 writers meet. Each round has one winner, and the winner's content is what is stored.
func TestRaces(t *testing.T) {
	s := start(t, Config{}).bucket()
	const writers = 16
	race := func(key string, match, none *string) (won []string, codes map[string]int) {
		codes = map[string]int{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() {
				content := fmt.Sprintf("writer %d", i)
				_, err := s.client.PutObject(t.Context(), &sdk.PutObjectInput{
					Bucket: aws.String(testBucket), Key: aws.String(key), Body: strings.NewReader(content), IfMatch: match, IfNoneMatch: none,
				})
				mu.Lock()
				defer mu.Unlock()
				codes[code(err)]++
				if err == nil {
					won = append(won, content)
				}
			})
		}
		all.Wait()
		return won, codes
	}
	for round := range 20 {
		key := fmt.Sprintf("object-%d", round)
		won, codes := race(key, nil, aws.String("*"))
		if len(won) != 1 || codes["PreconditionFailed"] != writers-1 {
			t.Fatalf("If-None-Match, round %d: %v", round, codes)
		}
		s.mustGet(key, won[0])
		etag := s.put(key, "ledger")
		won, codes = race(key, aws.String(etag), nil)
		if len(won) != 1 || codes["PreconditionFailed"] != writers-1 {
			t.Fatalf("If-Match, round %d: %v", round, codes)
		}
		s.mustGet(key, won[0])
	}
}
