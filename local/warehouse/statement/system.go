package statement

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

// systemFunction answers SELECT SYSTEM$…(…).
func (x *execution) systemFunction(st *dialect.SystemFunction) (*answer.Result, error) {
	args := make([]string, len(st.Args))
	for i, text := range st.Args {
		args[i] = text
		if i < len(st.Binds) && st.Binds[i] > 0 {
			bound, err := x.Binds.Args(0, x.uses([]int{st.Binds[i]}))
			if err != nil {
				return nil, err
			}
			args[i] = fmt.Sprint(bound[0])
		}
	}
	functions := map[string]func([]string) (string, error){
		"SYSTEM$PIPE_STATUS": x.pipeStatus, "SYSTEM$PIPE_FORCE_RESUME": x.forceResume,
		"SYSTEM$VALIDATE_STORAGE_INTEGRATION": x.validateIntegration, "SYSTEM$STREAMING_CHANNEL_INVALIDATE": x.invalidateChannel,
	}
	function, ok := functions[st.Name]
	if !ok {
		return nil, fault.New(2140, "42601", "SQL compilation error:\nUnknown function %s", st.Name)
	}
	if len(args) == 0 {
		return nil, fault.New(938, "22023", "SQL compilation error:\nnot enough arguments for function [%s]", st.Name)
	}
	text, err := function(args)
	if err != nil {
		return nil, err
	}
	return &answer.Result{Kind: answer.TypeSelect, Columns: []answer.Column{answer.Text(st.Column)}, Rows: [][]*string{{&text}}, Total: 1}, nil
}

// pipeNamed finds a pipe by a name in text: parts between dots, in capitals unless quoted.
func (x *execution) pipeNamed(text string) (*catalog.Object, error) {
	pipe := x.runner.Catalog.Get("PIPE", x.pipeName(text))
	if pipe == nil {
		return nil, fault.NotExist("PIPE", text)
	}
	return pipe, nil
}

// pipeName completes the name of a pipe.
func (x *execution) pipeName(text string) dialect.Name {
	env := x.Session.Env()
	parts := dialect.SplitName(text)
	name := dialect.Name{Database: env.Database, Schema: env.Schema, Object: parts[len(parts)-1]}
	if len(parts) > 1 {
		name.Schema = parts[len(parts)-2]
	}
	if len(parts) > 2 {
		name.Database = parts[len(parts)-3]
	}
	return name
}

// invalidateChannel takes a pipe and a channel, spelled as it was opened first.
func (x *execution) invalidateChannel(args []string) (string, error) {
	if len(args) != 2 {
		return "", fault.New(938, "22023", "SQL compilation error:\nSYSTEM$STREAMING_CHANNEL_INVALIDATE needs a pipe and a channel.")
	}
	if err := x.runner.Invalidate(x.ctx, x.pipeName(args[0]), args[1]); err != nil {
		return "", err
	}
	return "SUCCESS", nil
}

func (x *execution) pipeStatus(args []string) (string, error) {
	pipe, err := x.pipeNamed(args[0])
	if err != nil {
		return "", err
	}
	return x.runner.Pipes.Status(x.ctx, pipe)
}

func (x *execution) forceResume(args []string) (string, error) {
	pipe, err := x.pipeNamed(args[0])
	if err != nil {
		return "", err
	}
	if err := x.runner.Pipes.Change(x.ctx, pipe.Name, func(o *catalog.Object) { o.Body.Paused = false }); err != nil {
		return "", err
	}
	return "Statement executed successfully.", nil
}

// validateIntegration tries what an integration permits: list, read, write, delete, or all of them.
func (x *execution) validateIntegration(args []string) (string, error) {
	if len(args) != 4 {
		return "", fault.New(938, "22023", "SQL compilation error:\nSYSTEM$VALIDATE_STORAGE_INTEGRATION needs an integration, a location, a file and an action.")
	}
	integration := x.runner.Catalog.Get("INTEGRATION", dialect.Name{Object: args[0]})
	if integration == nil {
		return "", fault.NotExist("INTEGRATION", args[0])
	}
	answer := map[string]any{"status": "success"}
	actions := map[string]any{}
	if !stage.Allows(integration, args[1]) {
		answer["status"], answer["message"] = "failure", "The location is not allowed by the integration."
	} else {
		for _, action := range validated(args[3]) {
			outcome := map[string]string{"status": "success"}
			if err := x.runner.Files.Try(x.ctx, action, args[1], args[2]); err != nil {
				outcome["status"], outcome["message"] = "failure", fault.Translate(err).Message
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
