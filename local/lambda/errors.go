package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

var (
	// errThrottled is an invocation that found no free slot: it is nobody's failure and is never counted as an attempt.
	errThrottled = errors.New("rate exceeded: every concurrent execution of the function is in use")
	// errClosing is an invocation that the end of the host refused or broke off: its caller keeps the event.
	errClosing = errors.New("the Lambda host is closing")
	// errInUse is a folder that another host holds.
	errInUse = errors.New("the folder is in use")
)

// apiError is an answer of the Lambda API other than success.
type apiError struct {
	status  int
	name    string
	message string
}

func (e *apiError) Error() string { return e.name + ": " + e.message }

func invalidParameter(format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, "InvalidParameterValueException", fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *apiError {
	return &apiError{http.StatusNotFound, "ResourceNotFoundException", fmt.Sprintf(format, args...)}
}

func conflict(format string, args ...any) *apiError {
	return &apiError{http.StatusConflict, "ResourceConflictException", fmt.Sprintf(format, args...)}
}

func tooLarge(limit int) *apiError {
	return &apiError{http.StatusRequestEntityTooLarge, "RequestTooLargeException",
		fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", limit)}
}

func unsupported(operation string) *apiError {
	return invalidParameter("%s is not supported by this host", operation)
}

// asAPIError gives every failure its name on the wire. What is not foreseen is the host's own fault, so it becomes a
// ServiceException, which the official SDKs retry.
func asAPIError(err error) *apiError {
	var known *apiError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, errThrottled):
		return &apiError{http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded."}
	case errors.Is(err, errClosing):
		return &apiError{http.StatusServiceUnavailable, "ServiceException", errClosing.Error()}
	}
	return &apiError{http.StatusInternalServerError, "ServiceException", err.Error()}
}

func writeError(w http.ResponseWriter, err error) {
	e := asAPIError(err)
	fault := "User"
	if e.status >= http.StatusInternalServerError {
		fault = "Service"
	}
	w.Header().Set("X-Amzn-ErrorType", e.name)
	// The API spells the member in both ways, depending on the exception.
	body := map[string]string{"Type": fault, "Message": e.message, "message": e.message}
	if e.name == "TooManyRequestsException" {
		body["Reason"] = "ReservedFunctionConcurrentInvocationLimitExceeded"
	}
	writeJSON(w, e.status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, `{"message":"the answer could not be written as JSON"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text)
}
