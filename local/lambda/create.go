package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/snowstream/snowstream/local/lambda/code"
)

const (
	maxFunctionRequest = 70_167_211 // bytes, as AWS says when there are more
	maxEnvironment     = 4 << 10
	minMemoryMB        = 128
	maxMemoryMB        = 10_240
	smallestStorageMB  = 512
	defaultArch        = "x86_64"
)

// packageRequest is a deployment package: in the request, or an object.
type packageRequest struct {
	ZipFile                                        []byte
	S3Bucket, S3Key, S3ObjectVersion               *string
	ImageUri, SourceKMSKeyArn, S3ObjectStorageMode *string
}

// functionRequest is the body of CreateFunction and UpdateFunctionConfiguration. A member that it does not have is refused by
// name; one that it has for its default alone is in unserved.
type functionRequest struct {
	FunctionName, Runtime, Role, Handler, Description *string
	Timeout, MemorySize                               *int
	Environment                                       *struct{ Variables map[string]string }
	Architectures                                     []string
	Code                                              *packageRequest
	Tags                                              map[string]string
	RevisionId                                        *string

	PackageType, KMSKeyArn, CodeSigningConfigArn *string
	Publish                                      *bool
	Layers                                       []string
	FileSystemConfigs                            []json.RawMessage
	DeadLetterConfig                             *struct{ TargetArn *string }
	EphemeralStorage                             *struct{ Size *int }
	TracingConfig                                *struct{ Mode *string }
	SnapStart                                    *struct{ ApplyOn *string }
	LoggingConfig                                *struct{ LogFormat, LogGroup *string }
	VpcConfig                                    *struct {
		SubnetIds, SecurityGroupIds []string
		Ipv6AllowedForDualStack     *bool
	}
}

// other tells a member that asks for something else than the default.
func other(given *string, defaults ...string) bool {
	return given != nil && !slices.Contains(defaults, *given)
}

// unserved names the first part of a request that this host cannot do.
func (request functionRequest) unserved(function string) error {
	for _, part := range []struct {
		name  string
		asked bool
	}{
		{"PackageType other than Zip", other(request.PackageType, "Zip")},
		{"KMSKeyArn", other(request.KMSKeyArn, "")},
		{"CodeSigningConfigArn", other(request.CodeSigningConfigArn, "")},
		{"Publish", request.Publish != nil && *request.Publish},
		{"Layers", len(request.Layers) > 0},
		{"FileSystemConfigs", len(request.FileSystemConfigs) > 0},
		{"DeadLetterConfig", request.DeadLetterConfig != nil && other(request.DeadLetterConfig.TargetArn, "")},
		{"EphemeralStorage other than 512 MB", request.EphemeralStorage != nil && request.EphemeralStorage.Size != nil && *request.EphemeralStorage.Size != smallestStorageMB},
		{"TracingConfig other than PassThrough", request.TracingConfig != nil && other(request.TracingConfig.Mode, "PassThrough")},
		{"SnapStart", request.SnapStart != nil && other(request.SnapStart.ApplyOn, "None")},
		{"LogFormat other than Text", request.LoggingConfig != nil && other(request.LoggingConfig.LogFormat, "Text")},
		{"LogGroup", request.LoggingConfig != nil && other(request.LoggingConfig.LogGroup, "", logGroup(function))},
		{"VpcConfig", request.VpcConfig != nil && len(request.VpcConfig.SubnetIds)+len(request.VpcConfig.SecurityGroupIds) > 0},
	} {
		if part.asked {
			return invalidParameter("%s is not supported by this host", part.name)
		}
	}
	return nil
}

