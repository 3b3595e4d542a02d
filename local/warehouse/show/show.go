// Package show answers what a session asks about objects: SHOW and DESCRIBE.
//
// It reads the catalog in memory, the session and the locks, and changes nothing.
package show

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/session"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

// Desk answers what one session asks about objects, with SHOW and with DESCRIBE.
type Desk struct {
	Ctx     context.Context
	Account *catalog.Account
	Engine  *engine.Engine
	Catalog *catalog.Catalog
	Session *session.Session
	Channel string // the ARN that pipes with AUTO_INGEST show
}

// Show answers SHOW from the catalog in memory, without a transaction: it sees what was committed last.
func (d *Desk) Show(st *dialect.Show) (*answer.Result, error) {
	shown := map[string]func(*dialect.Show) *answer.Result{
		"TABLES": d.showTables, "OBJECTS": d.showObjects, "PRIMARY KEYS": d.showKeys, "UNIQUE KEYS": d.showKeys,
		"VIEWS": d.showViews, "COLUMNS": d.showColumns, "SCHEMAS": d.showSchemas, "DATABASES": d.showDatabases,
		"STAGES": d.showStages, "PIPES": d.showPipes, "FILE FORMATS": d.showFormats, "INTEGRATIONS": d.showIntegrations,
		"STORAGE INTEGRATIONS": d.showIntegrations, "WAREHOUSES": d.showWarehouses, "ROLES": d.showRoles, "USERS": d.showUsers,
		"PARAMETERS": d.showParameters, "VARIABLES": d.showVariables, "GRANTS": d.showGrants, "LOCKS": d.showLocks, "TRANSACTIONS": d.showTransactions,
	}
	list, ok := shown[st.Kind]
	if columns, never := none(st.Kind); never {
		list, ok = func(*dialect.Show) *answer.Result { return answer.NewTable(answer.TypeSelect, columns...).Res }, true
	}
	if !ok && st.Kind != "CHANNELS" {
		return nil, fault.Unsupported("SHOW " + st.Kind)
	}
	if err := d.scopeExists(st); err != nil {
		return nil, err
	}
	if st.Kind == "CHANNELS" {
		return d.showChannels(st)
	}
	res := list(st)
	if st.Terse && slices.Contains([]string{"TABLES", "VIEWS", "OBJECTS", "SCHEMAS", "DATABASES"}, st.Kind) {
		res = terse(st, res)
	}
	if st.Limit > 0 && len(res.Rows) > st.Limit {
		res.Rows = res.Rows[:st.Limit]
	}
	res.Total = int64(len(res.Rows))
	return res, nil
}

// scopeExists tells a SHOW in a schema that does not exist from one that finds nothing.
func (d *Desk) scopeExists(st *dialect.Show) error {
	if (st.InKind == "SCHEMA" || st.InKind == "DATABASE") && st.In != (dialect.Name{}) && d.Catalog.Get(st.InKind, st.In) == nil {
		return fault.NotExist(st.InKind, st.In.Plain())
	}
	return nil
}

// showList is the objects of a kind in the scope of SHOW: IN …, or else the session's schema or database.
func (d *Desk) showList(kind string, st *dialect.Show) []*catalog.Object {
	in := st.In
	env := d.Session.Env()
	if st.InKind == "" {
		in = dialect.Name{Database: env.Database, Schema: env.Schema}
	}
	if st.InKind == "SCHEMA" && in.Schema == "" {
		in = dialect.Name{Database: env.Database, Schema: env.Schema}
	}
	if st.InKind == "DATABASE" && in.Database == "" {
		in.Database = env.Database
	}
	like := likePattern(st)
	// Objects of the account, such as roles, have no database and are in every scope. FROM is exclusive and follows the
	// order of the list, so that a client can page with LIMIT … FROM the last name it has seen.
	return d.Catalog.List(kind, func(o *catalog.Object) bool {
		inScope := true
		if o.Name.Object != "" && o.Name.Database != "" || kind == "SCHEMA" {
			inScope = (in.Database == "" || in.Database == o.Name.Database) && (kind == "SCHEMA" || in.Schema == "" || in.Schema == o.Name.Schema)
		}
		if st.InKind == "ACCOUNT" {
			inScope = true
		}
		name := o.Name.Last()
		if o.Body.Session != 0 && o.Body.Session != d.Session.ID {
			return false // a temporary object of somebody else
		}
		return inScope && like.MatchString(name) && strings.HasPrefix(name, st.StartsWith) && (st.From == "" || name > st.From)
	})
}

