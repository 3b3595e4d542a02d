package warehouse

import (
	"context"
	"crypto/md5"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// maxMessage is the limit of SQS for one call, in bytes.
const maxMessage = 1 << 20

// queue takes bucket notifications for pipes and keeps them in the database until their files are loaded. Messages
// that arrive together are committed together.
type queue struct {
	server *Server

	mu      sync.Mutex // covers the fields below
	nextID  int64
	waiting []*arrival
	busy    bool
}

// arrival is a message that waits for the commit of its notices.
type arrival struct {
	byPipe map[int64][]string
	done   chan error
}

func openQueue(ctx context.Context, s *Server) (*queue, error) {
	q := &queue{server: s}
	err := s.engine.db.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM "warehouse"."queue"`).Scan(&q.nextID)
	if err != nil {
		return nil, fmt.Errorf("read the queue of notices: %w", err)
	}
	return q, nil
}

// queueName is the one queue of this account and region, which serves all pipes.
func (s *Server) queueName() string {
	sum := md5.Sum([]byte(strings.ToUpper(s.cfg.Account)))
	return "sf-snowpipe-" + s.cfg.AccountID + "-" + hex.EncodeToString(sum[:8])
}

func (s *Server) queueARN() string {
	return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", s.cfg.Region, s.cfg.AccountID, s.queueName())
}

// insert writes notices in the transaction of conn.
func (q *queue) insert(ctx context.Context, conn *sql.Conn, pipe int64, keys []string, received time.Time) error {
	if len(keys) == 0 {
		return nil
	}
	q.mu.Lock()
	first := q.nextID + 1
	q.nextID += int64(len(keys))
	q.mu.Unlock()
	_, err := conn.ExecContext(ctx, `INSERT INTO "warehouse"."queue" SELECT $1::BIGINT + i - 1, $2::BIGINT, k[i], $3::TIMESTAMPTZ
		FROM (SELECT k, unnest(range(1, len(k) + 1)) AS i FROM (SELECT $4::VARCHAR[] AS k))`, first, pipe, received.UTC(), keys)
	return err
}

// send commits the notices of one message, together with those of others that arrive meanwhile. The first to come
// commits for all who wait.
func (q *queue) send(ctx context.Context, byPipe map[int64][]string) error {
	a := &arrival{byPipe: byPipe, done: make(chan error, 1)}
	q.mu.Lock()
	q.waiting = append(q.waiting, a)
	lead := !q.busy
	q.busy = true
	q.mu.Unlock()
	if lead {
		q.commit(context.WithoutCancel(ctx))
	}
	return <-a.done
}

func (q *queue) commit(ctx context.Context) {
	for {
		q.mu.Lock()
		batch := q.waiting
		q.waiting = nil
		q.busy = len(batch) > 0
		q.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		now := time.Now()
		err := q.server.engine.autocommit(ctx, func(ctx context.Context, conn *sql.Conn) error {
			for _, a := range batch {
				for pipe, keys := range a.byPipe {
					if err := q.insert(ctx, conn, pipe, keys, now); err != nil {
						return err
					}
				}
			}
			return nil
		})
		for _, a := range batch {
			a.done <- err
		}
	}
}

// handleSQS answers the part of the SQS protocol that a bucket needs to deliver its notifications.
func (s *Server) handleSQS(w http.ResponseWriter, r *http.Request) {
	if !signed(r) {
		sqsError(w, http.StatusForbidden, "InvalidClientTokenId", "The request is not signed.")
		return
	}
	target := r.Header.Get("X-Amz-Target")
	if target != sqsTarget+"SendMessage" && target != sqsTarget+"SendMessageBatch" {
		sqsError(w, http.StatusBadRequest, "InvalidAction", "Only SendMessage and SendMessageBatch are known here.")
		return
	}
	var body sqsRequest
	r.Body = http.MaxBytesReader(w, r.Body, 2*maxMessage)
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		sqsError(w, http.StatusBadRequest, "InvalidParameterValue", "The body is not JSON.")
		return
	}
	if !strings.HasSuffix(body.QueueURL, "/"+s.cfg.AccountID+"/"+s.queueName()) {
		sqsError(w, http.StatusBadRequest, "QueueDoesNotExist", "The specified queue does not exist.")
		return
	}
	batch := target == sqsTarget+"SendMessageBatch"
	if !batch {
		body.Entries = []sqsEntry{{Message: body.Message}}
	}
	if refused := body.check(); refused != "" {
		sqsError(w, http.StatusBadRequest, "InvalidParameterValue", refused)
		return
	}
	if err := s.receive(r.Context(), body.Entries); err != nil {
		s.log.Error("a notice could not be stored", "number", translate(err).Number)
		sqsError(w, http.StatusServiceUnavailable, "ServiceUnavailable", "The message could not be stored: send it again.")
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if !batch {
		_ = json.NewEncoder(w).Encode(body.Entries[0].taken())
		return
	}
	answer := []map[string]string{}
	for _, e := range body.Entries {
		one := e.taken()
		one["Id"] = e.ID
		answer = append(answer, one)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"Successful": answer, "Failed": []string{}})
}

const sqsTarget = "AmazonSQS."

// sqsRequest is SendMessage, or SendMessageBatch with up to ten entries.
type sqsRequest struct {
	QueueURL string `json:"QueueUrl"`
	Message  string `json:"MessageBody"`
	Entries  []sqsEntry
}

type sqsEntry struct {
	ID      string `json:"Id"`
	Message string `json:"MessageBody"`
}

// check says what is wrong with the messages.
func (r *sqsRequest) check() (refused string) {
	if len(r.Entries) == 0 || len(r.Entries) > 10 {
		return "Entries must be 1 to 10."
	}
	size := 0
	for _, e := range r.Entries {
		if size += len(e.Message); e.Message == "" || size > maxMessage {
			return "MessageBody is missing or too long."
		}
	}
	return ""
}

func (e sqsEntry) taken() map[string]string {
	sum := md5.Sum([]byte(e.Message))
	return map[string]string{"MessageId": uuid.NewString(), "MD5OfMessageBody": hex.EncodeToString(sum[:])}
}

// signed checks that the request carries a signature, which no web page can make a browser send. It is the S3 service's
// own, as on AWS, so it names no key of this account, and it is not verified: the listener is on loopback.
func signed(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
}

func sqsError(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("x-amzn-query-error", code+";Sender")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws.sqs#" + code, "message": text})
}

// receive queues what messages announce, in one commit. What is no notification, or concerns no pipe, is accepted and
// forgotten, as a consumer of a queue must do.
func (s *Server) receive(ctx context.Context, messages []sqsEntry) error {
	var objects []created
	for _, m := range messages {
		found, err := parseEvent([]byte(m.Message))
		if err != nil {
			s.log.Warn("a notice is not an S3 event and is ignored", "bytes", len(m.Message))
		}
		objects = append(objects, found...)
	}
	pipes := s.engine.catalog.list("PIPE", func(o *object) bool { return o.Body.AutoIngest })
	byPipe := map[int64][]string{}
	for _, pipe := range pipes {
		_, p, err := s.engine.catalog.locate(pipe.Body.Copy.Stage)
		if err != nil {
			continue
		}
		match, err := compilePattern(pipe.Body.Copy.Pattern)
		if err != nil {
			continue
		}
		for _, o := range objects {
			if o.bucket == p.bucket && strings.HasPrefix(o.key, p.prefix) && (match == nil || match.MatchString(o.key)) {
				byPipe[pipe.ID] = append(byPipe[pipe.ID], o.key)
			}
		}
	}
	s.lastMessage.Store(time.Now().UnixMilli())
	if len(byPipe) == 0 {
		return nil
	}
	if err := s.queue.send(ctx, byPipe); err != nil {
		return err
	}
	s.pipes.wake()
	return nil
}

// created is an object that an event announces.
type created struct{ bucket, key string }

// parseEvent reads an S3 event notification of version 2.x. Keys are form-encoded in it: + is a blank. Events other than
// ObjectCreated, the test event among them, and folder markers are left out.
func parseEvent(message []byte) ([]created, error) {
	var event struct {
		Records []struct {
			EventVersion string `json:"eventVersion"`
			EventName    string `json:"eventName"`
			S3           struct {
				Bucket struct {
					Name string `json:"name"`
				} `json:"bucket"`
				Object struct {
					Key string `json:"key"`
				} `json:"object"`
			} `json:"s3"`
		} `json:"Records"`
	}
	if err := json.Unmarshal(message, &event); err != nil {
		return nil, fmt.Errorf("read an S3 event: %w", err)
	}
	var objects []created
	for _, r := range event.Records {
		name := strings.TrimPrefix(r.EventName, "s3:")
		if !strings.HasPrefix(r.EventVersion, "2.") || !strings.HasPrefix(name, "ObjectCreated:") {
			continue
		}
		key, err := url.QueryUnescape(r.S3.Object.Key)
		if err != nil || key == "" || strings.HasSuffix(key, "/") || r.S3.Bucket.Name == "" {
			continue
		}
		objects = append(objects, created{bucket: r.S3.Bucket.Name, key: key})
	}
	return objects, nil
}
