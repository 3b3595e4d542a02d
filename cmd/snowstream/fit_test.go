package main

import (
	"strings"
	"testing"

	"github.com/snowstream/snowstream/producer/template"
	"github.com/snowstream/snowstream/record"
)

func TestMisfit(t *testing.T) {
	lines := record.Sensor()
	lines.Payload = record.Lines
	sensor := `{"sensorId": {{random.number(50)}}, "currentTemperature": {{random.number(150)}}, "status": "OK"}`
	for _, tt := range []struct {
		template string
		schema   record.Schema
		says     string
	}{
		{sensor, record.Sensor(), ""},
		{sensor, lines, ""},
		{`{"id": {{random.number(50)}}}`, record.Sensor(), "missing_field, sensorId"},
		{`[1, 2]`, record.Sensor(), "all would go to quarantine"},
		{`a line of a log`, record.Sensor(), "not_json"},
	} {
		tpl, err := template.Compile(tt.template)
		if err != nil {
			t.Fatal(err)
		}
		if got := misfit(tpl, tt.schema, 1); (got == "") != (tt.says == "") || !strings.Contains(got, tt.says) {
			t.Errorf("%q: %q, want %q", tt.template, got, tt.says)
		}
	}
}