// likePattern is LIKE as SHOW means it: % and _, without regard to case.
func likePattern(st *dialect.Show) *regexp.Regexp {
	if !st.HasLike {
		return regexp.MustCompile("")
	}
	var pattern strings.Builder
	pattern.WriteString("(?is)^")
	escaped := false
	for _, c := range st.Like {
		switch {
		case !escaped && c == '\\':
			escaped = true
			continue
		case !escaped && c == '%':
			pattern.WriteString(".*")
		case !escaped && c == '_':
			pattern.WriteString(".")
		default:
			pattern.WriteString(regexp.QuoteMeta(string(c)))
		}
		escaped = false
	}
	return regexp.MustCompile(pattern.String() + "$")
}

func (d *Desk) showTables(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "created_on", "name", "database_name", "schema_name", "kind", "comment", "cluster_by", "rows", "bytes", "owner",
		"retention_time", "automatic_clustering", "change_tracking", "is_external", "enable_schema_evolution", "owner_role_type")
	rows := d.rowCounts()
	for _, o := range d.showList("TABLE", st) {
		t.Add(o.Created, o.Name.Object, o.Name.Database, o.Name.Schema, tableKind(o), o.Comment, clusterBy(o), rows[o.Name], 0, o.Owner, 1, "OFF", "OFF", "N", "N", "ROLE")
	}
	return t.Res
}

// rowCounts is DuckDB's count of rows for each table.
func (d *Desk) rowCounts() map[dialect.Name]int64 {
	found := map[dialect.Name]int64{}
	rows, err := d.Engine.DB.QueryContext(d.Ctx, `SELECT "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", coalesce("ROW_COUNT", 0)::BIGINT FROM `+dialect.TablesView)
	if err != nil {
		return found
	}
	defer rows.Close()
	for rows.Next() {
		var name dialect.Name
		var n int64
		if rows.Scan(&name.Database, &name.Schema, &name.Object, &n) == nil {
			found[name] = n
		}
	}
	return found
}

func (d *Desk) showViews(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "created_on", "name", "reserved", "database_name", "schema_name", "owner", "comment", "text", "is_secure", "is_materialized", "owner_role_type")
	for _, o := range d.showList("VIEW", st) {
		t.Add(o.Created, o.Name.Object, "", o.Name.Database, o.Name.Schema, o.Owner, o.Comment, o.Body.Text, "false", "false", "ROLE")
	}
	return t.Res
}

func (d *Desk) showColumns(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "table_name", "schema_name", "column_name", "data_type", "null?", "default", "kind", "expression", "comment", "database_name", "autoincrement")
	like := likePattern(st)
	all := dialect.Show{InKind: st.InKind, In: st.In}
	if st.InKind == "TABLE" || st.InKind == "VIEW" {
		all = dialect.Show{InKind: "SCHEMA", In: dialect.Name{Database: st.In.Database, Schema: st.In.Schema}}
	}
	for _, o := range append(d.showList("TABLE", &all), d.showList("VIEW", &all)...) {
		if (st.InKind == "TABLE" || st.InKind == "VIEW") && o.Name != st.In {
			continue
		}
		for _, c := range o.Body.Columns {
			if like.MatchString(c.Name) {
				t.Add(o.Name.Object, o.Name.Schema, c.Name, dataType(c), fmt.Sprint(!c.NotNull), c.Default, "COLUMN", "", c.Comment, o.Name.Database, "")
			}
		}
	}
	return t.Res
}

