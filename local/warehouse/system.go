package warehouse

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// systemFunction answers SELECT SYSTEM$…(…).
func (x *execution) systemFunction(st *dialect.SystemFunction) (*result, error) {
	args := make([]string, len(st.Args))
	for i, text := range st.Args {
		args[i] = text
		if i < len(st.Binds) && st.Binds[i] > 0 {
			bound, err := x.binds.args(0, x.uses([]int{st.Binds[i]}))
			if err != nil {
				return nil, err
			}
			args[i] = fmt.Sprint(bound[0])
		}
	}
	functions := map[string]func([]string) (string, error){
		"SYSTEM$PIPE_STATUS": x.pipeStatus, "SYSTEM$PIPE_FORCE_RESUME": x.forceResume,
		"SYSTEM$VALIDATE_STORAGE_INTEGRATION": x.validateIntegration,
	}
	function, ok := functions[st.Name]
	if !ok {
		return nil, refuse(2140, "42601", "SQL compilation error:\nUnknown function %s", st.Name)
	}
	if len(args) == 0 {
		return nil, refuse(938, "22023", "SQL compilation error:\nnot enough arguments for function [%s]", st.Name)
	}
	text, err := function(args)
	if err != nil {
		return nil, err
	}
	return &result{kind: typeSelect, columns: []column{textColumn(st.Column)}, rows: [][]*string{{&text}}, total: 1}, nil
}

// pipeNamed finds a pipe by a name in text: parts between dots, in capitals unless quoted.
func (x *execution) pipeNamed(text string) (*object, error) {
	env := x.session.env("", "")
	parts := splitName(text)
	name := dialect.Name{Database: env.Database, Schema: env.Schema, Object: parts[len(parts)-1]}
	if len(parts) > 1 {
		name.Schema = parts[len(parts)-2]
	}
	if len(parts) > 2 {
		name.Database = parts[len(parts)-3]
	}
	pipe := x.server.engine.catalog.get("PIPE", name)
	if pipe == nil {
		return nil, notExist("PIPE", text)
	}
	return pipe, nil
}

// splitName splits a name at the dots outside of quotes.
func splitName(text string) []string {
	var parts []string
	start, quoted := 0, false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '.' && !quoted:
			parts = append(parts, foldName(text[start:i], ""))
			start = i + 1
		}
	}
	return append(parts, foldName(text[start:], ""))
}

func (x *execution) pipeStatus(args []string) (string, error) {
	pipe, err := x.pipeNamed(args[0])
	if err != nil {
		return "", err
	}
	status := map[string]any{"executionState": "RUNNING"}
	if pipe.Body.Paused {
		status["executionState"] = "PAUSED"
	}
	if _, err := x.server.newLoader(pipe.Body.Copy); err != nil {
		status["executionState"], status["error"] = "STOPPED_MISSING_TABLE", translate(err).Message
	}
	var pending int64
	var oldest *time.Time
	err = x.server.engine.db.QueryRowContext(x.ctx, `SELECT count(DISTINCT file), min(received) FROM "warehouse"."queue" WHERE pipe_id = $1`, pipe.ID).Scan(&pending, &oldest)
	if err != nil {
		return "", err
	}
	status["pendingFileCount"] = pending
	if oldest != nil {
		status["oldestFileTimestamp"] = oldest.UTC().Format(time.RFC3339Nano)
	}
	var file, place *string
	var loaded *time.Time
	err = x.server.engine.db.QueryRowContext(x.ctx, `SELECT arg_max(file, loaded), arg_max(place, loaded), max(loaded) FROM "warehouse"."history"
		WHERE pipe_id = $1 AND status <> '`+statusFailed+`'`, pipe.ID).Scan(&file, &place, &loaded)
	if err != nil {
		return "", err
	}
	if loaded != nil {
		status["lastIngestedTimestamp"], status["lastIngestedFilePath"] = loaded.UTC().Format(time.RFC3339Nano), *file
		status["lastForwardedFilePath"] = strings.TrimPrefix(*place, "s3://") + *file
	}
	if pipe.Body.AutoIngest {
		status["notificationChannelName"], status["numOutstandingMessagesOnChannel"] = x.server.queueARN(), 0
		if last := x.server.lastMessage.Load(); last != 0 {
			at := time.UnixMilli(last).UTC().Format("2006-01-02T15:04:05.000Z")
			status["lastReceivedMessageTimestamp"], status["lastForwardedMessageTimestamp"] = at, at
		}
	}
	encoded, err := json.Marshal(status)
	return string(encoded), err
}

func (x *execution) forceResume(args []string) (string, error) {
	pipe, err := x.pipeNamed(args[0])
	if err != nil {
		return "", err
	}
	if err := x.changePipe(pipe.Name, func(o *object) { o.Body.Paused = false }); err != nil {
		return "", err
	}
	return "Statement executed successfully.", nil
}

// validateIntegration tries what an integration permits: list, read, write, delete, or all of them.
func (x *execution) validateIntegration(args []string) (string, error) {
	if len(args) != 4 {
		return "", refuse(938, "22023", "SQL compilation error:\nSYSTEM$VALIDATE_STORAGE_INTEGRATION needs an integration, a location, a file and an action.")
	}
	integration := x.server.engine.catalog.get("INTEGRATION", dialect.Name{Object: args[0]})
	if integration == nil {
		return "", notExist("INTEGRATION", args[0])
	}
	answer := map[string]any{"status": "success"}
	actions := map[string]any{}
	if !allows(integration, args[1]) {
		answer["status"], answer["message"] = "failure", "The location is not allowed by the integration."
	} else {
		for _, action := range validated(args[3]) {
			outcome := map[string]string{"status": "success"}
			if err := x.server.tryAction(x.ctx, action, args[1], args[2]); err != nil {
				outcome["status"], outcome["message"] = "failure", translate(err).Message
				answer["status"] = "failure"
			}
			actions[action] = outcome
		}
		answer["actions"] = actions
	}
	encoded, err := json.Marshal(answer)
	return string(encoded), err
}

func validated(action string) []string {
	if strings.EqualFold(action, "all") {
		return []string{"WRITE", "READ", "LIST", "DELETE"}
	}
	return []string{strings.ToUpper(action)}
}

func (s *Server) tryAction(ctx context.Context, action, location, name string) error {
	bucket, prefix, ok := splitURL(location)
	if !ok {
		return unsupported("location other than s3://")
	}
	key := prefix + name
	var err error
	switch action {
	case "LIST":
		_, err = s.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String(prefix), MaxKeys: aws.Int32(1)})
	case "READ":
		got, failed := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
		if failed == nil {
			_, failed = io.CopyN(io.Discard, got.Body, 1)
			got.Body.Close()
			if failed == io.EOF {
				failed = nil
			}
		}
		err = failed
	case "WRITE":
		_, err = s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader("")})
	case "DELETE":
		_, err = s.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	default:
		return refuse(1008, "22023", "invalid value [%s] for parameter 'action'", action)
	}
	if err != nil {
		return remoteError(strings.ToLower(action), location, err)
	}
	return nil
}
