package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// reading is the sensor example's payload.
type reading struct {
	SensorID           int64  `json:"sensorId"`
	CurrentTemperature int64  `json:"currentTemperature"`
	Status             string `json:"status"`
}

var header = []string{"SENSORID", "CURRENTTEMPERATURE", "STATUS", "_SHARD", "_SEQUENCE", "_SUBSEQUENCE", "_ORDINAL", "_ARRIVED_AT", "_GENERATION"}

const moment = "2006-01-02 15:04:05.999999999"

// idiomatic is what most people write in Go: the structs of AWS's library, and the standard library for the rest. It
// checks nothing that json.Unmarshal does not check.
func idiomatic(event []byte) ([]byte, error) {
	var e events.KinesisEvent
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	if err := w.Write(header); err != nil {
		return nil, err
	}
	for i, r := range e.Records {
		var v reading
		if err := json.Unmarshal(r.Kinesis.Data, &v); err != nil {
			return nil, err
		}
		shard, sequence, _ := strings.Cut(r.EventID, ":")
		err := w.Write([]string{
			strconv.FormatInt(v.SensorID, 10), strconv.FormatInt(v.CurrentTemperature, 10), v.Status, shard, sequence, "0",
			strconv.Itoa(i + 1), r.Kinesis.ApproximateArrivalTimestamp.UTC().Round(time.Millisecond).Format(moment), "",
		})
		if err != nil {
			return nil, err
		}
	}
	w.Flush()
	return out.Bytes(), w.Error()
}

// lean does the same with as little as a JSON library allows: structs with only the fields that count, which are kept
// from event to event, and a CSV that is appended by hand to a buffer that is kept, too.
type lean struct {
	unmarshal func([]byte, any) error
	event     struct {
		Records []struct {
			EventID string `json:"eventID"`
			Kinesis struct {
				Data    []byte  `json:"data"`
				Arrival float64 `json:"approximateArrivalTimestamp"`
			} `json:"kinesis"`
		}
	}
	out []byte
}

func (l *lean) handle(event []byte) ([]byte, error) {
	l.event.Records = l.event.Records[:0]
	if err := l.unmarshal(event, &l.event); err != nil {
		return nil, err
	}
	l.out = append(append(l.out[:0], strings.Join(header, ",")...), '\n')
	for i := range l.event.Records {
		r := &l.event.Records[i]
		var v reading
		if err := l.unmarshal(r.Kinesis.Data, &v); err != nil {
			return nil, err
		}
		shard, sequence, _ := strings.Cut(r.EventID, ":")
		l.out = append(strconv.AppendInt(l.out, v.SensorID, 10), ',')
		l.out = append(strconv.AppendInt(l.out, v.CurrentTemperature, 10), ',')
		l.out = append(append(l.out, v.Status...), ',')
		l.out = append(append(l.out, shard...), ',')
		l.out = append(append(l.out, sequence...), ",0,"...)
		l.out = append(strconv.AppendInt(l.out, int64(i+1), 10), ',')
		l.out = time.UnixMilli(int64(math.Round(r.Kinesis.Arrival*1000))).UTC().AppendFormat(l.out, moment)
		l.out = append(l.out, ',', '\n')
	}
	return l.out, nil
}
