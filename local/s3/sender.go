package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

const (
	sendTimeout = 30 * time.Second
	firstDelay  = 50 * time.Millisecond
	lastDelay   = 10 * time.Second
	maxAnswer   = 64 << 10
	// senderAuthorization has the shape of a signature. A local queue asks who calls, and checks no signature.
	senderAuthorization = "AWS4-HMAC-SHA256 Credential=s3/20260101/%s/sqs/aws4_request, SignedHeaders=host, Signature=0"
)

// sender speaks the JSON protocol of SQS to a queue endpoint.
type sender struct {
	endpoint string
	region   string
	client   *http.Client
	log      *slog.Logger
}

func newSender(endpoint, region string, log *slog.Logger) *sender {
	return &sender{
		endpoint: strings.TrimRight(endpoint, "/"), region: region, log: log,
		client: &http.Client{Timeout: sendTimeout, Transport: &http.Transport{IdleConnTimeout: time.Minute}},
	}
}

// send delivers a message, trying until it succeeds. It returns false if ctx ended first.
func (s *sender) send(ctx context.Context, n notice) bool {
	delay := firstDelay
	for {
		err := s.try(ctx, n)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		s.log.Warn("s3: delivering an event failed; it will be sent again", "queue", n.Queue, "sequence", n.Sequence, "error", err)
		// Between half the delay and the whole: queues that fail together do not come back together.
		select {
		case <-time.After(delay/2 + rand.N(delay/2)):
		case <-ctx.Done():
			return false
		}
		delay = min(2*delay, lastDelay)
	}
}

// try sends one SendMessage call.
func (s *sender) try(ctx context.Context, n notice) error {
	arn, ok := parseARN(n.Queue)
	if !ok {
		return fmt.Errorf("the queue's ARN is damaged")
	}
	call := encodeJSON(map[string]string{
		"QueueUrl":    s.endpoint + "/" + arn.account + "/" + arn.name,
		"MessageBody": n.Body,
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+"/", bytes.NewReader([]byte(call)))
	if err != nil {
		return fmt.Errorf("build the call to the queue endpoint: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	request.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	request.Header.Set("Authorization", fmt.Sprintf(senderAuthorization, s.region))
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("call the queue endpoint: %w", err)
	}
	defer response.Body.Close()
	return checkSent(response, n.Body)
}

// checkSent accepts an answer only if the queue has the message that was sent.
func checkSent(response *http.Response, sent string) error {
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of the queue: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the queue answered with status %d", response.StatusCode)
	}
	var answer struct{ MessageId, MD5OfMessageBody string }
	if err := json.Unmarshal(data, &answer); err != nil || answer.MessageId == "" {
		return fmt.Errorf("the queue did not answer with a message id")
	}
	sum := md5.Sum([]byte(sent))
	if answer.MD5OfMessageBody != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("the queue received another body than was sent")
	}
	return nil
}
