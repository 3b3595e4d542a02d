package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"syscall"

	"github.com/google/uuid"
	"github.com/rclone/gofakes3"
)

var (
	errClosed = errors.New("the server is closed; open it again and retry")
	errBroken = errors.New("an earlier flush to disk failed, so nothing more is acknowledged; check the disk and restart")
)

// refuse makes an error that the library answers with the given code, for the codes it knows the HTTP status of.
func refuse(code gofakes3.ErrorCode, message string) error {
	return gofakes3.ErrorMessage(code, message)
}

// refuseAs is refuse for a code the library would answer with status 500.
func refuseAs(ctx context.Context, status int, code gofakes3.ErrorCode, message string) error {
	if call := callFrom(ctx); call != nil {
		call.status = status
	}
	return gofakes3.ErrorMessage(code, message)
}

// The words of AWS for what clients look at most.
const (
	preconditionFailed = "At least one of the pre-conditions you specified did not hold"
	noUploadWords      = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
)

func noSuchKey() error { return refuse(gofakes3.ErrNoSuchKey, "The specified key does not exist.") }

func noSuchUpload() error {
	return refuse(gofakes3.ErrNoSuchUpload, noUploadWords)
}

func malformed() error {
	return refuse(gofakes3.ErrMalformedXML, "The XML you provided was not well-formed or did not validate against our published schema")
}

var errVersionID = refuse(gofakes3.ErrInvalidArgument, "Invalid version id specified")

// ownError is an answer whose code the library does not know.
type ownError struct {
	status        int
	code, message string
}

func (e *ownError) Error() string { return e.code + ": " + e.message }

// internal turns a failure of this machine into the InternalError that a client retries. An answer meant for the
// client passes unchanged.
func internal(log *slog.Logger, action string, err error) error {
	if err == nil {
		return nil
	}
	if answer, ok := errors.AsType[gofakes3.Error](err); ok {
		return answer
	}
	if own, ok := errors.AsType[*ownError](err); ok {
		return own
	}
	log.Error("s3: "+action+" failed", "error", err)
	reason := "see the log of the server"
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		reason = "the disk is full; free some space and retry"
	case errors.Is(err, errBroken):
		reason = errBroken.Error()
	case errors.Is(err, errClosed):
		reason = errClosed.Error()
	case errors.Is(err, errDamaged):
		reason = "the stored object does not match its checksum; write it again from its source"
	}
	return refuse(gofakes3.ErrInternal, action+" failed: "+reason)
}

// errorBody is S3's error document.
type errorBody struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	RequestID string `xml:"RequestId"`
}

// answerError writes S3's error document for requests that never reach the library.
func answerError(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	id := w.Header().Get("x-amz-request-id")
	if id == "" {
		id = uuid.NewString()
		w.Header().Set("x-amz-request-id", id)
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	writeXML(w, errorBody{Code: code, Message: message, RequestID: id})
}

// answer writes err as S3's error document.
func answer(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := errors.AsType[*ownError](err); ok {
		answerError(w, r, e.status, e.code, e.message)
		return
	}
	code, message := words(err)
	answerError(w, r, gofakes3.ErrorCode(code).Status(), code, message)
}

// words are the code and the message of an error.
func words(err error) (code, message string) {
	if response, ok := errors.AsType[*gofakes3.ErrorResponse](err); ok {
		return string(response.Code), response.Message
	}
	if response, ok := errors.AsType[*gofakes3.ErrorInvalidArgumentResponse](err); ok {
		return string(response.Code), response.Message
	}
	if e, ok := errors.AsType[gofakes3.Error](err); ok {
		return string(e.ErrorCode()), e.ErrorCode().Message()
	}
	return string(gofakes3.ErrInternal), "Internal Error"
}

// answerXML writes a successful answer.
func answerXML(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/xml")
	writeXML(w, document)
}

// writeXML ignores failures: the status line has been sent, and a client that went away needs no answer.
func writeXML(w io.Writer, document any) {
	_, _ = io.WriteString(w, xml.Header)
	_ = xml.NewEncoder(w).Encode(document)
}
