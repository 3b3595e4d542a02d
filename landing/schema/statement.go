package schema

import (
	"strings"

	"github.com/snowstream/snowstream/record"
)

// Statement is one step of setting Snowflake up.
type Statement struct {
	// Kind is the object's, such as TABLE, or GRANT; Name is its name as SHOW gives it.
	Kind, Name string
	Why        string
	SQL        string
	// Probe finds out whether the statement has been run.
	Probe Probe
	// Undo takes it back; "" where it goes with another object, or must stay.
	Undo string
	// Data means that Undo deletes rows.
	Data bool
}

// Probe is a SHOW and the row in its answer that is there once a statement has been run.
type Probe struct {
	Show string
	// Row has the columns that must be equal. Names of a SHOW GRANTS are compared without their quotes.
	Row map[string]string
	// Within is the kind and name of what must exist for Show to be possible, such as DATABASE SNOWSTREAM.
	Within string
}

// Found reports whether one of the rows is the probe's.
func (p Probe) Found(rows []map[string]string) bool {
	for _, row := range rows {
		same := true
		for column, want := range p.Row {
			same = same && written(column, row[column]) == written(column, want)
		}
		if same {
			return true
		}
	}
	return false
}

// row is the probe's row, nil if it is not there.
func (p Probe) row(rows []map[string]string) map[string]string {
	for _, row := range rows {
		if p.Found([]map[string]string{row}) {
			return row
		}
	}
	return nil
}

// markOf begins every mark.
const markOf = "snowstream "

// MarkOf is the comment of a deployment's objects: which deployment, and what it reads and keeps.
func MarkOf(deployment, stream, bucket string) string {
	return markOf + deployment + ", stream " + stream + ", bucket " + bucket
}

// Foreign is the mark of another deployment on the object that a statement would make; "" if it has none, or this one's.
// Only the deployment counts: what it reads and keeps may change.
func (s Statement) Foreign(mark string, rows []map[string]string) string {
	if s.Kind == "GRANT" {
		return ""
	}
	comment := s.Probe.row(rows)["comment"]
	ours, _, _ := strings.Cut(mark, ",")
	theirs, _, _ := strings.Cut(comment, ",")
	if !strings.HasPrefix(comment, markOf) || theirs == ours {
		return ""
	}
	return comment
}

// written is a value as both sides would write it: SHOW leaves out quotes where it can, and writes FILE_FORMAT for the
// kind that statements call FILE FORMAT.
func written(column, value string) string {
	if column == "granted_on" {
		return strings.ReplaceAll(value, "_", " ")
	}
	return strings.ReplaceAll(value, `"`, "")
}

// Landing is everything that a deployment needs in Snowflake.
type Landing struct {
	Names  Names
	Schema record.Schema
	// Database and Warehouse ask for the database with its schema, and for the warehouse, to be made; otherwise they
	// must be there.
	Database, MakeWarehouse bool
	// Warehouse is the writer's; empty where rows go by Snowpipe Streaming and nobody asked for one. Role and User are the writer's, too: all that the function can do.
	Warehouse, Role, User string
	// Operator and Auditor are roles for people; "" makes none. Deployer is the role that runs all this.
	Operator, Auditor string
	Login             Login
	// Mark is the comment of all that is made, so that everybody can see whose it is; "" makes none.
	Mark string
	// Bucket is the raw zone; StorageRole the ARN of the role that Snowflake takes on to read it, and ExternalID what it
	// shows the role to be let in.
	Bucket, StorageRole, ExternalID string
}

// Prepare is what can be done before anything is there in AWS, in its order.
func (l Landing) Prepare() ([]Statement, error) {
	user, err := l.user()
	if err != nil {
		return nil, err
	}
	var out []Statement
	if l.Database {
		out = append(out, l.database()...)
	}
	if l.MakeWarehouse {
		out = append(out, l.warehouse())
	}
	out = append(out, l.tables()...)
	out = append(out, role(l.Role, "all that the function may do: write one table"), user, l.member())
	out = append(out, WriterGrants(l.Names, l.Role, l.Warehouse)...)
	out = append(out, Statement{
		Kind: "INTEGRATION", Name: l.Names.Integration, Why: "Snowflake reads the bucket in a role of the AWS account; the external id is ours, so that running this again breaks no trust",
		SQL:   IntegrationFor(l.Names, l.Bucket, l.StorageRole, l.ExternalID),
		Probe: Probe{Show: "SHOW INTEGRATIONS LIKE " + Literal(l.Names.Integration), Row: map[string]string{"name": l.Names.Integration}},
		Undo:  "DROP INTEGRATION IF EXISTS " + Quote(l.Names.Integration),
	})
	return l.marked(out), nil
}

// marked gives what is made its comment.
func (l Landing) marked(all []Statement) []Statement {
	if l.Mark == "" {
		return all
	}
	for i, s := range all {
		if s.Kind != "GRANT" && s.Kind != "VIEW" { // a view has its mark
			all[i].SQL = commented(s.SQL, l.Mark)
		}
	}
	return all
}

