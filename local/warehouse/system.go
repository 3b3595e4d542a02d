package warehouse

import (
	"encoding/json"
	"fmt"
	"strings"

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
	env := x.session.env()
	parts := dialect.SplitName(text)
	name := dialect.Name{Database: env.Database, Schema: env.Schema, Object: parts[len(parts)-1]}
	if len(parts) > 1 {
		name.Schema = parts[len(parts)-2]
	}
	if len(parts) > 2 {
		name.Database = parts[len(parts)-3]
	}
	pipe := x.runner.catalog.get("PIPE", name)
	if pipe == nil {
		return nil, notExist("PIPE", text)
	}
	return pipe, nil
}

func (x *execution) pipeStatus(args []string) (string, error) {
	pipe, err := x.pipeNamed(args[0])
	if err != nil {
		return "", err
	}
	return x.runner.pipes.status(x.ctx, pipe)
}

func (x *execution) forceResume(args []string) (string, error) {
	pipe, err := x.pipeNamed(args[0])
	if err != nil {
		return "", err
	}
	if err := x.runner.pipes.change(x.ctx, pipe.Name, func(o *object) { o.Body.Paused = false }); err != nil {
		return "", err
	}
	return "Statement executed successfully.", nil
}

// validateIntegration tries what an integration permits: list, read, write, delete, or all of them.
func (x *execution) validateIntegration(args []string) (string, error) {
	if len(args) != 4 {
		return "", refuse(938, "22023", "SQL compilation error:\nSYSTEM$VALIDATE_STORAGE_INTEGRATION needs an integration, a location, a file and an action.")
	}
	integration := x.runner.catalog.get("INTEGRATION", dialect.Name{Object: args[0]})
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
			if err := x.runner.buckets.try(x.ctx, action, args[1], args[2]); err != nil {
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
