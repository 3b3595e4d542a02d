// Package stage is the files behind stages: where they are, what a file format says, and how a field of one becomes a value.
//
// It may list, read, write and remove objects of S3, and the files of internal stages in a folder of its own, which clients put
// and get. It reads the catalog, and touches neither the database nor sessions.
package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
)

// maxListed bounds the files that one LIST, COPY or REFRESH looks at.
const maxListed = 1_000_000

// File is an object under a stage.
type File struct {
	Key      string // in the bucket
	Size     int64
	Modified time.Time
	ETag     string
}

// Place is where a stage and a path below it point: a bucket or the folder of an internal stage, and a prefix of keys.
type Place struct {
	Bucket, Prefix string
	// base is the stage's own part of the prefix: what follows it is a file's name in load histories.
	Base string
	// Folder is of an internal stage its folder, and Label what its files' names begin with in answers; Bucket is "" then.
	Folder, Label string
}

func (p Place) String() string {
	if p.Folder != "" {
		return "@" + p.Label + p.Prefix
	}
	return "s3://" + p.Bucket + "/" + p.Prefix
}

// Root is what a stage is called in load histories: a URL, or the folder of an internal stage, which no other stage ever has.
func (p Place) Root() string {
	if p.Folder != "" {
		return p.Folder + "/"
	}
	return "s3://" + path.Join(p.Bucket, p.Base) + "/"
}

// Shown is a file's name in answers.
func (p Place) Shown(key string) string {
	if p.Folder != "" {
		return p.Label + key
	}
	return "s3://" + p.Bucket + "/" + key
}

// At is the place of another prefix in the same stage.
func (p Place) At(prefix string) Place {
	p.Prefix = prefix
	return p
}

// Config says where buckets are and how requests are signed, and the folder of internal stages. An empty Endpoint means AWS itself.
type Config struct {
	Endpoint, Region, AccessKeyID, SecretAccessKey string
	Dir                                            string
}

// Files reads, lists, takes and removes the files of stages. It is safe for concurrent use.
type Files struct {
	s3       *s3.Client
	internal *internal
}

// Open makes the folder of internal stages.
func Open(cfg Config) (*Files, error) {
	in, err := openInternal(cfg.Dir)
	if err != nil {
		return nil, err
	}
	return &Files{internal: in, s3: s3.New(s3.Options{
		Region: cfg.Region, UsePathStyle: cfg.Endpoint != "",
		Credentials: credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey, ""),
	}, func(o *s3.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
	})}, nil
}

func splitURL(url string) (bucket, prefix string, ok bool) {
	rest, ok := strings.CutPrefix(url, "s3://")
	if !ok {
		return "", "", false
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	return bucket, prefix, bucket != ""
}

// CheckStage refuses a stage outside its integration's locations, and every external one that is not in S3.
func CheckStage(c *catalog.Catalog, o *catalog.Object) error {
	if _, _, ok := splitURL(o.Body.URL); !ok && o.Body.URL != "" {
		return fault.Unsupported("stage URL other than s3://")
	}
	if _, err := ReadFormat(o.Body.Options); err != nil {
		return err
	}
	if o.Body.Integration == "" {
		return nil
	}
	integration := c.Get("INTEGRATION", dialect.Name{Object: o.Body.Integration})
	if integration == nil {
		return fault.NotExist("INTEGRATION", o.Body.Integration)
	}
	if !Allows(integration, o.Body.URL) {
		return fault.New(3153, "42601", "SQL compilation error:\nStage location '%s' is not allowed by integration '%s'.", o.Body.URL, o.Body.Integration)
	}
	return nil
}

// Allows says whether url lies in the integration's allowed locations and in none of the blocked ones.
func Allows(integration *catalog.Object, url string) bool {
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

// Locate finds the stage and the place that a path in SQL means.
func Locate(c *catalog.Catalog, st dialect.Stage) (*catalog.Object, Place, error) {
	o := c.Get("STAGE", st.Name)
	switch {
	case st.Kind == "NAMED" && o == nil:
		return nil, Place{}, fault.NotExist("STAGE", st.Name.Plain())
	case st.Kind != "NAMED" || o.Body.URL == "":
		return locateInternal(c, st)
	}
	bucket, prefix, _ := splitURL(o.Body.URL)
	if prefix != "" && !strings.HasSuffix(prefix, "/") && st.Path != "" {
		prefix += "/"
	}
	return o, Place{Bucket: bucket, Prefix: prefix + st.Path, Base: prefix}, nil
}

// ListFiles lists the place in key order, without folder markers, and with pattern matched against the whole path.
func (f *Files) ListFiles(ctx context.Context, p Place, pattern string) ([]File, error) {
	match, err := CompilePattern(pattern)
	if err != nil {
		return nil, err
	}
	if p.Folder != "" {
		return f.internal.list(p, match)
	}
	var found []File
	pages := s3.NewListObjectsV2Paginator(f.s3, &s3.ListObjectsV2Input{Bucket: aws.String(p.Bucket), Prefix: aws.String(p.Prefix)})
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
			found = append(found, File{Key: key, Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified), ETag: aws.ToString(o.ETag)})
		}
		if len(found) > maxListed {
			return nil, fault.New(93201, "54000", "More than %d files under %s: narrow the path.", maxListed, p)
		}
	}
	return found, nil
}

