package lambda

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

const (
	functionsPath = "/2015-03-31/functions"
	mappingsPath  = "/2015-03-31/event-source-mappings"
	tagsPath      = "/2017-03-31/tags"
	maxListed     = 100
)

// routes maps the Lambda API's paths to operations. What AWS has and this host has not is refused under its AWS name.
func (s *Server) routes() {
	s.mux = http.NewServeMux()
	handle := func(pattern string, operation func(http.ResponseWriter, *http.Request) error) {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Amzn-Requestid", uuid.NewString())
			if err := operation(w, r); err != nil {
				writeError(w, err)
			}
		})
	}
	handle("POST "+functionsPath+"/{name}/invocations", s.invoke)
	handle("GET "+functionsPath+"/{name}", s.getFunction)
	handle("DELETE "+functionsPath+"/{name}", s.deleteFunction)
	handle("PUT "+functionsPath+"/{name}/code", s.updateFunctionCode)
	handle("PUT "+functionsPath+"/{name}/configuration", s.updateFunctionConfiguration)
	handle("GET "+functionsPath+"/{name}/configuration", s.getFunctionConfiguration)
	handle("GET "+functionsPath+"/{name}/versions", s.listVersions)
	handle("GET /2020-06-30/functions/{name}/code-signing-config", s.getCodeSigning)
	for _, slash := range []string{"", "/{$}"} {
		handle("GET /2016-08-19/account-settings"+slash, s.accountSettings)
		handle("GET "+functionsPath+slash, s.listFunctions)
		handle("POST "+functionsPath+slash, s.createFunction)
		handle("POST "+mappingsPath+slash, s.createMapping)
		handle("GET "+mappingsPath+slash, s.listMappings)
	}
	handle("GET "+mappingsPath+"/{id}", s.getMapping)
	handle("GET "+tagsPath+"/{arn}", s.listTags)
	handle("POST "+tagsPath+"/{arn}", s.tagResource)
	handle("DELETE "+tagsPath+"/{arn}", s.untagResource)
	handle("PUT "+mappingsPath+"/{id}", s.updateMapping)
	handle("DELETE "+mappingsPath+"/{id}", s.deleteMapping)
	for pattern, name := range map[string]string{
		"POST " + functionsPath + "/{name}/versions":         "PublishVersion",
		"POST " + functionsPath + "/{name}/aliases":          "CreateAlias",
		"POST " + functionsPath + "/{name}/policy":           "AddPermission",
		"PUT /2017-10-31/functions/{name}/concurrency":       "PutFunctionConcurrency",
		"POST /2014-11-13/functions/{name}/invoke-async":     "InvokeAsync",
		"POST /2021-11-15/functions/{name}/{responseStream}": "InvokeWithResponseStream",
	} {
		handle(pattern, func(http.ResponseWriter, *http.Request) error { return unsupported(name) })
	}
	handle("/", func(_ http.ResponseWriter, r *http.Request) error {
		return unsupported(r.Method + " " + clip(r.URL.Path))
	})
}

// function finds the function that a path or a setting names, by any of the forms of the API.
func (s *Server) function(ref string) (*function, error) {
	name, err := s.place.functionName(ref)
	if err != nil {
		return nil, err
	}
	fn := s.functions.get(name)
	if fn == nil {
		return nil, notFound("Function not found: %s", s.place.functionARN(name))
	}
	return fn, nil
}

func (s *Server) requested(r *http.Request) (*function, error) {
	fn, err := s.function(r.PathValue("name"))
	if qualifier := r.URL.Query().Get("Qualifier"); err == nil && qualifier != "" && qualifier != latestVersion {
		return nil, notFound("Function not found: %s:%s", fn.arn(), clip(qualifier))
	}
	return fn, err
}

