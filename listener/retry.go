package listener

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

// backoff is the pause before a retry: random up to a bound that doubles with each failure in a row (full jitter).
type backoff struct {
	least, most, giveUp time.Duration

	failures int
	// since is when the last success was, or when the work began.
	since time.Time
}

func newBackoff(least, most, giveUp time.Duration) *backoff {
	return &backoff{least: least, most: most, giveUp: giveUp, since: time.Now()}
}

// succeeded starts the pauses over.
func (b *backoff) succeeded() { b.failures, b.since = 0, time.Now() }

// pause is the time to wait after one more failure, false if there was no success for too long.
func (b *backoff) pause() (time.Duration, bool) {
	if time.Since(b.since) >= b.giveUp {
		return 0, false
	}
	bound := b.most
	if b.failures < 30 {
		bound = min(bound, b.least<<b.failures)
	}
	b.failures++
	return rand.N(bound) + 1, true
}

// isThrottle tells whether an error code says "not so fast".
func isThrottle(code string) bool {
	switch code {
	case "ProvisionedThroughputExceededException", "LimitExceededException", "KMSThrottlingException",
		"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException":
		return true
	}
	return false
}

// isThrottled tells whether a whole call was refused for its rate.
func isThrottled(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && isThrottle(api.ErrorCode())
}

// isFinal tells whether sending the same call again cannot help: the service understood it and refused it. A lost
// connection, a torn answer, a 5xx and a throttle are not final.
func isFinal(err error) bool {
	if errors.Is(err, context.Canceled) {
		return true
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	var reply *awshttp.ResponseError
	if errors.As(err, &reply) && (reply.HTTPStatusCode() >= 500 || reply.HTTPStatusCode() == http.StatusTooManyRequests) {
		return false
	}
	// A stream that is being created answers so for a moment.
	var busy *types.ResourceInUseException
	return !isThrottle(api.ErrorCode()) && !errors.As(err, &busy)
}

// hint says what to do about an error that is final.
func hint(err error) string {
	var missing *types.ResourceNotFoundException
	var api smithy.APIError
	switch {
	case errors.As(err, &missing):
		return "check its name and region, or create it"
	case !errors.As(err, &api):
		return "check the endpoint and the network"
	case strings.Contains(api.ErrorCode(), "AccessDenied"):
		return "check the permissions of the credentials"
	case strings.Contains(api.ErrorCode(), "Token"), strings.Contains(api.ErrorCode(), "Signature"):
		return "check the credentials"
	default:
		return "see the message of the service"
	}
}