var (
	roleARN      = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]+$`)
	variableName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)
	// reservedVariables are set by the host alone, as on AWS.
	reservedVariables = []string{
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
	}
)

// apply changes a function as the request says, and checks what comes out.
func (request functionRequest) apply(to *creation, python string) error {
	if err := request.unserved(to.Name); err != nil {
		return err
	}
	for _, text := range []struct{ from, to *string }{
		{request.Runtime, &to.Runtime}, {request.Role, &to.Role}, {request.Handler, &to.Handler}, {request.Description, &to.Description},
	} {
		if text.from != nil {
			*text.to = *text.from
		}
	}
	if request.Timeout != nil {
		to.Timeout = *request.Timeout
	}
	if request.MemorySize != nil {
		to.MemoryMB = *request.MemorySize
	}
	if request.Environment != nil {
		to.Environment = request.Environment.Variables
	}
	return to.check(python)
}

func (c *creation) check(python string) error {
	switch {
	case c.Runtime == "" || c.Handler == "":
		return invalidParameter("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case !code.Known(c.Runtime):
		return invalidParameter("Runtime %q is not supported by this host: it knows %s", clip(c.Runtime), code.Runtimes())
	case code.NeedsPython(c.Runtime) && python == "":
		return invalidParameter("Runtime %s is not supported: this host has found no python3 on its PATH", c.Runtime)
	case len(c.Handler) > 128 || strings.ContainsAny(c.Handler, " \t\r\n\x00"):
		return invalidParameter("Handler has up to 128 characters, and no blanks")
	case !roleARN.MatchString(c.Role):
		return invalidParameter("Role is required, and is the ARN of a role: arn:aws:iam::ACCOUNT:role/NAME")
	case c.Timeout < 1 || c.Timeout > int(maxTimeout.Seconds()):
		return invalidParameter("Timeout must be 1 to %d", int(maxTimeout.Seconds()))
	case c.MemoryMB < minMemoryMB || c.MemoryMB > maxMemoryMB:
		return invalidParameter("MemorySize must be %d to %d", minMemoryMB, maxMemoryMB)
	case utf8.RuneCountInString(c.Description) > 256:
		return invalidParameter("Description has up to 256 characters")
	}
	return checkEnvironment(c.Environment)
}

func checkEnvironment(variables map[string]string) error {
	size := 0
	for name, value := range variables {
		switch {
		case slices.Contains(reservedVariables, name) || strings.HasPrefix(name, "AWS_LAMBDA_"):
			return invalidParameter("Lambda was unable to configure your environment variables because the environment variables you have "+
				"provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", clip(name))
		case !variableName.MatchString(name):
			return invalidParameter("the name of environment variable %q is not a letter and then letters, digits and underscores, two characters at least", clip(name))
		case strings.Contains(value, "\x00"):
			return invalidParameter("the value of environment variable %q has a NUL byte", clip(name))
		}
		size += len(name) + len(value)
	}
	if size > maxEnvironment {
		return invalidParameter("Lambda was unable to configure your environment variables because the environment variables you have provided "+
			"exceeded the 4KB limit. Names and values have %d bytes", size)
	}
	return nil
}

// architecture is kept and shown: what runs is what this machine can run.
func architecture(given []string, before string) (string, error) {
	if len(given) == 0 {
		return before, nil
	}
	if len(given) > 1 || given[0] != defaultArch && given[0] != "arm64" {
		return "", invalidParameter("Architectures is [%s] or [arm64]", defaultArch)
	}
	return given[0], nil
}

// fetch gets the package that a request gives or names.
func (s *Server) fetch(ctx context.Context, from *packageRequest) ([]byte, error) {
	switch {
	case from == nil:
		return nil, invalidParameter("Code is required: a ZipFile, or S3Bucket and S3Key")
	case other(from.ImageUri, "") || other(from.SourceKMSKeyArn, ""):
		return nil, invalidParameter("ImageUri and SourceKMSKeyArn are not supported by this host")
	case other(from.S3ObjectStorageMode, "", "COPY"):
		return nil, invalidParameter("S3ObjectStorageMode other than COPY is not supported by this host")
	case (from.ZipFile != nil) == (from.S3Bucket != nil || from.S3Key != nil):
		return nil, invalidParameter("Please provide a source for function code: either a ZipFile, or S3Bucket and S3Key")
	case len(from.ZipFile) > code.MaxZipped:
		return nil, invalidParameter("ZipFile must be smaller than %d bytes: put a larger one into a bucket", code.MaxZipped)
	case from.ZipFile != nil:
		return from.ZipFile, nil
	case from.S3Bucket == nil || from.S3Key == nil:
		return nil, invalidParameter("S3Bucket and S3Key go together")
	}
	object, err := s.s3Client(s.cfg).GetObject(ctx, &s3.GetObjectInput{Bucket: from.S3Bucket, Key: from.S3Key, VersionId: from.S3ObjectVersion})
	if api := smithy.APIError(nil); errors.As(err, &api) {
		return nil, invalidParameter("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", api.ErrorCode(), clip(api.ErrorMessage()))
	}
	if err != nil {
		return nil, fmt.Errorf("get the deployment package: %w", err)
	}
	defer object.Body.Close()
	pack, err := io.ReadAll(io.LimitReader(object.Body, code.MaxUnzipped+1))
	if err != nil {
		return nil, fmt.Errorf("get the deployment package: %w", err)
	}
	if len(pack) > code.MaxUnzipped {
		return nil, invalidParameter("Unzipped size must be smaller than %d bytes", code.MaxUnzipped)
	}
	return pack, nil
}

// keep is the workshop's, with the sender's faults as the API tells them.
func (s *Server) keep(pack []byte, made *creation) error {
	err := s.workshop.keep(pack, made)
	if errors.Is(err, code.ErrUnusable) {
		return invalidParameter("%s", err.Error())
	}
	return err
}

func (s *Server) createFunction(w http.ResponseWriter, r *http.Request) error {
	var request functionRequest
	if err := readStrictly(r, maxFunctionRequest, &request); err != nil {
		return err
	}
	made := &creation{Timeout: int(defaultTimeout.Seconds()), MemoryMB: defaultMemoryMB, Tags: request.Tags}
	name, err := "", error(nil)
	if request.FunctionName != nil {
		name, err = s.place.functionName(*request.FunctionName)
	}
	if err != nil || name == "" {
		return invalidParameter("FunctionName is required: 1 to 64 letters, digits, hyphens and underscores")
	}
	made.Name = name
	if made.Architecture, err = architecture(request.Architectures, defaultArch); err != nil {
		return err
	}
	if request.RevisionId != nil {
		return invalidParameter("RevisionId is for updates")
	}
	if err := errors.Join(request.apply(made, s.cfg.Python), checkTags(made.Tags)); err != nil {
		return err
	}
	pack, err := s.fetch(r.Context(), request.Code)
	if err != nil {
		return err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.functions.get(name) != nil {
		return conflict("Function already exist: %s", name)
	}
	if err := s.keep(pack, made); err != nil {
		return err
	}
	made.touch()
	if err := s.workshop.publish(made); err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, s.functions.get(name).configuration())
	return nil
}

// change puts a changed function into the place of the one that a request names. The revision may be nil. Calls in flight end
// on what they began with; its processes and its package go after them.
func (s *Server) change(r *http.Request, operation string, revision *string, change func(*creation) error) (*function, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	old, err := s.requested(r)
	if err != nil {
		return nil, err
	}
	before := old.made.Load()
	if before == nil {
		return nil, invalidParameter("%s of %s is not supported: it comes from the configuration of this host", operation, old.Name)
	}
	if revision != nil && *revision != before.Revision {
		return nil, &apiError{http.StatusPreconditionFailed, "PreconditionFailedException", "The Revision Id provided does not match the latest " +
			"Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"}
	}
	after := *before
	if err := change(&after); err != nil {
		return nil, err
	}
	after.touch()
	if err := s.workshop.publish(&after); err != nil {
		return nil, err
	}
	fn := s.functions.get(after.Name)
	fn.prior = old.gone
	s.retire(old, after.Package != before.Package)
	return fn, nil
}

// retire ends a function that nobody finds any more, once its calls are over, and then removes its package, unless another has it.
func (s *Server) retire(old *function, remove bool) {
	quiet := old.retire()
	s.group.Go(func() {
		defer close(old.gone)
		<-quiet
		old.shutdown()
		if old.prior != nil {
			<-old.prior
		}
		if !remove {
			return
		}
		if err := s.workshop.discard(old.made.Load().Package); err != nil {
			s.log.Warn("code of a function that is gone stays until the next start", "function", old.Name, "error", err)
		}
	})
}

func (s *Server) updateFunctionCode(w http.ResponseWriter, r *http.Request) error {
	var request struct {
		packageRequest
		Architectures   []string
		Publish, DryRun *bool
		RevisionId      *string
	}
	if err := readStrictly(r, maxFunctionRequest, &request); err != nil {
		return err
	}
	if request.Publish != nil && *request.Publish || request.DryRun != nil && *request.DryRun {
		return invalidParameter("Publish and DryRun of UpdateFunctionCode are not supported by this host")
	}
	pack, err := s.fetch(r.Context(), &request.packageRequest)
	if err != nil {
		return err
	}
	fn, err := s.change(r, "UpdateFunctionCode", request.RevisionId, func(to *creation) error {
		if to.Architecture, err = architecture(request.Architectures, to.Architecture); err != nil {
			return err
		}
		return s.keep(pack, to)
	})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, fn.configuration())
	return nil
}

func (s *Server) updateFunctionConfiguration(w http.ResponseWriter, r *http.Request) error {
	var request functionRequest
	if err := readStrictly(r, maxFunctionRequest, &request); err != nil {
		return err
	}
	for name, given := range map[string]bool{
		"FunctionName": request.FunctionName != nil, "Code": request.Code != nil, "Tags": request.Tags != nil,
		"Architectures": request.Architectures != nil, "PackageType": request.PackageType != nil,
	} {
		if given {
			return invalidParameter("UpdateFunctionConfiguration has no %s", name)
		}
	}
	fn, err := s.change(r, "UpdateFunctionConfiguration", request.RevisionId, func(to *creation) error { return request.apply(to, s.cfg.Python) })
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, fn.configuration())
	return nil
}

// deleteFunction leaves mappings, as AWS does: they wait for a function of that name, or for another one.
func (s *Server) deleteFunction(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Query().Get("Qualifier") == latestVersion {
		return invalidParameter("$LATEST version cannot be deleted without deleting the function.")
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	fn, err := s.requested(r)
	if err != nil {
		return err
	}
	if fn.made.Load() == nil {
		return invalidParameter("DeleteFunction of %s is not supported: it comes from the configuration of this host", fn.Name)
	}
	if err := s.workshop.forget(fn.Name); err != nil {
		return err
	}
	s.retire(fn, true)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// changeFunctionTags edits the tags of a created function; its processes go on undisturbed.
func (s *Server) changeFunctionTags(fn *function, edit func(map[string]string)) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	before := fn.made.Load()
	if before == nil {
		return invalidParameter("TagResource of %s is not supported: it comes from the configuration of this host", fn.Name)
	}
	if s.functions.get(fn.Name) != fn {
		return conflict("The function %s is being changed: try again", fn.Name)
	}
	after := *before
	after.Tags = map[string]string{}
	maps.Copy(after.Tags, before.Tags)
	edit(after.Tags)
	if err := checkTags(after.Tags); err != nil {
		return err
	}
	if err := s.workshop.store.save(s.workshop.path(fn.Name), after); err != nil {
		return err
	}
	fn.made.Store(&after)
	return nil
}
