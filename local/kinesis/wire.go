package kinesis

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	targetPrefix = "Kinesis_20131202."

	// maxBody is room for 10 MiB of records in base64 with keys and JSON around them.
	maxBody = 20 << 20
	// replyBytes is what a reply may take while it grows to 10 MiB of records in base64.
	replyBytes = 32 << 20
	// keepBytes is the largest buffer that is kept for the next call.
	keepBytes = 1 << 20
	// transferTime is how long a client may take to send a request or to take its answer.
	transferTime = time.Minute
)

// call is one request, with memory that the next one uses again.
type call struct {
	cbor             bool // the encoding of request and answer; JSON otherwise
	body, arena, out []byte

	// What a put says, see decodePut.
	target     target
	orderAfter string
	dryRun     bool
	listed     bool
	entries    []putEntry
	// What becomes of it, see place.
	placed  []placed
	batches []batch
	batchOf []int // by slot in stream.open: number in batches, or -1
}

// operation serves a request whose body is in the call, and leaves the answer there.
type operation func(*call) error

// operation returns nil for a name that is not served.
func (s *Server) operation(name string) operation {
	switch name {
	case "PutRecords":
		return s.putRecords
	case "PutRecord":
		return s.putRecord
	case "GetRecords":
		return s.getRecords
	case "GetShardIterator":
		return answering(s, s.getShardIterator)
	case "ListShards":
		return answering(s, s.listShards)
	case "DescribeStream":
		return answering(s, s.describeStream)
	case "DescribeStreamSummary":
		return answering(s, s.describeStreamSummary)
	case "ListStreams":
		return answering(s, s.listStreams)
	case "GetResourcePolicy":
		return answering(s, s.getPolicy)
	case "DescribeAccountSettings":
		return answering(s, s.accountSettings)
	case "DescribeLimits":
		return answering(s, s.describeLimits)
	case "ListTagsForStream", "ListTagsForResource":
		return answering(s, s.listTags)
	case "DescribeStreamConsumer":
		return answering(s, s.describeConsumer)
	case "ListStreamConsumers":
		return answering(s, s.listConsumers)
	case subscribeToShard:
		return func(*call) error { return nil } // the rest of it needs the connection: see ServeHTTP
	}
	return s.update(name)
}

// update returns the operations that change streams.
func (s *Server) update(name string) operation {
	switch name {
	case "CreateStream":
		return doing(s, s.createStream)
	case "DeleteStream":
		return doing(s, s.deleteStream)
	case "SplitShard":
		return doing(s, s.splitShard)
	case "MergeShards":
		return doing(s, s.mergeShards)
	case "UpdateShardCount":
		return answering(s, s.updateShardCount)
	case "IncreaseStreamRetentionPeriod":
		return doing(s, s.increaseRetention)
	case "DecreaseStreamRetentionPeriod":
		return doing(s, s.decreaseRetention)
	case "UpdateMaxRecordSize":
		return doing(s, s.updateMaxRecordSize)
	case "StartStreamEncryption":
		return doing(s, s.startEncryption)
	case "StopStreamEncryption":
		return doing(s, s.stopEncryption)
	case "EnableEnhancedMonitoring":
		return answering(s, s.enableMonitoring)
	case "DisableEnhancedMonitoring":
		return answering(s, s.disableMonitoring)
	case "UpdateStreamWarmThroughput":
		return answering(s, s.updateWarmThroughput)
	case "PutResourcePolicy":
		return doing(s, s.putPolicy)
	case "DeleteResourcePolicy":
		return doing(s, s.deletePolicy)
	case "UpdateStreamMode":
		return doing(s, s.updateStreamMode)
	case "AddTagsToStream", "TagResource":
		return doing(s, s.addTags)
	case "RemoveTagsFromStream", "UntagResource":
		return doing(s, s.removeTags)
	case "RegisterStreamConsumer":
		return answering(s, s.registerConsumer)
	case "DeregisterStreamConsumer":
		return doing(s, s.deregisterConsumer)
	}
	return nil
}

// doing is answering for a function without an answer: the body is then empty.
func doing[I any](s *Server, f func(*I) error) operation {
	return func(c *call) error {
		var in I
		if err := s.decode(c, &in); err != nil {
			return err
		}
		return f(&in)
	}
}

// answering makes an operation of a function over what the request and its answer hold.
func answering[I, O any](s *Server, f func(*I) (O, error)) operation {
	return func(c *call) error {
		var in I
		if err := s.decode(c, &in); err != nil {
			return err
		}
		out, err := f(&in)
		if err != nil {
			return err
		}
		return s.encode(c, out)
	}
}

