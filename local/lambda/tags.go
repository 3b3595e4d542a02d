package lambda

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"unicode/utf8"
)

const (
	maxTags       = 50
	maxTagRequest = 64 << 10
)

// checkTags refuses tags that AWS would not take.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalidParameter("a resource takes at most %d tags", maxTags)
	}
	for key, value := range tags {
		if n := utf8.RuneCountInString(key); n < 1 || n > 128 || utf8.RuneCountInString(value) > 256 {
			return invalidParameter("a tag's key has 1 to 128 characters, its value up to 256")
		}
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalidParameter("tag keys that begin with aws: are reserved")
		}
	}
	return nil
}

// tagged finds the mapping or the function that a request's ARN names.
func (s *Server) tagged(r *http.Request) (m *mapping, fn *function, err error) {
	arn := r.PathValue("arn")
	if id, ok := strings.CutPrefix(arn, s.place.mappingARN("")); ok {
		m, err = s.mappings.find(id)
	} else {
		fn, err = s.function(arn)
	}
	return m, fn, err
}

func (s *Server) listTags(w http.ResponseWriter, r *http.Request) error {
	m, fn, err := s.tagged(r)
	if err != nil {
		return err
	}
	tags := map[string]string{}
	if m != nil {
		maps.Copy(tags, m.current().Tags)
	} else if made := fn.made.Load(); made != nil {
		maps.Copy(tags, made.Tags)
	}
	writeJSON(w, http.StatusOK, map[string]any{"Tags": tags})
	return nil
}

func (s *Server) tagResource(w http.ResponseWriter, r *http.Request) error {
	var request struct{ Tags map[string]string }
	body, fits, err := readWithin(r.Body, maxTagRequest)
	if err != nil || !fits || json.Unmarshal(body, &request) != nil || request.Tags == nil {
		return invalidParameter("the request body is not a JSON object with Tags")
	}
	return s.changeTags(w, r, func(tags map[string]string) { maps.Copy(tags, request.Tags) })
}

func (s *Server) untagResource(w http.ResponseWriter, r *http.Request) error {
	return s.changeTags(w, r, func(tags map[string]string) {
		for _, key := range r.URL.Query()["tagKeys"] {
			delete(tags, key)
		}
	})
}

// changeTags edits the tags of a mapping or a function; what runs of it goes on undisturbed.
func (s *Server) changeTags(w http.ResponseWriter, r *http.Request, edit func(map[string]string)) error {
	m, fn, err := s.tagged(r)
	if err != nil {
		return err
	}
	if m == nil {
		err = s.changeFunctionTags(fn, edit)
	} else {
		err = m.saveSettings(func(set *settings) error {
			tags := map[string]string{}
			maps.Copy(tags, set.Tags)
			edit(tags)
			set.Tags = tags
			return checkTags(tags)
		})
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// accountSettings are AWS's own limits of a new account, and what this host has.
func (s *Server) accountSettings(w http.ResponseWriter, _ *http.Request) error {
	const concurrent = 1000
	reserved, size := 0, 0
	all := s.functions.list()
	for _, fn := range all {
		if made := fn.made.Load(); made != nil {
			size += made.Size
		} else {
			reserved += fn.ReservedConcurrency
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"AccountLimit": map[string]any{
			"TotalCodeSize": 80_530_636_800, "CodeSizeUnzipped": 262_144_000, "CodeSizeZipped": 52_428_800,
			"ConcurrentExecutions": concurrent, "UnreservedConcurrentExecutions": max(0, concurrent-reserved),
		},
		"AccountUsage": map[string]any{"TotalCodeSize": size, "FunctionCount": len(all)},
	})
	return nil
}
