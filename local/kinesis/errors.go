package kinesis

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// apiError is an error as the service reports it.
type apiError struct {
	Code    string
	Message string
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

// status is the HTTP status that goes with the code.
func (e *apiError) status() int {
	switch e.Code {
	case codeInternal:
		return http.StatusInternalServerError
	case codeTooLarge:
		return http.StatusRequestEntityTooLarge
	case codeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

const (
	codeInternal    = "InternalFailure"
	codeUnavailable = "ServiceUnavailable"
	codeTooLarge    = "RequestEntityTooLargeException"
	codeThroughput  = "ProvisionedThroughputExceededException"
)

func invalidArgument(format string, args ...any) error {
	return &apiError{"InvalidArgumentException", fmt.Sprintf(format, args...)}
}

func limitExceeded(format string, args ...any) error {
	return &apiError{"LimitExceededException", fmt.Sprintf(format, args...)}
}

func inUse(format string, args ...any) error {
	return &apiError{"ResourceInUseException", fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &apiError{"ResourceNotFoundException", fmt.Sprintf(format, args...)}
}

func unreadable(format string, args ...any) error {
	return &apiError{"SerializationException", fmt.Sprintf(format, args...)}
}

func (s *Server) streamNotFound(name string) error {
	return notFound("Stream %s under account %s not found.", name, s.cfg.AccountID)
}

func (s *Server) rateExceeded(sh *shard) *apiError {
	return &apiError{codeThroughput, fmt.Sprintf("Rate exceeded for shard %s in stream %s under account %s.", sh.id(), sh.stream.Name, s.cfg.AccountID)}
}

func expiredIterator(created, now time.Time) error {
	const layout = "Mon Jan 02 15:04:05 UTC 2006"
	return &apiError{"ExpiredIteratorException", fmt.Sprintf(
		"Iterator expired. The iterator was created at time %s while right now it is %s which is further in the future than the tolerated delay of %d milliseconds.",
		created.UTC().Format(layout), now.UTC().Format(layout), tokenLife.Milliseconds())}
}

// internal hides an error of ours from the client; the caller logs it.
func internal() *apiError {
	return &apiError{codeInternal, "The server could not complete the request; its log says why."}
}

// asAPI returns the error to report, and whether it is unexpected and belongs in the log.
func asAPI(err error) (api *apiError, unexpected bool) {
	if errors.As(err, &api) {
		return api, false
	}
	return internal(), true
}

// violations collects what is wrong with a request, worded as the service does. It names fields and never repeats
// data.
type violations []string

func (v *violations) add(ok bool, value any, field, constraint string, args ...any) {
	if ok {
		return
	}
	shown := "Value"
	if value != nil {
		shown = fmt.Sprintf("Value '%v'", value)
	}
	*v = append(*v, fmt.Sprintf("%s at '%s' failed to satisfy constraint: %s", shown, field, fmt.Sprintf(constraint, args...)))
}

// between checks a number that is absent or lies in a range.
func (v *violations) between(n *int64, field string, low, high int64) {
	if n == nil {
		return
	}
	v.add(*n >= low, *n, field, "Member must have value greater than or equal to %d", low)
	v.add(*n <= high, *n, field, "Member must have value less than or equal to %d", high)
}

// required checks that a text is present.
func (v *violations) required(text, field string) {
	v.add(text != "", "null", field, "Member must not be null")
}

// err is nil if nothing is wrong.
func (v violations) err() error {
	if len(v) == 0 {
		return nil
	}
	plural := ""
	if len(v) > 1 {
		plural = "s"
	}
	return &apiError{"ValidationException", fmt.Sprintf("%d validation error%s detected: %s", len(v), plural, strings.Join(v, "; "))}
}
