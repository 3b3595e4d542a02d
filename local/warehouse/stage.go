package warehouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// maxListed bounds the files that one LIST, COPY or REFRESH looks at.
const maxListed = 1_000_000

// file is an object under a stage.
type file struct {
	key      string // in the bucket
	size     int64
	modified time.Time
	etag     string
}

// place is where a stage and a path below it point: a bucket and a prefix of keys.
type place struct {
	bucket, prefix string
	// base is the stage's own part of the prefix: what follows it is a file's name in load histories.
	base string
}

func (p place) String() string { return "s3://" + p.bucket + "/" + p.prefix }

// bucketsConfig says where buckets are and how requests are signed. An empty Endpoint means AWS itself.
type bucketsConfig struct {
	Endpoint, Region, AccessKeyID, SecretAccessKey string
}

// buckets reads, lists and removes the files of external stages. It is safe for concurrent use.
type buckets struct{ s3 *s3.Client }

func openBuckets(cfg bucketsConfig) *buckets {
	return &buckets{s3.New(s3.Options{
		Region: cfg.Region, UsePathStyle: cfg.Endpoint != "",
		Credentials: credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey, ""),
	}, func(o *s3.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
	})}
}

func splitURL(url string) (bucket, prefix string, ok bool) {
	rest, ok := strings.CutPrefix(url, "s3://")
	if !ok {
		return "", "", false
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	return bucket, prefix, bucket != ""
}

// checkStage refuses a stage outside its integration's locations, and every kind that is not in S3.
func checkStage(c *catalog, o *object) error {
	if o.Body.URL == "" {
		return unsupported("internal stage: give a URL")
	}
	if _, _, ok := splitURL(o.Body.URL); !ok {
		return unsupported("stage URL other than s3://")
	}
	if _, err := readFormat(o.Body.Options); err != nil {
		return err
	}
	if o.Body.Integration == "" {
		return nil
	}
	integration := c.get("INTEGRATION", dialect.Name{Object: o.Body.Integration})
	if integration == nil {
		return notExist("INTEGRATION", o.Body.Integration)
	}
	if !allows(integration, o.Body.URL) {
		return refuse(3153, "42601", "SQL compilation error:\nStage location '%s' is not allowed by integration '%s'.", o.Body.URL, o.Body.Integration)
	}
	return nil
}

// allows says whether url lies in the integration's allowed locations and in none of the blocked ones.
func allows(integration *object, url string) bool {
	within := func(option string) bool {
		v, ok := integration.Body.Options.Get(option)
		if !ok {
			return false
		}
		for _, location := range v.Texts() {
			if location == "*" || strings.HasPrefix(url, location) || url+"/" == location {
				return true
			}
		}
		return false
	}
	return within("STORAGE_ALLOWED_LOCATIONS") && !within("STORAGE_BLOCKED_LOCATIONS")
}

// locate finds the stage and the place that a path in SQL means.
func locate(c *catalog, st dialect.Stage) (*object, place, error) {
	if st.Kind != "NAMED" {
		return nil, place{}, unsupported("stage of a " + strings.ToLower(st.Kind))
	}
	o := c.get("STAGE", st.Name)
	if o == nil {
		return nil, place{}, notExist("STAGE", st.Name.Plain())
	}
	bucket, prefix, _ := splitURL(o.Body.URL)
	if prefix != "" && !strings.HasSuffix(prefix, "/") && st.Path != "" {
		prefix += "/"
	}
	return o, place{bucket: bucket, prefix: prefix + st.Path, base: prefix}, nil
}

// listFiles lists the place in key order, without folder markers, and with pattern matched against the whole path.
func (b *buckets) listFiles(ctx context.Context, p place, pattern string) ([]file, error) {
	match, err := compilePattern(pattern)
	if err != nil {
		return nil, err
	}
	var found []file
	pages := s3.NewListObjectsV2Paginator(b.s3, &s3.ListObjectsV2Input{Bucket: aws.String(p.bucket), Prefix: aws.String(p.prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, remoteError("list", p.String(), err)
		}
		for _, o := range page.Contents {
			key := aws.ToString(o.Key)
			if strings.HasSuffix(key, "/") || match != nil && !match.MatchString(key) {
				continue
			}
			found = append(found, file{key: key, size: aws.ToInt64(o.Size), modified: aws.ToTime(o.LastModified), etag: aws.ToString(o.ETag)})
		}
		if len(found) > maxListed {
			return nil, refuse(93201, "54000", "More than %d files under %s: narrow the path.", maxListed, p)
		}
	}
	return found, nil
}

func compilePattern(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	match, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return nil, refuse(100048, "2201B", "Invalid regular expression: '%s'", pattern)
	}
	return match, nil
}

// errFileGone is a file that was announced but is not there.
var errFileGone = errors.New("the file does not exist")

func remoteError(verb, what string, err error) error {
	var api smithy.APIError
	if errors.As(err, &api) && (api.ErrorCode() == "NoSuchKey" || api.ErrorCode() == "NotFound" || api.ErrorCode() == "PreconditionFailed") {
		return fmt.Errorf("%s %s: %w", verb, what, errFileGone)
	}
	return refuse(100183, "XX000", "Cannot %s %s in S3: %v. Check the endpoint, the bucket and the credentials.", verb, what, err)
}

// openFile reads a file, unpacked. ifMatch makes a file that has changed since an errFileGone.
func (b *buckets) openFile(ctx context.Context, bucket, key, compression, ifMatch string) (io.ReadCloser, *file, error) {
	get := &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)}
	if ifMatch != "" {
		get.IfMatch = aws.String(ifMatch)
	}
	got, err := b.s3.GetObject(ctx, get)
	if err != nil {
		return nil, nil, remoteError("read", "s3://"+bucket+"/"+key, err)
	}
	f := &file{key: key, size: aws.ToInt64(got.ContentLength), modified: aws.ToTime(got.LastModified), etag: aws.ToString(got.ETag)}
	in, err := unpack(&remoteBody{ReadCloser: got.Body}, compression, key)
	if err != nil {
		return nil, nil, err
	}
	return in, f, nil
}

// badFile is a file that cannot be read for what it holds: repeating does not help.
type badFile struct {
	number  int
	message string
}

func (b *badFile) Error() string { return b.message }

// try does one action of an integration at a location: LIST, READ, WRITE or DELETE.
func (b *buckets) try(ctx context.Context, action, location, name string) error {
	bucket, prefix, ok := splitURL(location)
	if !ok {
		return unsupported("location other than s3://")
	}
	key := prefix + name
	var err error
	switch action {
	case "LIST":
		_, err = b.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String(prefix), MaxKeys: aws.Int32(1)})
	case "READ":
		got, failed := b.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
		if failed == nil {
			_, failed = io.CopyN(io.Discard, got.Body, 1)
			got.Body.Close()
			if failed == io.EOF {
				failed = nil
			}
		}
		err = failed
	case "WRITE":
		_, err = b.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader("")})
	case "DELETE":
		_, err = b.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	default:
		return refuse(1008, "22023", "invalid value [%s] for parameter 'action'", action)
	}
	if err != nil {
		return remoteError(strings.ToLower(action), location, err)
	}
	return nil
}

// remove deletes a file.
func (b *buckets) remove(ctx context.Context, bucket, key string) error {
	_, err := b.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	return err
}