// configuration leaves out the environment of a configured function, which may hold secrets. That of a created one is its user's own.
func (fn *function) configuration() map[string]any {
	shown := map[string]any{
		"FunctionName": fn.Name, "FunctionArn": fn.arn(), "Version": latestVersion,
		"Runtime": "provided.al2023", "Handler": "bootstrap", "PackageType": "Zip",
		"Timeout": int(fn.Timeout.Seconds()), "MemorySize": fn.MemoryMB,
		"State": "Active", "LastUpdateStatus": "Successful",
		"LoggingConfig": map[string]any{"LogFormat": "Text", "LogGroup": logGroup(fn.Name)},
	}
	if made := fn.made.Load(); made != nil {
		maps.Copy(shown, made.shown())
	}
	return shown
}

// shown is what the API shows of a created function beside what all have.
func (c *creation) shown() map[string]any {
	shown := map[string]any{
		"Runtime": c.Runtime, "Handler": c.Handler, "Role": c.Role, "Description": c.Description,
		"Architectures": []string{c.Architecture}, "CodeSha256": c.Sum, "CodeSize": c.Size,
		"LastModified": c.Modified.Format("2006-01-02T15:04:05.000-0700"), "RevisionId": c.Revision,
		"EphemeralStorage": map[string]any{"Size": smallestStorageMB}, "TracingConfig": map[string]any{"Mode": "PassThrough"},
		"SnapStart": map[string]any{"ApplyOn": "None", "OptimizationStatus": "Off"},
	}
	if len(c.Environment) > 0 {
		shown["Environment"] = map[string]any{"Variables": c.Environment}
	}
	return shown
}

func (s *Server) getFunction(w http.ResponseWriter, r *http.Request) error {
	fn, err := s.requested(r)
	if err != nil {
		return err
	}
	// Terraform takes an answer without Code for no function.
	answer := map[string]any{"Configuration": fn.configuration(), "Code": map[string]any{}}
	if made := fn.made.Load(); made == nil {
		answer["Concurrency"] = map[string]any{"ReservedConcurrentExecutions": fn.ReservedConcurrency}
	} else if len(made.Tags) > 0 {
		answer["Tags"] = made.Tags
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (s *Server) getFunctionConfiguration(w http.ResponseWriter, r *http.Request) error {
	fn, err := s.requested(r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, fn.configuration())
	return nil
}

// listVersions knows the one version that a function has here.
func (s *Server) listVersions(w http.ResponseWriter, r *http.Request) error {
	fn, err := s.requested(r)
	if err != nil {
		return err
	}
	latest := fn.configuration()
	latest["FunctionArn"] = fn.arn() + ":" + latestVersion
	writeJSON(w, http.StatusOK, map[string]any{"Versions": []any{latest}})
	return nil
}

// getCodeSigning answers as for every function whose code nobody signs.
func (s *Server) getCodeSigning(w http.ResponseWriter, r *http.Request) error {
	fn, err := s.requested(r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"FunctionName": fn.Name})
	return nil
}

func (s *Server) listFunctions(w http.ResponseWriter, r *http.Request) error {
	var names []string
	all := map[string]*function{}
	for _, fn := range s.functions.list() {
		all[fn.Name], names = fn, append(names, fn.Name)
	}
	page, next, err := listed(r, names)
	if err != nil {
		return err
	}
	functions := []any{}
	for _, name := range page {
		functions = append(functions, all[name].configuration())
	}
	writeJSON(w, http.StatusOK, map[string]any{"Functions": functions, "NextMarker": next})
	return nil
}

// listed sorts the keys and cuts out the page that the request asks for. The marker is the last key of the page before.
func listed(r *http.Request, keys []string) (page []string, next *string, err error) {
	query := r.URL.Query()
	most := maxListed
	if text := query.Get("MaxItems"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 10_000 {
			return nil, nil, invalidParameter("MaxItems must be 1 to 10000")
		}
		most = min(n, maxListed)
	}
	slices.Sort(keys)
	marker := query.Get("Marker")
	keys = slices.DeleteFunc(keys, func(key string) bool { return strings.Compare(key, marker) <= 0 })
	if len(keys) > most {
		return keys[:most], &keys[most-1], nil
	}
	return keys, nil, nil
}
