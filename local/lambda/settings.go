package lambda

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	maxMappingRequest = 64 << 10
	reportItems       = "ReportBatchItemFailures"
)

// settings are one event source mapping as it lies on disk. They are never changed in place.
type settings struct {
	ID            string            `json:"id"`
	Function      string            `json:"function"`
	Stream        string            `json:"stream"`             // ARN
	Consumer      string            `json:"consumer,omitempty"` // ARN of the stream's consumer that it subscribes as; "" polls
	Enabled       bool              `json:"enabled"`
	Created       time.Time         `json:"created"`
	Modified      time.Time         `json:"modified"`
	Position      string            `json:"position"`
	PositionTime  time.Time         `json:"positionTime,omitzero"`
	BatchSize     int               `json:"batchSize"`
	Window        int               `json:"window"`     // s
	MaxRetries    int               `json:"maxRetries"` // -1 is without end
	MaxAge        int               `json:"maxAge"`     // s; -1 is without end
	Bisect        bool              `json:"bisect"`
	ReportItems   bool              `json:"reportItems"`
	OnFailure     string            `json:"onFailure,omitempty"` // ARN
	Filters       []string          `json:"filters,omitempty"`   // patterns, any of which a record must match
	Tags          map[string]string `json:"tags,omitempty"`
	FirstListDone bool              `json:"firstListDone"` // shards seen from now on were born later: read from their start
}

// mappingRequest is the body of CreateEventSourceMapping and UpdateEventSourceMapping. A member that it does not have
// is refused by name.
type mappingRequest struct {
	FunctionName                   *string
	EventSourceArn                 *string
	Enabled                        *bool
	BatchSize                      *int
	MaximumBatchingWindowInSeconds *int
	StartingPosition               *string
	StartingPositionTimestamp      *float64
	ParallelizationFactor          *int
	TumblingWindowInSeconds        *int
	MaximumRetryAttempts           *int
	MaximumRecordAgeInSeconds      *int
	BisectBatchOnFunctionError     *bool
	FunctionResponseTypes          *[]string
	FilterCriteria                 *filterCriteria
	Tags                           map[string]string
	DestinationConfig              *struct {
		OnFailure *struct{ Destination *string }
		OnSuccess *struct{ Destination *string }
	}
}

// readStrictly reads a body of at most limit bytes: a setting that this host ignored would be one that the user relies on.
func readStrictly(r *http.Request, limit int, request any) error {
	body, fits, err := readWithin(r.Body, limit)
	if err != nil {
		return invalidParameter("the request body could not be read to its end")
	}
	if !fits {
		return &apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", fmt.Sprintf("Request must be smaller than %d bytes", limit)}
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(request); err != nil && !errors.Is(err, io.EOF) {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return invalidParameter("%s is not supported by this host", clip(strings.Trim(name, `"`)))
		}
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
			return invalidParameter("%s has the wrong type", wrong.Field)
		}
		return &apiError{http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json"}
	}
	return nil
}

// apply changes the settings as the request says. It checks what can be checked without knowing the functions.
func (request mappingRequest) apply(to *settings) error {
	for _, limit := range []struct {
		name            string
		value           *int
		to              *int
		lowest, highest int
	}{
		{"BatchSize", request.BatchSize, &to.BatchSize, 1, 10_000},
		{"MaximumBatchingWindowInSeconds", request.MaximumBatchingWindowInSeconds, &to.Window, 0, 300},
		{"MaximumRetryAttempts", request.MaximumRetryAttempts, &to.MaxRetries, -1, 10_000},
		{"MaximumRecordAgeInSeconds", request.MaximumRecordAgeInSeconds, &to.MaxAge, -1, 604_800},
	} {
		if limit.value == nil {
			continue
		}
		if *limit.value < limit.lowest || *limit.value > limit.highest {
			return invalidParameter("%s must be %d to %d", limit.name, limit.lowest, limit.highest)
		}
		*limit.to = *limit.value
	}
	switch {
	case to.MaxAge >= 0 && to.MaxAge < 60:
		return invalidParameter("MaximumRecordAgeInSeconds must be -1 or 60 to 604800")
	case request.ParallelizationFactor != nil && *request.ParallelizationFactor != 1:
		return invalidParameter("ParallelizationFactor above 1 is not supported by this host: add shards instead")
	case request.TumblingWindowInSeconds != nil && *request.TumblingWindowInSeconds != 0:
		return invalidParameter("TumblingWindowInSeconds is not supported by this host")
	}
	if request.Enabled != nil {
		to.Enabled = *request.Enabled
	}
	if request.BisectBatchOnFunctionError != nil {
		to.Bisect = *request.BisectBatchOnFunctionError
	}
	if types := request.FunctionResponseTypes; types != nil {
		if i := slices.IndexFunc(*types, func(name string) bool { return name != reportItems }); i >= 0 {
			return invalidParameter("FunctionResponseTypes knows %s only, not %q", reportItems, clip((*types)[i]))
		}
		to.ReportItems = len(*types) > 0
	}
	return errors.Join(request.applyFilters(to), request.applyDestination(to))
}

