package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
)

const (
	maxSyncBytes  = 6 << 20 // request and response of a synchronous invocation
	maxAsyncBytes = 1 << 20
)

// invoke is the Invoke operation in its three forms: wait for the answer, queue the event, or only check the name.
func (s *Server) invoke(w http.ResponseWriter, r *http.Request) error {
	fn, err := s.requested(r)
	if err != nil {
		return err
	}
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
		return s.invokeNow(w, r, fn)
	case "Event":
		return s.invokeLater(w, r, fn)
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
		return nil
	default:
		return invalidParameter("invocation type %q is not RequestResponse, Event or DryRun", clip(kind))
	}
}

func (s *Server) invokeNow(w http.ResponseWriter, r *http.Request, fn *function) error {
	event, err := readEvent(r, maxSyncBytes)
	if err != nil {
		return err
	}
	clientContext, err := readClientContext(r)
	if err != nil {
		return err
	}
	id := w.Header().Get("X-Amzn-Requestid")
	res, err := fn.invoke(s.calls, id, event, clientContext)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("X-Amz-Executed-Version", latestVersion)
	if res.failed {
		header.Set("X-Amz-Function-Error", "Unhandled")
	}
	if r.Header.Get("X-Amz-Log-Type") == "Tail" {
		header.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(res.tail))
	}
	header.Set("Content-Type", "application/json")
	w.Write(res.payload)
	return nil
}

// invokeLater answers 202 only after the event is durable.
func (s *Server) invokeLater(w http.ResponseWriter, r *http.Request, fn *function) error {
	event, err := readEvent(r, maxAsyncBytes)
	if err != nil {
		return err
	}
	id := w.Header().Get("X-Amzn-Requestid")
	if err := s.queue.add(fn.Name, id, event); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// readEvent reads a request's event. No event at all is the empty object, as on AWS.
func readEvent(r *http.Request, limit int) ([]byte, error) {
	event, fits, err := readWithin(r.Body, limit)
	if err != nil {
		return nil, &apiError{http.StatusBadRequest, "InvalidRequestContentException", "the request body ended early"}
	}
	if !fits {
		return nil, tooLarge(limit)
	}
	if len(event) == 0 {
		return []byte("{}"), nil
	}
	if !json.Valid(event) {
		return nil, &apiError{http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json"}
	}
	return event, nil
}

// readClientContext decodes the client context into one line, as it travels on in a header.
func readClientContext(r *http.Request) (string, error) {
	encoded := r.Header.Get("X-Amz-Client-Context")
	if encoded == "" {
		return "", nil
	}
	var line bytes.Buffer
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err == nil {
		err = json.Compact(&line, text)
	}
	if err != nil {
		return "", &apiError{http.StatusBadRequest, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object."}
	}
	return line.String(), nil
}

// readWithin reads a body of at most limit bytes. A larger one is read on to its end, within reason, and dropped: a
// client that is still sending would otherwise see a broken connection instead of the answer.
func readWithin(body io.Reader, limit int) (content []byte, fits bool, err error) {
	const patience = 64 << 20
	content, err = io.ReadAll(io.LimitReader(body, int64(limit)+1))
	if err != nil || len(content) <= limit {
		return content, err == nil, err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(body, patience))
	return nil, false, err
}
