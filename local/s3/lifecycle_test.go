package s3

import (
	"slices"
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
		"NotImplemented": func(r *types.LifecycleRule) {
			r.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(1)}
		},
	} {
		bad := rule
		change(&bad)
		wantCode(t, "a rule with "+name, set(bad), name)
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