// applyDestination replaces the destination as a whole; an empty configuration takes it away.
func (request mappingRequest) applyDestination(to *settings) error {
	if request.DestinationConfig == nil {
		return nil
	}
	if success := request.DestinationConfig.OnSuccess; success != nil && success.Destination != nil {
		return invalidParameter("DestinationConfig.OnSuccess is not supported for streams")
	}
	to.OnFailure = ""
	if failure := request.DestinationConfig.OnFailure; failure != nil && failure.Destination != nil {
		to.OnFailure = *failure.Destination
	}
	return nil
}

// applyStart sets where a new mapping begins. LATEST becomes the time of creation, to the millisecond that arrival times
// have, so that a restart before the first batch is done begins at the same record.
func (request mappingRequest) applyStart(to *settings) error {
	if request.StartingPosition == nil {
		return invalidParameter("StartingPosition is required for a Kinesis stream: TRIM_HORIZON, LATEST or AT_TIMESTAMP")
	}
	to.Position = *request.StartingPosition
	given := request.StartingPositionTimestamp
	if (given != nil) != (to.Position == "AT_TIMESTAMP") {
		return invalidParameter("StartingPositionTimestamp goes with AT_TIMESTAMP, and with nothing else")
	}
	switch to.Position {
	case "TRIM_HORIZON":
	case "LATEST":
		to.PositionTime = to.Created.Truncate(time.Millisecond)
	case "AT_TIMESTAMP":
		if !(*given >= 0 && *given < math.MaxInt32*2) {
			return invalidParameter("StartingPositionTimestamp is not a time in seconds since 1970")
		}
		to.PositionTime = time.UnixMilli(int64(*given * 1000)).UTC()
		if to.PositionTime.After(to.Created) {
			return invalidParameter("StartingPositionTimestamp is in the future")
		}
	default:
		return invalidParameter("StartingPosition %q is not TRIM_HORIZON, LATEST or AT_TIMESTAMP", clip(to.Position))
	}
	return nil
}

// source is the ARN that the mapping was created with.
func (set settings) source() string { return cmp.Or(set.Consumer, set.Stream) }

// answer is the mapping as the API shows it.
func (set settings) answer(p place, state, lastResult string) map[string]any {
	failure, types := map[string]any{}, []string{}
	if set.OnFailure != "" {
		failure["Destination"] = set.OnFailure
	}
	if set.ReportItems {
		types = append(types, reportItems)
	}
	body := map[string]any{
		"UUID": set.ID, "EventSourceMappingArn": p.mappingARN(set.ID),
		"EventSourceArn": set.source(), "FunctionArn": p.functionARN(set.Function),
		"State": state, "StateTransitionReason": "User action", "LastProcessingResult": lastResult,
		"LastModified":     float64(set.Modified.UnixMilli()) / 1000,
		"StartingPosition": set.Position, "BatchSize": set.BatchSize, "MaximumBatchingWindowInSeconds": set.Window,
		"ParallelizationFactor": 1, "TumblingWindowInSeconds": 0,
		"MaximumRetryAttempts": set.MaxRetries, "MaximumRecordAgeInSeconds": set.MaxAge,
		"BisectBatchOnFunctionError": set.Bisect, "FunctionResponseTypes": types,
		"DestinationConfig": map[string]any{"OnFailure": failure},
	}
	if len(set.Filters) > 0 {
		body["FilterCriteria"] = set.shownFilters()
	}
	if set.Position == "AT_TIMESTAMP" {
		body["StartingPositionTimestamp"] = float64(set.PositionTime.UnixMilli()) / 1000
	}
	return body
}
