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

func newS3(cfg *Config) *s3.Client {
	return s3.New(s3.Options{
		Region: cfg.Region, UsePathStyle: cfg.S3Endpoint != "",
		Credentials: credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey, ""),
	}, func(o *s3.Options) {
		if cfg.S3Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.S3Endpoint)
		}
	})
}

func splitURL(url string) (bucket, prefix string, ok bool) {
	rest, ok := strings.CutPrefix(url, "s3://")
	if !ok {
		return "", "", false
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	return bucket, prefix, bucket != ""
}

func (x *execution) createStage(st *dialect.CreateStage) (*result, error) {
	o := &object{Kind: "STAGE", Name: st.Name, Comment: st.Comment, Body: body{URL: st.URL, Integration: st.Integration, Options: st.Format,
		FormatName: formatName(st.Format, x.session.env("", ""))}}
	if st.Temporary {
		o.Body.Session = x.session.id
	}
	if err := x.checkStage(o); err != nil {
		return nil, err
	}
	said, err := x.create(o, st.OrReplace, st.IfNotExists)
	if err == nil && strings.HasSuffix(*said.rows[0][0], "created.") {
		said = message(typeDDL, "Stage area %s successfully created.", st.Name.Object)
	}
	return said, err
}

// checkStage refuses a stage outside its integration's locations, and every kind that is not in S3.
func (x *execution) checkStage(o *object) error {
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
	integration := x.server.engine.catalog.get("INTEGRATION", dialect.Name{Object: o.Body.Integration})
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
func (c *catalog) locate(st dialect.Stage) (*object, place, error) {
	if st.Kind != "NAMED" {
		return nil, place{}, unsupported("stage of a " + strings.ToLower(st.Kind))
	}
	o := c.get("STAGE", st.Name)
	if o == nil {
		return nil, place{}, notExist("STAGE", plainName(st.Name))
	}
	bucket, prefix, _ := splitURL(o.Body.URL)
	if prefix != "" && !strings.HasSuffix(prefix, "/") && st.Path != "" {
		prefix += "/"
	}
	return o, place{bucket: bucket, prefix: prefix + st.Path, base: prefix}, nil
}

// listFiles lists the place in key order, without folder markers, and with pattern matched against the whole path.
func (s *Server) listFiles(ctx context.Context, p place, pattern string) ([]file, error) {
	match, err := compilePattern(pattern)
	if err != nil {
		return nil, err
	}
	var found []file
	pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: aws.String(p.bucket), Prefix: aws.String(p.prefix)})
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
func (s *Server) openFile(ctx context.Context, bucket, key, compression, ifMatch string) (io.ReadCloser, *file, error) {
	get := &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)}
	if ifMatch != "" {
		get.IfMatch = aws.String(ifMatch)
	}
	got, err := s.s3.GetObject(ctx, get)
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

func (x *execution) listStage(st *dialect.List) (*result, error) {
	_, p, err := x.server.engine.catalog.locate(st.Stage)
	if err != nil {
		return nil, err
	}
	files, err := x.server.listFiles(x.ctx, p, st.Pattern)
	if err != nil {
		return nil, err
	}
	t := newTable(typeSelect, "name", "size", "md5", "last_modified")
	for _, f := range files {
		t.add("s3://"+p.bucket+"/"+f.key, f.size, strings.Trim(f.etag, `"`), f.modified.UTC().Format(time.RFC1123))
	}
	return t.res, nil
}

// createIntegration records who may read what. The external id is minted unless one is given, and survives until the
// integration is replaced.
func (x *execution) createIntegration(st *dialect.CreateIntegration) (*result, error) {
	if provider := st.Options.Text("STORAGE_PROVIDER"); !strings.EqualFold(provider, "S3") {
		return nil, unsupported("STORAGE_PROVIDER = " + provider)
	}
	if _, ok := st.Options.Get("STORAGE_ALLOWED_LOCATIONS"); !ok {
		return nil, refuse(2, "22023", "SQL compilation error:\nMissing option(s): [STORAGE_ALLOWED_LOCATIONS].")
	}
	external := st.Options.Text("STORAGE_AWS_EXTERNAL_ID")
	if external == "" {
		external = strings.ToUpper(x.server.cfg.Account) + "_SFCRole=2_" + newToken()[:24]
	}
	o := &object{Kind: "INTEGRATION", Name: dialect.Name{Object: st.Name}, Comment: st.Comment, Body: body{Options: st.Options, ExternalID: external}}
	return x.create(o, st.OrReplace, st.IfNotExists)
}