// commented gives a statement that makes something a comment. The options of a pipe and of a view stand in front of what they read.
func commented(sql, comment string) string {
	option := "COMMENT = " + Literal(comment)
	if head, reads, ok := strings.Cut(sql, " AS\n"); ok {
		return head + " " + option + " AS\n" + reads
	}
	return sql + "\n  " + option
}

// Connect is what needs the AWS side, and the roles that need the pipe.
func (l Landing) Connect() []Statement {
	n := l.Names
	out := []Statement{
		l.inSchema("STAGE", "STAGES", n.Stage, "the raw zone, through the integration", Stage(n, l.Bucket)),
		l.inSchema("PIPE", "PIPES", n.Pipe, "loads each new object once; never replaced, or it would forget what it has loaded", Pipe(n)),
	}
	out = append(out, PipeWatcherGrant(n, l.Role)...)
	view, current := l.CurrentView()
	if current {
		out = append(out, view)
	}
	if l.Operator != "" {
		out = append(out, role(l.Operator, "for people who pause, resume and refresh the pipe"))
		out = append(out, OperatorGrants(n, l.Operator, l.Warehouse)...)
	}
	if l.Auditor != "" {
		out = append(out, role(l.Auditor, "for people who read both tables and look at the pipe"))
		out = append(out, AuditorGrants(n, l.Auditor, l.Warehouse)...)
		if current {
			out = append(out, grant("SELECT", "VIEW", n.In(n.Current()), l.Auditor, "read the current rows")...)
		}
	}
	return l.marked(out)
}

func (l Landing) database() []Statement {
	n := l.Names
	return []Statement{
		{
			Kind: "DATABASE", Name: n.Database, Why: "holds the schema", SQL: "CREATE DATABASE IF NOT EXISTS " + Quote(n.Database),
			Probe: Probe{Show: "SHOW DATABASES LIKE " + Literal(n.Database), Row: map[string]string{"name": n.Database}},
		},
		{
			Kind: "SCHEMA", Name: n.Schema, Why: "holds tables, format, stage and pipe", SQL: "CREATE SCHEMA IF NOT EXISTS " + Quote(n.Database) + "." + Quote(n.Schema),
			Probe: Probe{
				Show: "SHOW SCHEMAS LIKE " + Literal(n.Schema) + " IN DATABASE " + Quote(n.Database), Row: map[string]string{"name": n.Schema}, Within: "DATABASE " + n.Database,
			},
		},
	}
}

// warehouse is the smallest one: a MERGE of a batch needs no more, and a minute of idling is the least that is billed.
func (l Landing) warehouse() Statement {
	return Statement{
		Kind: "WAREHOUSE", Name: l.Warehouse, Why: "runs MERGEs and audits; the smallest, and asleep after a minute",
		SQL: "CREATE WAREHOUSE IF NOT EXISTS " + Quote(l.Warehouse) +
			" WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE",
		Probe: Probe{Show: "SHOW WAREHOUSES LIKE " + Literal(l.Warehouse), Row: map[string]string{"name": l.Warehouse}},
		Undo:  "DROP WAREHOUSE IF EXISTS " + Quote(l.Warehouse),
	}
}

func (l Landing) tables() []Statement {
	n := l.Names
	streaming := l.inSchema("TABLE", "TABLES", n.Streaming, "gets each record within seconds", table(n.In(n.Streaming), l.Schema))
	microbatch := l.inSchema("TABLE", "TABLES", n.Microbatch, "gets the raw zone's files from the pipe", table(n.In(n.Microbatch), l.Schema))
	streaming.Data, microbatch.Data = true, true
	return []Statement{streaming, microbatch, l.inSchema("FILE FORMAT", "FILE FORMATS", n.Format, "reads the raw zone's files exactly", format(n))}
}

func (l Landing) inSchema(kind, plural, name, why, create string) Statement {
	n := l.Names
	return Statement{
		Kind: kind, Name: name, Why: why, SQL: create,
		Probe: Probe{
			Show: "SHOW " + plural + " LIKE " + Literal(name) + " IN SCHEMA " + Quote(n.Database) + "." + Quote(n.Schema),
			Row:  map[string]string{"name": name}, Within: "SCHEMA " + n.Schema,
		},
		Undo: "DROP " + kind + " IF EXISTS " + n.In(name),
	}
}

func role(name, why string) Statement {
	return Statement{
		Kind: "ROLE", Name: name, Why: why, SQL: "CREATE ROLE IF NOT EXISTS " + Quote(name),
		Probe: Probe{Show: "SHOW ROLES LIKE " + Literal(name), Row: map[string]string{"name": name}},
		Undo:  "DROP ROLE IF EXISTS " + Quote(name),
	}
}

// Undo is the reverse of what Prepare and Connect do: whoever depends goes first. Tables stay unless data is asked for;
// database and schema always stay, because they may hold what is not ours.
func (l Landing) Undo(data bool) ([]string, error) {
	all, err := l.Prepare()
	if err != nil {
		return nil, err
	}
	all = append(all, l.Connect()...)
	var out []string
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Undo != "" && (data || !all[i].Data) {
			out = append(out, all[i].Undo)
		}
	}
	return out, nil
}
