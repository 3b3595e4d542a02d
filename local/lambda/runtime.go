package lambda

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
)

const (
	runtimePath      = "/2018-06-01/runtime"
	trailerErrorType = "Lambda-Runtime-Function-Error-Type"
	trailerErrorBody = "Lambda-Runtime-Function-Error-Body"
)

// runtimeAPI serves the Lambda Runtime API to the child's one process.
func (c *child) runtimeAPI(fn *function) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtimePath+"/invocation/next", func(w http.ResponseWriter, r *http.Request) { c.next(fn, w, r) })
	mux.HandleFunc("POST "+runtimePath+"/invocation/{id}/response", c.response)
	mux.HandleFunc("POST "+runtimePath+"/invocation/{id}/error", c.failure)
	mux.HandleFunc("POST "+runtimePath+"/init/error", c.initFailure)
	return mux
}

// next parks the process until there is a call for it.
func (c *child) next(fn *function, w http.ResponseWriter, r *http.Request) {
	if c.busy() {
		runtimeError(w, http.StatusForbidden, "InvalidStateTransition", "the current invocation has no response yet")
		return
	}
	select {
	case c.ready <- struct{}{}:
	default:
	}
	var call *call
	select {
	case call = <-c.calls:
	case <-r.Context().Done():
		return
	}
	c.mu.Lock()
	c.current = call
	c.mu.Unlock()
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Lambda-Runtime-Aws-Request-Id", call.id)
	header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(call.deadline.UnixMilli(), 10))
	header.Set("Lambda-Runtime-Invoked-Function-Arn", fn.arn())
	if call.clientContext != "" {
		header.Set("Lambda-Runtime-Client-Context", call.clientContext)
	}
	w.Write(call.event)
}

func (c *child) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current != nil
}

// response takes the function's answer. A streamed answer reports its failure in trailers, after a body that then
// counts for nothing.
func (c *child) response(w http.ResponseWriter, r *http.Request) {
	body, fits, err := readWithin(r.Body, maxSyncBytes)
	if err == nil && !fits {
		c.finish(r.PathValue("id"), errorDocument("Function.ResponseSizeTooLarge",
			"Response payload size exceeded maximum allowed payload size ("+strconv.Itoa(maxSyncBytes)+" bytes)."), true)
		runtimeError(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the response exceeds 6 MB")
		return
	}
	if err != nil {
		runtimeError(w, http.StatusBadRequest, "InvalidRequest", "the response could not be read to its end")
		return
	}
	failed := r.Trailer.Get(trailerErrorType) != ""
	if failed {
		body = trailerError(r.Trailer)
	}
	c.accept(w, r.PathValue("id"), body, failed)
}

// trailerError decodes the error that a streaming function met after its response had begun.
func trailerError(trailer http.Header) []byte {
	body, err := base64.StdEncoding.DecodeString(trailer.Get(trailerErrorBody))
	if err != nil || !json.Valid(body) {
		return errorDocument(trailer.Get(trailerErrorType), "the function failed while it streamed its response")
	}
	return body
}

// failure takes the function's error document.
func (c *child) failure(w http.ResponseWriter, r *http.Request) {
	body, fits, err := readWithin(r.Body, maxSyncBytes)
	if err != nil || !fits || !json.Valid(body) {
		body = errorDocument("Runtime.Unknown", "the function failed and its error document could not be read")
	}
	c.accept(w, r.PathValue("id"), body, true)
}

// initFailure keeps what a runtime says before it gives up; the exit that follows is what fails the call.
func (c *child) initFailure(w http.ResponseWriter, r *http.Request) {
	body, fits, err := readWithin(r.Body, maxSyncBytes)
	if err == nil && fits && json.Valid(body) {
		c.mu.Lock()
		c.initErr = body
		c.mu.Unlock()
	}
	w.WriteHeader(http.StatusAccepted)
}

func (c *child) accept(w http.ResponseWriter, id string, payload []byte, failed bool) {
	if !c.finish(id, payload, failed) {
		runtimeError(w, http.StatusBadRequest, "InvalidRequestID", "no invocation with this id is waiting for a response")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// finish settles the current call, once. It is false for any other: a second answer, or one that came too late.
func (c *child) finish(id string, payload []byte, failed bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil || c.current.id != id {
		return false
	}
	c.current.payload, c.current.failed = payload, failed
	close(c.current.done)
	c.current = nil
	return true
}

func runtimeError(w http.ResponseWriter, status int, name, message string) {
	writeJSON(w, status, map[string]string{"errorType": name, "errorMessage": message})
}

// errorDocument is the payload of a failed invocation.
func errorDocument(name, message string) []byte {
	body, err := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{name, message})
	if err != nil {
		return []byte(`{"errorType":"Runtime.Unknown"}`)
	}
	return body
}