func CompilePattern(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	match, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return nil, fault.New(100048, "2201B", "Invalid regular expression: '%s'", pattern)
	}
	return match, nil
}

// ErrFileGone is a file that was announced but is not there.
var ErrFileGone = errors.New("the file does not exist")

func remoteError(verb, what string, err error) error {
	var api smithy.APIError
	if errors.As(err, &api) && (api.ErrorCode() == "NoSuchKey" || api.ErrorCode() == "NotFound" || api.ErrorCode() == "PreconditionFailed") {
		return fmt.Errorf("%s %s: %w", verb, what, ErrFileGone)
	}
	return fault.New(100183, "XX000", "Cannot %s %s in S3: %v. Check the endpoint, the bucket and the credentials.", verb, what, err)
}

// OpenFile reads a file of the stage that p is in, unpacked. ifMatch makes a file that has changed since an ErrFileGone.
func (f *Files) OpenFile(ctx context.Context, p Place, key, compression, ifMatch string) (io.ReadCloser, *File, error) {
	if p.Folder != "" {
		return f.internal.openUnpacked(p, key, compression, ifMatch)
	}
	get := &s3.GetObjectInput{Bucket: aws.String(p.Bucket), Key: aws.String(key)}
	if ifMatch != "" {
		get.IfMatch = aws.String(ifMatch)
	}
	got, err := f.s3.GetObject(ctx, get)
	if err != nil {
		return nil, nil, remoteError("read", p.Shown(key), err)
	}
	found := &File{Key: key, Size: aws.ToInt64(got.ContentLength), Modified: aws.ToTime(got.LastModified), ETag: aws.ToString(got.ETag)}
	in, err := unpack(&remoteBody{ReadCloser: got.Body}, compression, key)
	if err != nil {
		return nil, nil, err
	}
	return in, found, nil
}

// BadFile is a file that cannot be read for what it holds: repeating does not help.
type BadFile struct {
	Number  int
	Message string
}

func (b *BadFile) Error() string { return b.Message }

// Try does one action of an integration at a location: LIST, READ, WRITE or DELETE.
func (f *Files) Try(ctx context.Context, action, location, name string) error {
	bucket, prefix, ok := splitURL(location)
	if !ok {
		return fault.Unsupported("location other than s3://")
	}
	key := prefix + name
	var err error
	switch action {
	case "LIST":
		_, err = f.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String(prefix), MaxKeys: aws.Int32(1)})
	case "READ":
		got, failed := f.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
		if failed == nil {
			_, failed = io.CopyN(io.Discard, got.Body, 1)
			got.Body.Close()
			if failed == io.EOF {
				failed = nil
			}
		}
		err = failed
	case "WRITE":
		_, err = f.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader("")})
	case "DELETE":
		_, err = f.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	default:
		return fault.New(1008, "22023", "invalid value [%s] for parameter 'action'", action)
	}
	if err != nil {
		return remoteError(strings.ToLower(action), location, err)
	}
	return nil
}

// Remove deletes a file of the stage that p is in.
func (f *Files) Remove(ctx context.Context, p Place, key string) error {
	if p.Folder != "" {
		return f.internal.remove(p, key)
	}
	_, err := f.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(p.Bucket), Key: aws.String(key)})
	return err
}
