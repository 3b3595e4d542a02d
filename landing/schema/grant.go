package schema

import "strings"

// WriterGrants is all that the function's role may do: write the streaming table. Snowpipe Streaming needs INSERT, and no right
// on the table's own pipe; MERGE needs SELECT as well, and a warehouse, which may be "".
func WriterGrants(n Names, role, warehouse string) []Statement {
	return append(reach(n, role, warehouse), grant("SELECT, INSERT", "TABLE", n.In(n.Streaming), role, "write the streaming table")...)
}

// PipeWatcherGrant lets the function's role see what the pipe is waiting for, so that an alarm can tell when it stands still.
func PipeWatcherGrant(n Names, role string) []Statement {
	return grant("MONITOR", "PIPE", n.In(n.Pipe), role, "report what the pipe is waiting for")
}

// OperatorGrants let people pause, resume and refresh the pipe.
func OperatorGrants(n Names, role, warehouse string) []Statement {
	out := reach(n, role, warehouse)
	out = append(out, grant("OPERATE, MONITOR", "PIPE", n.In(n.Pipe), role, "pause, resume and refresh")...)
	out = append(out, grant("USAGE", "STAGE", n.In(n.Stage), role, "a refresh lists the stage")...)
	return append(out, grant("SELECT, INSERT", "TABLE", n.In(n.Microbatch), role, "a refresh loads into the table")...)
}

// AuditorGrants let people prove that nothing is missing. Repairs need INSERT and DELETE on both tables, too.
func AuditorGrants(n Names, role, warehouse string) []Statement {
	out := reach(n, role, warehouse)
	out = append(out, grant("SELECT", "TABLE", n.In(n.Streaming), role, "compare the tables")...)
	out = append(out, grant("SELECT", "TABLE", n.In(n.Microbatch), role, "compare the tables")...)
	return append(out, grant("MONITOR", "PIPE", n.In(n.Pipe), role, "see what the pipe is waiting for")...)
}

// PipeOwnerGrants is what a role needs that is to own the pipe, and the transfer: a pipe that changes hands is paused
// first, and resumed by force afterwards.
func PipeOwnerGrants(n Names, role string) []string {
	pipe := n.In(n.Pipe)
	var out []string
	for _, s := range append(place(n, role),
		append(grant("USAGE", "FILE FORMAT", n.In(n.Format), role, ""),
			append(grant("USAGE, READ", "STAGE", n.In(n.Stage), role, ""), grant("INSERT, SELECT", "TABLE", n.In(n.Microbatch), role, "")...)...)...) {
		out = append(out, s.SQL)
	}
	return append(out,
		"ALTER PIPE "+pipe+" SET PIPE_EXECUTION_PAUSED = TRUE",
		"GRANT OWNERSHIP ON PIPE "+pipe+" TO ROLE "+Quote(role)+" COPY CURRENT GRANTS",
		"SELECT SYSTEM$PIPE_FORCE_RESUME("+Literal(pipe)+")")
}

// DeployerGrants is what an account administrator gives a role that is to run a deployment without being one: for
// everything that Prepare and Connect create.
func (l Landing) DeployerGrants(role string) []string {
	n, to := l.Names, " TO ROLE "+Quote(role)
	out := []string{"GRANT CREATE INTEGRATION ON ACCOUNT" + to, "GRANT CREATE ROLE ON ACCOUNT" + to, "GRANT CREATE USER ON ACCOUNT" + to}
	if l.MakeWarehouse {
		out = append(out, "GRANT CREATE WAREHOUSE ON ACCOUNT"+to)
	}
	if l.Database {
		return append(out, "GRANT CREATE DATABASE ON ACCOUNT"+to)
	}
	view := ""
	if !l.Schema.State.IsZero() {
		view = ", CREATE VIEW"
	}
	return append(out,
		"GRANT USAGE ON DATABASE "+Quote(n.Database)+to,
		"GRANT USAGE, CREATE TABLE, CREATE STAGE, CREATE FILE FORMAT, CREATE PIPE"+view+" ON SCHEMA "+Quote(n.Database)+"."+Quote(n.Schema)+to)
}

// reach is what every role needs to get at a table at all. Without a warehouse it can be looked at, and not be queried.
func reach(n Names, role, warehouse string) []Statement {
	if warehouse == "" {
		return place(n, role)
	}
	return append(grant("USAGE", "WAREHOUSE", Quote(warehouse), role, "run statements"), place(n, role)...)
}

func place(n Names, role string) []Statement {
	return append(grant("USAGE", "DATABASE", Quote(n.Database), role, "see the schema"),
		grant("USAGE", "SCHEMA", Quote(n.Database)+"."+Quote(n.Schema), role, "see the objects")...)
}

// grant is one statement a privilege, so that each can be looked for.
func grant(privileges, kind, object, role, why string) (out []Statement) {
	for _, privilege := range strings.Split(privileges, ", ") {
		out = append(out, Statement{
			Kind: "GRANT", Name: privilege + " ON " + kind + " " + object, Why: why,
			SQL: "GRANT " + privilege + " ON " + kind + " " + object + " TO ROLE " + Quote(role),
			Probe: Probe{
				Show: "SHOW GRANTS TO ROLE " + Quote(role), Within: "ROLE " + role,
				Row: map[string]string{"privilege": privilege, "granted_on": kind, "name": object},
			},
		})
	}
	return out
}

// member gives the user its one role.
func (l Landing) member() Statement {
	return Statement{
		Kind: "GRANT", Name: "ROLE " + l.Role + " TO USER " + l.User, Why: "the user's one role",
		SQL: "GRANT ROLE " + Quote(l.Role) + " TO USER " + Quote(l.User),
		Probe: Probe{
			Show: "SHOW GRANTS OF ROLE " + Quote(l.Role), Within: "ROLE " + l.Role,
			Row: map[string]string{"granted_to": "USER", "grantee_name": l.User},
		},
	}
}
