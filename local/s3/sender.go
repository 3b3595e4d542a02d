package s3

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
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

// errNoQueue is a queue that does not exist: no later try can succeed.
var errNoQueue = errors.New("the queue does not exist")

// send delivers messages of one queue, in order, trying until it succeeds; met is told what each try met. It returns
// errNoQueue for a queue that does not exist, and ctx's error if that ended first.
func (s *sender) send(ctx context.Context, batch []notice, met func(error)) error {
	delay := firstDelay
	for {
		sent, err := s.try(ctx, batch)
		if batch = batch[sent:]; len(batch) == 0 {
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, errNoQueue) {
			return cmp.Or(ctx.Err(), err)
		}
		met(err)
		if sent > 0 {
			delay = firstDelay
		}
		s.log.Warn("s3: delivering an event failed; it will be sent again", "queue", batch[0].Queue, "sequence", batch[0].Sequence, "error", err)
		// Between half the delay and the whole: queues that fail together do not come back together.
		select {
		case <-time.After(delay/2 + rand.N(delay/2)):
		case <-ctx.Done():
			return ctx.Err()
		}
		delay = min(2*delay, lastDelay)
	}
}

// try sends one message by SendMessage, or several by SendMessageBatch, and says how many of them, from the first on,
// the queue has.
func (s *sender) try(ctx context.Context, batch []notice) (sent int, err error) {
	arn, ok := parseARN(batch[0].Queue)
	if !ok {
		return 0, fmt.Errorf("the queue's ARN is damaged")
	}
	operation, body := "SendMessage", map[string]any{"QueueUrl": s.endpoint + "/" + arn.account + "/" + arn.name}
	if len(batch) == 1 {
		body["MessageBody"] = batch[0].Body
	} else {
		operation = "SendMessageBatch"
		entries := make([]map[string]string, len(batch))
		for i, n := range batch {
			entries[i] = map[string]string{"Id": strconv.Itoa(i), "MessageBody": n.Body}
		}
		body["Entries"] = entries
	}
	answer, err := s.call(ctx, operation, encodeJSON(body))
	if err != nil {
		return 0, err
	}
	if len(batch) == 1 {
		answer.Successful = []messageSent{answer.messageSent}
		answer.Successful[0].ID = "0"
	}
	return answer.confirmed(batch)
}

// call makes one call to the queue endpoint.
func (s *sender) call(ctx context.Context, operation, body string) (*sendAnswer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+"/", strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build the call to the queue endpoint: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	request.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	request.Header.Set("Authorization", fmt.Sprintf(senderAuthorization, s.region))
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call the queue endpoint: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of the queue: %w", err)
	}
	if strings.Contains(response.Header.Get("X-Amzn-Query-Error")+string(data), "QueueDoesNotExist") && response.StatusCode == http.StatusBadRequest {
		return nil, errNoQueue
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the queue answered with status %d", response.StatusCode)
	}
	var answer sendAnswer
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("the queue did not answer in JSON")
	}
	return &answer, nil
}

// messageSent is one message that the queue has taken.
type messageSent struct {
	ID        string `json:"Id"`
	MessageID string `json:"MessageId"`
	MD5       string `json:"MD5OfMessageBody"`
}

// sendAnswer is the answer to SendMessage, or to SendMessageBatch.
type sendAnswer struct {
	messageSent
	Successful []messageSent
	Failed     []struct{ Code string }
}

// confirmed counts the messages, from the first on, of which the answer says that the queue has them as they were sent.
func (a *sendAnswer) confirmed(batch []notice) (sent int, err error) {
	taken := map[string]messageSent{}
	for _, m := range a.Successful {
		taken[m.ID] = m
	}
	for i, n := range batch {
		m := taken[strconv.Itoa(i)]
		sum := md5.Sum([]byte(n.Body))
		switch {
		case m.MessageID == "" && len(a.Failed) > 0:
			return i, fmt.Errorf("the queue refused a message with %s", a.Failed[0].Code)
		case m.MessageID == "":
			return i, fmt.Errorf("the queue did not answer with a message id")
		case m.MD5 != hex.EncodeToString(sum[:]):
			return i, fmt.Errorf("the queue received another body than was sent")
		}
	}
	return len(batch), nil
}
