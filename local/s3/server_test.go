package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"
)

const (
	testRegion  = "us-east-1"
	testAccount = "000000000000"
	testBucket  = "raw-zone"
	testQueue   = "arn:aws:sqs:us-east-1:000000000000:snowpipe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stack is a server behind a listener, with the official SDK as its client.
type stack struct {
	t      *testing.T
	config Config
	server *Server
	http   *httptest.Server
	client *sdk.Client // as s3.New makes it: no checksums
	summed *sdk.Client // as config.LoadDefaultConfig makes it: checksums on
}

func start(t *testing.T, config Config) *stack {
	t.Helper()
	if config.Dir == "" {
		config.Dir = t.TempDir()
	}
	config.Region, config.AccountID = testRegion, testAccount
	s := &stack{t: t, config: config}
	s.open()
	t.Cleanup(s.stop)
	return s
}

func (s *stack) open() {
	s.t.Helper()
	server, err := Open(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.server = server
	s.connect()
}

// connect puts the server behind a listener and makes the clients.
func (s *stack) connect() {
	s.http = httptest.NewServer(s.server)
	options := sdk.Options{
		Region: testRegion, BaseEndpoint: aws.String(s.http.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient:  s.http.Client(),
	}
	s.client = sdk.New(options)
	options.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
	options.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
	s.summed = sdk.New(options)
}

func (s *stack) stop() {
	s.http.Close()
	if err := s.server.Close(); err != nil {
		s.t.Error(err)
	}
}

// reopen is a restart on the same folder.
func (s *stack) reopen() {
	s.t.Helper()
	s.stop()
	s.open()
}

func (s *stack) bucket() *stack {
	s.t.Helper()
	_, err := s.client.CreateBucket(s.t.Context(), &sdk.CreateBucketInput{Bucket: aws.String(testBucket)})
	if err != nil {
		s.t.Fatal(err)
	}
	return s
}

func (s *stack) put(key, content string) string {
	s.t.Helper()
	out, err := s.client.PutObject(s.t.Context(), &sdk.PutObjectInput{
		Bucket: aws.String(testBucket), Key: aws.String(key), Body: strings.NewReader(content),
	})
	if err != nil {
		s.t.Fatalf("put %q: %v", key, err)
	}
	return aws.ToString(out.ETag)
}

func (s *stack) get(key string) (string, error) {
	out, err := s.summed.GetObject(context.Background(), &sdk.GetObjectInput{Bucket: aws.String(testBucket), Key: aws.String(key)})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	return string(data), err
}

func (s *stack) mustGet(key, want string) {
	s.t.Helper()
	got, err := s.get(key)
	if err != nil || got != want {
		s.t.Errorf("get %q: %d bytes, %v; want %d bytes", key, len(got), err, len(want))
	}
}

// keys lists all keys through as many pages as it takes.
func (s *stack) keys(in sdk.ListObjectsV2Input) (keys []string) {
	s.t.Helper()
	in.Bucket = aws.String(testBucket)
	pages := sdk.NewListObjectsV2Paginator(s.client, &in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
		for _, p := range page.CommonPrefixes {
			keys = append(keys, aws.ToString(p.Prefix))
		}
	}
	return keys
}

// code is the S3 error code of err, or its text.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

func wantCode(t *testing.T, what string, err error, want string) {
	t.Helper()
	if got := code(err); got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// raw sends a request the SDK would not send. Authorization is set unless header has it.
func (s *stack) raw(method, path string, header http.Header, content io.Reader) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+path, content)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local")
	for name, values := range header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	answer, err := s.http.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

// inbox is an SQS endpoint that remembers what it was sent.
type inbox struct {
	http *httptest.Server

	mu       sync.Mutex
	messages []string
	urls     []string
	failing  int  // answers still to fail with status 500
	partial  bool // of a batch, only the first message is taken
}

func newInbox(t *testing.T) *inbox {
	q := &inbox{}
	q.http = httptest.NewServer(q)
	t.Cleanup(q.http.Close)
	return q
}

func (q *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failing > 0 {
		q.failing--
		http.Error(w, "{}", http.StatusInternalServerError)
		return
	}
	type entry struct{ Id, MessageBody string }
	var in struct {
		QueueUrl string
		entry
		Entries []entry
	}
	err := json.NewDecoder(r.Body).Decode(&in)
	operation, ours := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.SendMessage")
	if err != nil || !ours || (operation == "Batch") != (len(in.Entries) > 0) || len(in.Entries) > 10 || r.URL.Path != "/" ||
		r.Header.Get("Content-Type") != "application/x-amz-json-1.0" || r.Header.Get("Authorization") == "" {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	if strings.HasSuffix(in.QueueUrl, "/gone") {
		w.Header().Set("X-Amzn-Query-Error", "AWS.SimpleQueueService.NonExistentQueue;Sender")
		http.Error(w, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}`, http.StatusBadRequest)
		return
	}
	q.urls = append(q.urls, in.QueueUrl)
	if len(in.Entries) == 0 {
		fmt.Fprint(w, q.take(in.entry.MessageBody, ""))
		return
	}
	var taken []string
	for i, e := range in.Entries {
		if i > 0 && q.partial { // only the first one gets through
			fmt.Fprintf(w, `{"Successful":[%s],"Failed":[{"Id":"%s","Code":"InternalError"}]}`, strings.Join(taken, ","), e.Id)
			return
		}
		taken = append(taken, q.take(e.MessageBody, `"Id":"`+e.Id+`",`))
	}
	fmt.Fprintf(w, `{"Successful":[%s],"Failed":[]}`, strings.Join(taken, ","))
}

func (q *inbox) take(message, id string) (answer string) {
	q.messages = append(q.messages, message)
	sum := md5.Sum([]byte(message))
	return fmt.Sprintf(`{%s"MessageId":"1","MD5OfMessageBody":"%s"}`, id, hex.EncodeToString(sum[:]))
}

func (q *inbox) fail(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failing = n
}

func (q *inbox) all() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]string(nil), q.messages...)
}

func flush(t *testing.T, s *stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.server.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestObjects(t *testing.T) {
	s := start(t, Config{}).bucket()
	for name, client := range map[string]*sdk.Client{"plain": s.client, "with checksums": s.summed} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			key := aws.String("dir/" + name + ".csv")
			bucket := aws.String(testBucket)
			content := []byte("a,b,c\n1,2,3\n")
			put, err := client.PutObject(ctx, &sdk.PutObjectInput{
				Bucket: bucket, Key: key, Body: bytes.NewReader(content), ContentType: aws.String("text/csv"),
				Metadata: map[string]string{"first-ordinal": "1", "shard": "shardId-000000000000"},
			})
			if err != nil {
				t.Fatal(err)
			}
			sum := md5.Sum(content)
			want := `"` + hex.EncodeToString(sum[:]) + `"`
			if aws.ToString(put.ETag) != want {
				t.Errorf("ETag of put is %s, want %s", aws.ToString(put.ETag), want)
			}
			head, err := client.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: bucket, Key: key})
			if err != nil {
				t.Fatal(err)
			}
			if aws.ToString(head.ContentType) != "text/csv" || head.Metadata["shard"] != "shardId-000000000000" ||
				head.Metadata["first-ordinal"] != "1" || aws.ToInt64(head.ContentLength) != int64(len(content)) ||
				aws.ToString(head.ETag) != want || time.Since(aws.ToTime(head.LastModified)) > time.Minute {
				t.Errorf("head: %+v", head)
			}
			s.mustGet(*key, string(content))
			part, err := client.GetObject(ctx, &sdk.GetObjectInput{Bucket: bucket, Key: key, Range: aws.String("bytes=2-4")})
			if err != nil {
				t.Fatal(err)
			}
			data, _ := io.ReadAll(part.Body)
			_ = part.Body.Close()
			if string(data) != "b,c" || aws.ToString(part.ContentRange) != "bytes 2-4/12" {
				t.Errorf("range: %q, %s", data, aws.ToString(part.ContentRange))
			}
			_, err = client.GetObject(ctx, &sdk.GetObjectInput{Bucket: bucket, Key: key, Range: aws.String("bytes=99-")})
			wantCode(t, "range behind the end", err, "InvalidRange")
			_, err = client.GetObject(ctx, &sdk.GetObjectInput{Bucket: bucket, Key: key, IfMatch: aws.String(`"other"`)})
			wantCode(t, "If-Match read", err, "PreconditionFailed")
			_, err = client.GetObject(ctx, &sdk.GetObjectInput{Bucket: bucket, Key: key, IfNoneMatch: aws.String(want)})
			wantCode(t, "If-None-Match read", err, "NotModified")

			copied, err := client.CopyObject(ctx, &sdk.CopyObjectInput{
				Bucket: bucket, Key: aws.String(*key + "2"), CopySource: aws.String(testBucket + "/" + strings.ReplaceAll(*key, " ", "%20")),
			})
			if err != nil {
				t.Fatal(err)
			}
			if aws.ToString(copied.CopyObjectResult.ETag) != want {
				t.Errorf("ETag of the copy is %s", aws.ToString(copied.CopyObjectResult.ETag))
			}
			copyHead, err := client.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: bucket, Key: aws.String(*key + "2")})
			if err != nil || copyHead.Metadata["shard"] != "shardId-000000000000" || aws.ToString(copyHead.ContentType) != "text/csv" {
				t.Errorf("head of the copy: %+v, %v", copyHead, err)
			}
			s.mustGet(*key+"2", string(content))
			for _, k := range []string{*key, *key + "2", "never there"} {
				if _, err := client.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: bucket, Key: aws.String(k)}); err != nil {
					t.Fatal(err)
				}
				_, err = client.GetObject(ctx, &sdk.GetObjectInput{Bucket: bucket, Key: aws.String(k)})
				wantCode(t, "get of a deleted key", err, "NoSuchKey")
			}
		})
	}
	if count, size, err := s.server.Objects(testBucket, ""); count != 0 || size != 0 || err != nil {
		t.Errorf("left over: %d objects, %d bytes, %v", count, size, err)
	}
}
