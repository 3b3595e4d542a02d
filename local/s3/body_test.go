package s3

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// frame makes an aws-chunked body of two chunks.
func frame(content, extension, trailers string) string {
	half := len(content) / 2
	return fmt.Sprintf("%x%s\r\n%s\r\n%x%s\r\n%s\r\n0%s\r\n%s\r\n",
		half, extension, content[:half], len(content)-half, extension, content[half:], extension, trailers)
}

func crcOf(content string) string {
	sum := crc32.NewIEEE()
	_, _ = sum.Write([]byte(content))
	return base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

// TestContentChecks sends bodies that are and are not what they claim to be. What is refused must not be stored.
func TestContentChecks(t *testing.T) {
	s := start(t, Config{}).bucket()
	const text = "first half, second half"
	length := fmt.Sprint(len(text))
	streaming := func(kind string, more ...string) http.Header {
		h := http.Header{"X-Amz-Content-Sha256": {kind}, "X-Amz-Decoded-Content-Length": {length}, "Content-Encoding": {"aws-chunked"}}
		for i := 0; i < len(more); i += 2 {
			h.Set(more[i], more[i+1])
		}
		return h
	}
	const unsigned, signed = "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	crcTrailer := "x-amz-checksum-crc32:" + crcOf(text) + "\r\n"
	for _, tt := range []struct {
		name   string
		header http.Header
		body   string
		code   string // "" means stored
	}{
		{"plain", nil, text, ""},
		{"MD5", http.Header{"Content-Md5": {"kAFQmDzST7DWlj99KOF/cg=="}}, "abc", ""},
		{"false MD5", http.Header{"Content-Md5": {"kAFQmDzST7DWlj99KOF/cg=="}}, "abd", "BadDigest"},
		{"no MD5 at all", http.Header{"Content-Md5": {"abc"}}, "abc", "InvalidDigest"},
		{"crc32", http.Header{"X-Amz-Checksum-Crc32": {crcOf(text)}}, text, ""},
		{"false crc32", http.Header{"X-Amz-Checksum-Crc32": {crcOf(text)}}, text + "!", "BadDigest"},
		{"false crc32c", http.Header{"X-Amz-Checksum-Crc32c": {"AAAAAA=="}}, text, "BadDigest"},
		{"false crc64nvme", http.Header{"X-Amz-Checksum-Crc64nvme": {"AAAAAAAAAAA="}}, text, "BadDigest"},
		{"crc64nvme", http.Header{"X-Amz-Checksum-Crc64nvme": {"rosUhgp5mIg="}}, "123456789", ""},
		{"false sha1", http.Header{"X-Amz-Checksum-Sha1": {"AAAAAAAAAAAAAAAAAAAAAAAAAAA="}}, text, "BadDigest"},
		{"unknown checksum", http.Header{"X-Amz-Checksum-Xxhash": {"AA=="}}, text, "NotImplemented"},
		{"checksum of the wrong length", http.Header{"X-Amz-Checksum-Crc32": {"AA=="}}, text, "InvalidRequest"},
		{"false payload hash", http.Header{"X-Amz-Content-Sha256": {strings.Repeat("00", 32)}}, text, "BadDigest"},
		{"strange payload", http.Header{"X-Amz-Content-Sha256": {"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"}}, text, "NotImplemented"},
		{"stray decoded length", http.Header{"X-Amz-Decoded-Content-Length": {"3"}}, text, ""},

		{"trailer", streaming(unsigned, "X-Amz-Trailer", "x-amz-checksum-crc32"), frame(text, "", crcTrailer), ""},
		{"no trailer announced", streaming(unsigned), frame(text, "", ""), ""},
		{"false trailer", streaming(unsigned, "X-Amz-Trailer", "x-amz-checksum-crc32"), frame(text, "", "x-amz-checksum-crc32:AAAAAA==\r\n"), "BadDigest"},
		{"missing trailer", streaming(unsigned, "X-Amz-Trailer", "x-amz-checksum-crc32"), frame(text, "", ""), "InvalidRequest"},
		{"unknown trailer", streaming(unsigned, "X-Amz-Trailer", "x-amz-checksum-xxhash"), frame(text, "", ""), "NotImplemented"},
		{"signed chunks", streaming(signed), frame(text, ";chunk-signature=00", ""), ""},
		{"signed chunks with trailer", streaming(signed+"-TRAILER", "X-Amz-Trailer", "x-amz-checksum-crc32"),
			frame(text, ";chunk-signature=00", crcTrailer+"x-amz-trailer-signature:00\r\n"), ""},
		{"longer than declared", streaming(unsigned), frame(text+"more", "", ""), "IncompleteBody"},
		{"shorter than declared", streaming(unsigned), frame(text[:9], "", ""), "IncompleteBody"},
		{"no framing", streaming(unsigned), text, "IncompleteBody"},
		{"framing cut off", streaming(unsigned), frame(text, "", "")[:20], "IncompleteBody"},
		{"end cut off", streaming(unsigned), strings.TrimSuffix(frame(text, "", ""), "0\r\n\r\n"), "IncompleteBody"},
		{"line end missing", streaming(unsigned), strings.Replace(frame(text, "", ""), "\r\n0", "0", 1), "IncompleteBody"},
	} {
		for _, path := range []string{"", "part"} {
			key := strings.ReplaceAll(tt.name, " ", "-") + path
			target := "/" + testBucket + "/" + key
			var id *string
			if path == "part" {
				id = s.begin(key)
				target += "?partNumber=1&uploadId=" + *id
			}
			status, answer := s.raw(http.MethodPut, target, tt.header, strings.NewReader(tt.body))
			if tt.code != "" {
				if status < 400 || !strings.Contains(answer, "<Code>"+tt.code+"</Code>") {
					t.Errorf("%s %s: %d %s", tt.name, path, status, answer)
				}
				_, err := s.get(key)
				wantCode(t, tt.name+": refused object", err, "NoSuchKey")
				continue
			}
			if status != http.StatusOK {
				t.Errorf("%s %s: %d %s", tt.name, path, status, answer)
				continue
			}
			if id == nil {
				want := tt.body
				if strings.HasPrefix(tt.header.Get("X-Amz-Content-Sha256"), "STREAMING") {
					want = text
				}
				s.mustGet(key, want)
			}
		}
	}
	head, err := s.summed.HeadObject(t.Context(), &sdk.HeadObjectInput{
		Bucket: aws.String(testBucket), Key: aws.String("trailer"), ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil || aws.ToString(head.ChecksumCRC32) != crcOf(text) || aws.ToString(head.ContentEncoding) != "" {
		t.Errorf("object with a trailer checksum: %+v, %v", head, err)
	}
	if left := s.server.backend.disk.path(folderTemp); !emptyFolder(t, left) {
		t.Error("refused bodies left temporary files")
	}
}

// TestTrailersOfTheSDK sends a body of unknown length over TLS, which the SDK does with a trailer.
func TestTrailersOfTheSDK(t *testing.T) {
	s := start(t, Config{}).bucket()
	secure := httptest.NewTLSServer(s.server)
	defer secure.Close()
	client := sdk.New(s.summed.Options(), func(o *sdk.Options) {
		o.BaseEndpoint, o.HTTPClient = aws.String(secure.URL), secure.Client()
	})
	text := strings.Repeat("some text ", 100_000)
	for algorithm, want := range map[types.ChecksumAlgorithm]string{
		"CRC32": "", "CRC32C": "", "CRC64NVME": "", "SHA1": "", "SHA256": "", "SHA512": "NotImplemented",
	} {
		_, err := client.PutObject(t.Context(), &sdk.PutObjectInput{
			Bucket: aws.String(testBucket), Key: aws.String(string(algorithm)), ChecksumAlgorithm: algorithm,
			Body: io.MultiReader(strings.NewReader(text)), ContentLength: aws.Int64(int64(len(text))),
		})
		wantCode(t, string(algorithm), err, want)
		if want == "" {
			s.mustGet(string(algorithm), text)
		}
	}
}

// TestCutConnection ends a body early by closing the connection.
func TestCutConnection(t *testing.T) {
	s := start(t, Config{}).bucket()
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.http.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(connection, "PUT /%s/cut HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: x\r\nContent-Length: 100\r\n\r\nonly this", testBucket)
	if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(connection)
	_ = connection.Close()
	if !bytes.Contains(answer, []byte("IncompleteBody")) {
		t.Errorf("answer to a body cut short: %s", answer)
	}
	_, err = s.get("cut")
	wantCode(t, "cut object", err, "NoSuchKey")
}

func FuzzChunked(f *testing.F) {
	f.Add(frame("hello world", "", ""))
	f.Add(frame("hello world", ";chunk-signature=00", "x-amz-checksum-crc32:AAAAAA==\r\n"))
	f.Add("5\r\nhello\r\n0\r\n\r\n")
	f.Add("ffffffffffffffff\r\n")
	f.Fuzz(func(t *testing.T, wire string) {
		c := newChunked(strings.NewReader(wire))
		content, err := io.ReadAll(c)
		if err != nil {
			return
		}
		// What was accepted is what a sender of one chunk would have sent.
		again, err := io.ReadAll(newChunked(strings.NewReader(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(content), content))))
		if len(content) > 0 && (err != nil || !bytes.Equal(again, content)) {
			t.Errorf("%q gave %q, then %q, %v", wire, content, again, err)
		}
		if len(content) > len(wire) {
			t.Errorf("%d bytes out of %d", len(content), len(wire))
		}
	})
}
