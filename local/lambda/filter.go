package lambda

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// filterCriteria are a mapping's filters in requests and answers.
type filterCriteria struct {
	Filters []struct{ Pattern *string }
}

// applyFilters replaces the filters as a whole; an empty list takes them away.
func (request mappingRequest) applyFilters(to *settings) error {
	if request.FilterCriteria == nil {
		return nil
	}
	if len(request.FilterCriteria.Filters) > maxFilters {
		return invalidParameter("Number of filters exceeds the limit of %d", maxFilters)
	}
	to.Filters = nil
	for _, f := range request.FilterCriteria.Filters {
		if f.Pattern == nil {
			return invalidParameter("Invalid filter pattern definition: a filter has no Pattern")
		}
		if _, err := parsePattern(*f.Pattern); err != nil {
			return invalidParameter("Invalid filter pattern definition: %s", err)
		}
		to.Filters = append(to.Filters, *f.Pattern)
	}
	return nil
}

// shownFilters are the filters as the API shows them.
func (set settings) shownFilters() map[string]any {
	filters := []map[string]string{}
	for _, text := range set.Filters {
		filters = append(filters, map[string]string{"Pattern": text})
	}
	return map[string]any{"Filters": filters}
}

// filter decides which records a mapping hands over: those that any of its patterns takes. Without patterns it is all.
type filter []pattern

func newFilter(texts []string) (filter, error) {
	var f filter
	for _, text := range texts {
		p, err := parsePattern(text)
		if err != nil {
			return nil, err
		}
		f = append(f, p)
	}
	return f, nil
}

// takes looks at a record as Lambda shows it to patterns: with its data as JSON where they are an object or an array, and as text else.
func (f filter) takes(record types.Record) bool {
	if len(f) == 0 {
		return true
	}
	data, err := decodeJSON(record.Data)
	_, isList := data.([]any)
	if err != nil || !isObject(data) && !isList {
		data = string(record.Data)
	}
	node := map[string]any{
		"kinesisSchemaVersion": "1.0", "partitionKey": aws.ToString(record.PartitionKey), "sequenceNumber": aws.ToString(record.SequenceNumber),
		"approximateArrivalTimestamp": json.Number(appendArrival(nil, aws.ToTime(record.ApproximateArrivalTimestamp))), "data": data,
	}
	return slices.ContainsFunc(f, func(p pattern) bool { return p.matches(node) })
}

// wanted are the items that the function gets; those that a filter has taken out are done with the others.
func wanted(items []item) []item {
	if !slices.ContainsFunc(items, item.filtered) {
		return items
	}
	return slices.DeleteFunc(slices.Clone(items), item.filtered)
}

func (it item) filtered() bool { return it.json == nil }

// skipped is the item of a record that a filter has taken out: it only moves the checkpoint.
func skipped(record types.Record, now time.Time) item {
	return item{sequence: aws.ToString(record.SequenceNumber), arrived: aws.ToTime(record.ApproximateArrivalTimestamp), read: now}
}