// dataType is the JSON in which SHOW COLUMNS describes a type.
func dataType(c dialect.Column) string {
	switch c.Type.Base {
	case "NUMBER":
		return fmt.Sprintf(`{"type":"FIXED","precision":%d,"scale":%d,"nullable":%t}`, c.Type.Precision, c.Type.Scale, !c.NotNull)
	case "VARCHAR":
		return fmt.Sprintf(`{"type":"TEXT","length":%d,"byteLength":%d,"nullable":%t,"fixed":false}`, c.Type.Length, min(4*c.Type.Length, 16777216), !c.NotNull)
	case "FLOAT":
		return fmt.Sprintf(`{"type":"REAL","nullable":%t}`, !c.NotNull)
	}
	return fmt.Sprintf(`{"type":"%s","nullable":%t}`, c.Type.Base, !c.NotNull)
}

func (d *Desk) showSchemas(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "created_on", "name", "is_default", "is_current", "database_name", "owner", "comment", "options", "retention_time", "owner_role_type")
	env := d.Session.Env()
	for _, o := range d.showList("SCHEMA", st) {
		current := "N"
		if o.Name.Database == env.Database && o.Name.Schema == env.Schema {
			current = "Y"
		}
		t.Add(o.Created, o.Name.Schema, "N", current, o.Name.Database, o.Owner, o.Comment, "", 1, "ROLE")
	}
	return t.Res
}

func (d *Desk) showDatabases(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "created_on", "name", "is_default", "is_current", "origin", "owner", "comment", "options", "retention_time", "kind", "owner_role_type")
	env := d.Session.Env()
	for _, o := range d.showList("DATABASE", st) {
		current := "N"
		if o.Name.Database == env.Database {
			current = "Y"
		}
		t.Add(o.Created, o.Name.Database, "N", current, "", o.Owner, o.Comment, "", 1, "STANDARD", "ROLE")
	}
	return t.Res
}

func (d *Desk) showStages(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "created_on", "name", "database_name", "schema_name", "url", "has_credentials", "has_encryption_key", "owner", "comment",
		"region", "type", "cloud", "notification_channel", "storage_integration", "endpoint", "owner_role_type", "directory_enabled")
	for _, o := range d.showList("STAGE", st) {
		t.Add(o.Created, o.Name.Object, o.Name.Database, o.Name.Schema, o.Body.URL, "N", "N", o.Owner, o.Comment, d.Account.Region, "EXTERNAL", "AWS", "",
			o.Body.Integration, "", "ROLE", "N")
	}
	return t.Res
}

func (d *Desk) showPipes(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "created_on", "name", "database_name", "schema_name", "definition", "owner", "notification_channel", "comment", "integration",
		"pattern", "error_integration", "owner_role_type", "invalid_reason", "kind")
	for _, o := range d.showList("PIPE", st) {
		t.Add(d.pipeRow(o)...)
	}
	return t.Res
}

func (d *Desk) pipeRow(o *catalog.Object) []any {
	var channel any
	if o.Body.AutoIngest {
		channel = d.Channel
	}
	var pattern any
	if o.Body.Copy.Pattern != "" {
		pattern = o.Body.Copy.Pattern
	}
	kind := "STAGE"
	if o.Body.Copy.Streaming {
		kind = "STREAMING"
	}
	return []any{o.Created, o.Name.Object, o.Name.Database, o.Name.Schema, o.Body.Text, o.Owner, channel, o.Comment, nil, pattern, nil, "ROLE", nil, kind}
}

func (d *Desk) showFormats(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "created_on", "name", "database_name", "schema_name", "type", "owner", "comment", "format_options", "owner_role_type")
	for _, o := range d.showList("FILE FORMAT", st) {
		t.Add(o.Created, o.Name.Object, o.Name.Database, o.Name.Schema, stage.FormatType(o.Body.Options), o.Owner, o.Comment, stage.FormatJSON(o.Body.Options), "ROLE")
	}
	return t.Res
}
