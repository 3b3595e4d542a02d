package s3

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestLifecycle: what a rule names by prefix and tag goes at the midnight after its days, over a restart too; all else stays.
func TestLifecycle(t *testing.T) {
	s := start(t, Config{}).bucket()
	ctx, bucket := t.Context(), aws.String(testBucket)
	_, err := s.client.GetBucketLifecycleConfiguration(ctx, &sdk.GetBucketLifecycleConfigurationInput{Bucket: bucket})
	wantCode(t, "rules before any are set", err, "NoSuchLifecycleConfiguration")
	set := func(rules ...types.LifecycleRule) error {
		_, err := s.client.PutBucketLifecycleConfiguration(ctx, &sdk.PutBucketLifecycleConfigurationInput{
			Bucket: bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules},
		})
		return err
	}
	sealed := types.Tag{Key: aws.String("state"), Value: aws.String("sealed")}
	rule := types.LifecycleRule{
		ID: aws.String("sealed"), Status: types.ExpirationStatusEnabled, Expiration: &types.LifecycleExpiration{Days: aws.Int32(2)},
		Filter: &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{Prefix: aws.String("rows/"), Tags: []types.Tag{sealed}}},
	}
	for name, change := range map[string]func(r *types.LifecycleRule){
		"InvalidArgument": func(r *types.LifecycleRule) { r.Expiration = &types.LifecycleExpiration{Days: aws.Int32(0)} },
		"InvalidRequest":  func(r *types.LifecycleRule) { r.Expiration = nil },
		"MalformedXML":    func(r *types.LifecycleRule) { r.Status = "On" },
		"InvalidArgument ": func(r *types.LifecycleRule) {
			r.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(0)}
		},
		"InvalidRequest ": func(r *types.LifecycleRule) {
			r.Expiration = &types.LifecycleExpiration{ExpiredObjectDeleteMarker: aws.Bool(true)}
		},
	} {
		bad := rule
		change(&bad)
		wantCode(t, "a rule with "+name, set(bad), strings.TrimSpace(name))
	}
	if err := set(rule); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"rows/tagged", "rows/plain", "other/tagged", "rows/other"} {
		s.put(key, "x")
	}
	for key, value := range map[string]string{"rows/tagged": "sealed", "other/tagged": "sealed", "rows/other": "open"} {
		_, err := s.client.PutObjectTagging(ctx, &sdk.PutObjectTaggingInput{
			Bucket: bucket, Key: aws.String(key), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: sealed.Key, Value: aws.String(value)}}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.reopen()
	out, err := s.client.GetBucketLifecycleConfiguration(ctx, &sdk.GetBucketLifecycleConfigurationInput{Bucket: bucket})
	if err != nil || len(out.Rules) != 1 || aws.ToInt32(out.Rules[0].Expiration.Days) != 2 || len(out.Rules[0].Filter.And.Tags) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	midnight := time.Now().UTC().Truncate(24 * time.Hour).Add(3 * 24 * time.Hour)
	all := []string{"other/tagged", "rows/other", "rows/plain", "rows/tagged"}
	if s.server.backend.expire(midnight.Add(-time.Second)); !slices.Equal(s.keys(sdk.ListObjectsV2Input{}), all) {
		t.Errorf("before their time: %q", s.keys(sdk.ListObjectsV2Input{}))
	}
	if s.server.backend.expire(midnight.Add(24 * time.Hour)); !slices.Equal(s.keys(sdk.ListObjectsV2Input{}), all[:3]) {
		t.Errorf("after their time: %q", s.keys(sdk.ListObjectsV2Input{}))
	}
	if _, err := s.client.DeleteBucketLifecycle(ctx, &sdk.DeleteBucketLifecycleInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	_, err = s.client.GetBucketLifecycleConfiguration(ctx, &sdk.GetBucketLifecycleConfigurationInput{Bucket: bucket})
	wantCode(t, "rules that were deleted", err, "NoSuchLifecycleConfiguration")
}

// TestLifecycleOfVersions: the current one gets a marker, replaced ones go by the time and number of their successors, a
// marker goes that has nothing behind it.
func TestLifecycleOfVersions(t *testing.T) {
	s := start(t, Config{}).bucket()
	s.versioning(types.BucketVersioningStatusEnabled)
	bucket := aws.String(testBucket)
	rules := []types.LifecycleRule{{
		ID: aws.String("a"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("rows/")},
		Expiration:                  &types.LifecycleExpiration{Days: aws.Int32(10)},
		NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(2), NewerNoncurrentVersions: aws.Int32(1)},
	}, {
		ID: aws.String("b"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("marked/")},
		Expiration: &types.LifecycleExpiration{ExpiredObjectDeleteMarker: aws.Bool(true)},
	}, {
		ID: aws.String("c"), Status: types.ExpirationStatusEnabled, Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)},
		Filter: &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{Prefix: aws.String("sized/"), ObjectSizeGreaterThan: aws.Int64(3), ObjectSizeLessThan: aws.Int64(6)}},
	}}
	_, err := s.client.PutBucketLifecycleConfiguration(t.Context(), &sdk.PutBucketLifecycleConfigurationInput{
		Bucket: bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"1", "2", "3", "4"} {
		s.put("rows/k", text)
		s.put("other", text)
	}
	for _, key := range []string{"marked/alone", "marked/behind"} {
		s.put(key, "x")
		s.delete(key, "")
	}
	s.delete("marked/alone", s.versions("marked/alone")[0].id)
	for _, text := range []string{"123", "1234", "123456"} {
		s.put("sized/"+text, text)
	}
	check := func(when string, want map[string]int) {
		t.Helper()
		for key, n := range want {
			if got := s.versions(key); len(got) != n {
				t.Errorf("%s: %s has %d versions, want %d: %+v", when, key, len(got), n, got)
			}
		}
	}
	midnight := time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	s.server.backend.expire(midnight.Add(24*time.Hour - time.Second))
	check("soon", map[string]int{"rows/k": 4, "other": 4, "marked/alone": 0, "marked/behind": 2, "sized/123": 1, "sized/1234": 1, "sized/123456": 1})
	s.server.backend.expire(midnight.Add(48 * time.Hour))
	check("after two days", map[string]int{"rows/k": 2, "other": 4, "sized/123": 1, "sized/1234": 2, "sized/123456": 1})
	s.mustGet("rows/k", "4")
	s.server.backend.expire(midnight.Add(240 * time.Hour))
	s.reopen()
	check("after ten days", map[string]int{"rows/k": 3, "other": 4})
	_, err = s.get("rows/k")
	wantCode(t, "what expired", err, "NoSuchKey")
}

func FuzzParseLifecycle(f *testing.F) {
	f.Add([]byte(`<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`))
	f.Add([]byte(`<LifecycleConfiguration><Rule><Status>Enabled</Status></Rule></LifecycleConfiguration>`))
	f.Fuzz(func(t *testing.T, document []byte) {
		l, err := parseLifecycle(document)
		if err != nil {
			return
		}
		for _, r := range l.Rules {
			if now := time.Now(); r.Expiration != nil && r.Expiration.Days > 0 && r.due(now, now) && r.Expiration.Date.IsZero() {
				t.Errorf("an object of this moment is due: %+v", r)
			}
		}
	})
}