// ServeHTTP serves one request: POST, any path, the operation in X-Amz-Target, JSON or CBOR as its Content-Type says.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := s.takeCall()
	defer s.giveCall(c)
	c.cbor = strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-cbor-")
	if !s.enter() {
		s.refuse(w, c, "", &apiError{codeUnavailable, "The server is shutting down."})
		return
	}
	defer s.leave()
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	op, err := s.admit(r, name)
	if err != nil {
		s.refuse(w, c, name, err)
		return
	}
	weight := min(max(r.ContentLength, 0)*2, 2*maxBody)
	if r.ContentLength < 0 {
		weight = 2 * maxBody
	}
	if name == "GetRecords" {
		weight += replyBytes
	}
	if s.memory.Acquire(r.Context(), weight) != nil {
		return // the client has gone
	}
	defer func() { s.memory.Release(weight) }()
	if err := c.read(w, r); err != nil {
		s.refuse(w, c, name, err)
		return
	}
	if name == subscribeToShard {
		s.memory.Release(weight) // each event asks for its own
		weight = 0
		if err := s.subscribe(w, r, c); err != nil {
			s.refuse(w, c, name, err)
		}
		return
	}
	if err := op(c); err != nil {
		s.refuse(w, c, name, err)
		return
	}
	send(w, http.StatusOK, c.contentType(), c.out)
}

// admit checks everything about a request but its body. A browser's request carries an Origin: pages must not reach a
// server on loopback.
func (s *Server) admit(r *http.Request, name string) (operation, error) {
	switch {
	case r.Method != http.MethodPost:
		return nil, &apiError{"UnknownOperationException", "Requests are POST; this one is " + r.Method + "."}
	case r.Header.Get("Origin") != "":
		return nil, &apiError{"AccessDeniedException", "Requests from web pages are refused."}
	case r.Header.Get("Authorization") == "":
		return nil, &apiError{"MissingAuthenticationTokenException", "Missing Authentication Token"}
	case r.ContentLength > maxBody:
		return nil, tooLarge()
	}
	if op := s.operation(name); op != nil {
		return op, nil
	}
	return nil, &apiError{"UnknownOperationException", "Operation " + strconv.Quote(name) + " is not served."}
}

func tooLarge() error {
	return &apiError{codeTooLarge, "The request is larger than " + strconv.Itoa(maxBody) + " bytes."}
}

// read reads the body.
func (c *call) read(w http.ResponseWriter, r *http.Request) error {
	deadline := time.Now().Add(transferTime)
	control := http.NewResponseController(w)
	// Writers that know no deadlines, as in tests, need none.
	_ = control.SetReadDeadline(deadline)
	_ = control.SetWriteDeadline(deadline.Add(transferTime))
	var err error
	if n := int(r.ContentLength); n >= 0 {
		if cap(c.body) < n {
			c.body = make([]byte, n)
		}
		c.body = c.body[:n]
		_, err = io.ReadFull(r.Body, c.body)
	} else {
		c.body, err = io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	}
	switch {
	case err != nil:
		return unreadable("The request ended before its body was complete.")
	case len(c.body) > maxBody:
		return tooLarge()
	}
	return nil
}

// takeCall returns an empty call; giveCall must follow.
func (s *Server) takeCall() *call {
	c, _ := s.calls.Get().(*call)
	if c == nil {
		return &call{}
	}
	*c = call{body: c.body, arena: c.arena, out: c.out[:0], entries: c.entries, placed: c.placed, batches: c.batches, batchOf: c.batchOf}
	return c
}

func (s *Server) giveCall(c *call) {
	if cap(c.body) <= keepBytes && cap(c.arena) <= keepBytes && cap(c.out) <= keepBytes {
		s.calls.Put(c)
	}
}

// refuse answers with an error, and logs it if it is ours.
func (s *Server) refuse(w http.ResponseWriter, c *call, name string, err error) {
	api, unexpected := asAPI(err)
	if unexpected {
		s.log.Error("request failed", "operation", name, "error", err)
	}
	c.out = c.out[:0]
	if err := s.encode(c, map[string]string{"__type": api.Code, "message": api.Message}); err != nil {
		c.out = nil // cannot happen: both are texts
	}
	send(w, api.status(), c.contentType(), c.out)
}

// send writes an answer. An error means that the client has gone, which is its own affair.
func send(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-Requestid", uuid.NewString())
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
