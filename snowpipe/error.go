package snowpipe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
)

// Action is what a caller can do about an error.
type Action uint8

// The actions.
const (
	// GiveUp means that nothing helps but a person: the login is refused, an object is missing, the request is wrong.
	GiveUp Action = iota
	// TryAgain means that the same call may succeed later.
	TryAgain
	// OpenAgain means that the channel is void: open it, and append all that follows its committed token.
	OpenAgain
	// NewClient means that the host or the pipe has moved: make a new client, then open the channels again.
	NewClient
)

var actionNames = [...]string{"give up", "try again", "open the channel again", "make a new client"}

// String is the action in words.
func (a Action) String() string { return actionNames[a] }

// Codes of the service that callers may want to know.
const (
	// CodeUncommitted refuses an open: rows of the previous opener are not committed yet.
	CodeUncommitted = "ERR_CHANNEL_HAS_UNCOMMITTED_DATA"
	// CodeStale refuses an append: somebody has opened the channel since.
	CodeStale = "STALE_CONTINUATION_TOKEN_SEQUENCER"
)

// actions says what a code means. Codes that are not here are judged by the HTTP status.
var actions = map[string]Action{
	CodeStale:                                         OpenAgain,
	"STALE_PIPE_CACHE":                                OpenAgain,
	"ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER":           OpenAgain,
	"ERR_CHANNEL_HAS_INVALID_CLIENT_SEQUENCER":        OpenAgain,
	"ERR_CHANNEL_MUST_BE_REOPENED":                    OpenAgain,
	"ERR_CHANNEL_MUST_BE_REOPENED_DUE_TO_ROW_SEQ_GAP": OpenAgain,
	"ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED": OpenAgain,
	CodeUncommitted:                                   TryAgain,
	"ERR_OPEN_CHANNEL_IN_PROGRESS":                    TryAgain,
	"ReceiverSaturated":                               TryAgain,
	"HttpRetryableClientError":                        TryAgain,
	"ERR_GENERAL_EXCEPTION_RETRY_REQUEST":             TryAgain,
	"InvalidClientException":                          NewClient,
	"ERR_PIPE_DOES_NOT_EXIST":                         GiveUp,
	"ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED":       GiveUp,
	"ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED":         GiveUp,
}

// Error is a call that has failed for good, after what could be repeated was repeated.
type Error struct {
	// Op is what was done to what, such as "append to channel DB.S.T-STREAMING/C".
	Op string
	// Status is the HTTP status, 0 if there was no answer. Code is the service's, empty if it gave none.
	Status int
	Code   string
	// Message is the service's own. That of an append may quote a row: Error leaves it out there.
	Message string
	// RequestID names the call in the service's logs.
	RequestID string
	// Tries is how often the request was sent.
	Tries int
	// Action is what to do now.
	Action Action
	// Err is what went wrong on the way, if there was no answer.
	Err error

	// quiet leaves the service's message out of the text, final says that all that could be repeated was.
	quiet, final bool
}

// Error says what failed, why, and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", e.Op)
	switch {
	case e.Err != nil:
		b.WriteString(e.Err.Error())
	case e.Code != "":
		fmt.Fprintf(&b, "%s (HTTP %d)", e.Code, e.Status)
	default:
		fmt.Fprintf(&b, "HTTP %d", e.Status)
	}
	if e.Message != "" && !e.quiet {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.Tries > 1 {
		fmt.Fprintf(&b, ", after %d tries", e.Tries)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " [request %s]", e.RequestID)
	}
	fmt.Fprintf(&b, "; %s", e.Action)
	return b.String()
}

// Unwrap is what went wrong on the way, such as the context's error.
func (e *Error) Unwrap() error { return e.Err }

// ActionOf is what to do about an error of this package. For any other it is GiveUp.
func ActionOf(err error) Action {
	var e *Error
	if errors.As(err, &e) {
		return e.Action
	}
	return GiveUp
}

// CodeOf is the service's code in an error, empty if there is none.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// judge says what an answer that is no success means.
func judge(status int, code string) Action {
	if action, ok := actions[code]; ok {
		return action
	}
	if strings.HasPrefix(code, "MemoryThresholdExceeded") {
		return TryAgain
	}
	switch {
	case status == http.StatusGone:
		return NewClient
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500 && status != http.StatusNotImplemented,
		status == http.StatusNotFound && code == "": // some proxy on the way
		return TryAgain
	case status == http.StatusConflict:
		return OpenAgain
	}
	return GiveUp
}

const (
	maxCode    = 100
	maxMessage = 300
)

// parseError reads the body of a failed call: {"code","message"}, {"error_code",…} or a JSON string that is the code.
// Anything else, such as a proxy's page, has neither.
func parseError(body []byte) (code, message string) {
	body = bytes.TrimSpace(body)
	var text string
	var object struct {
		Code      json.RawMessage `json:"code"`
		ErrorCode json.RawMessage `json:"error_code"`
		Message   string          `json:"message"`
	}
	switch {
	case json.Unmarshal(body, &text) == nil:
		code = text
	case json.Unmarshal(body, &object) == nil:
		if code = scalar(object.Code); code == "" {
			code = scalar(object.ErrorCode)
		}
		message = printable(object.Message, maxMessage)
	}
	if len(code) > maxCode || strings.ContainsFunc(code, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.:", r)
	}) {
		code = "" // a sentence, not a code
	}
	return code, message
}

// scalar is the text of a JSON string or number.
func scalar(raw json.RawMessage) string {
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return text
	case json.Unmarshal(raw, &number) == nil:
		return number.String()
	}
	return ""
}

// printable is a text on one line, cut at a number of bytes.
func printable(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}

// ended reports whether a context has ended an attempt, and not the attempt's own time.
func ended(ctx context.Context) bool { return ctx.Err() != nil }
