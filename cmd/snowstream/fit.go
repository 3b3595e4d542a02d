package main

import (
	"fmt"

	"github.com/snowstream/snowstream/producer/template"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/unpack"
)

// tried is how many records of a template are made to see whether they fit a schema.
const tried = 20

// misfit says why none of a template's records would become a row under a schema; empty if some would. A template is
// meant to make rows, so all of its records in quarantine are most likely a mix-up of files.
func misfit(t *template.Template, schema record.Schema, seed uint64) string {
	unpacker, err := unpack.New(schema)
	if err != nil {
		return ""
	}
	decoder, generator, first := record.NewDecoder(schema), t.Generator(seed), ""
	for i := range int64(tried) {
		data, err := generator.Append(nil, i)
		if err != nil {
			return ""
		}
		for _, r := range unpacker.Append(nil, record.Record{Data: data}) {
			if r.Refused != "" {
				continue
			}
			_, reason := decoder.Decode(r.Data)
			if reason == nil {
				return ""
			}
			if first == "" {
				first = fmt.Sprintf("%s, %s", reason.Code, where(*reason))
			}
		}
	}
	if first == "" {
		first = "their payloads cannot be unpacked"
	}
	return fmt.Sprintf("none of %d records of the template fits the schema; all would go to quarantine, the first for %s", tried, first)
}
