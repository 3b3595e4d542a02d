package warehouse

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// desk answers what one session asks about objects, with SHOW and with DESCRIBE.
type desk struct {
	ctx     context.Context
	account *account
	engine  *engine
	catalog *catalog
	session *session
	channel string // the ARN that pipes with AUTO_INGEST show
}

// show answers SHOW from the catalog in memory, without a transaction: it sees what was committed last.
func (d *desk) show(st *dialect.Show) (*result, error) {
	shown := map[string]func(*dialect.Show) *result{
		"TABLES": d.showTables, "VIEWS": d.showViews, "COLUMNS": d.showColumns, "SCHEMAS": d.showSchemas, "DATABASES": d.showDatabases,
		"STAGES": d.showStages, "PIPES": d.showPipes, "FILE FORMATS": d.showFormats, "INTEGRATIONS": d.showIntegrations,
		"STORAGE INTEGRATIONS": d.showIntegrations, "WAREHOUSES": d.showWarehouses, "ROLES": d.showRoles, "USERS": d.showUsers,
		"PARAMETERS": d.showParameters, "VARIABLES": d.showVariables, "GRANTS": d.showGrants, "LOCKS": d.showLocks, "TRANSACTIONS": d.showTransactions,
	}
	answer, ok := shown[st.Kind]
	if !ok {
		return nil, unsupported("SHOW " + st.Kind)
	}
	if err := d.scopeExists(st); err != nil {
		return nil, err
	}
	res := answer(st)
	if st.Limit > 0 && len(res.rows) > st.Limit {
		res.rows = res.rows[:st.Limit]
	}
	res.total = int64(len(res.rows))
	return res, nil
}

// scopeExists tells a SHOW in a schema that does not exist from one that finds nothing.
func (d *desk) scopeExists(st *dialect.Show) error {
	if (st.InKind == "SCHEMA" || st.InKind == "DATABASE") && st.In != (dialect.Name{}) && d.catalog.get(st.InKind, st.In) == nil {
		return notExist(st.InKind, st.In.Plain())
	}
	return nil
}

// showList is the objects of a kind in the scope of SHOW: IN …, or else the session's schema or database.
func (d *desk) showList(kind string, st *dialect.Show) []*object {
	in := st.In
	env := d.session.env()
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
	return d.catalog.list(kind, func(o *object) bool {
		inScope := true
		if o.Name.Object != "" && o.Name.Database != "" || kind == "SCHEMA" {
			inScope = (in.Database == "" || in.Database == o.Name.Database) && (kind == "SCHEMA" || in.Schema == "" || in.Schema == o.Name.Schema)
		}
		if st.InKind == "ACCOUNT" {
			inScope = true
		}
		name := o.Name.Last()
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

func (d *desk) showTables(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "database_name", "schema_name", "kind", "comment", "cluster_by", "rows", "bytes", "owner",
		"retention_time", "automatic_clustering", "change_tracking", "is_external", "enable_schema_evolution", "owner_role_type")
	rows := d.rowCounts()
	for _, o := range d.showList("TABLE", st) {
		kind := "TABLE"
		switch {
		case o.Body.Session != 0:
			kind = "TEMPORARY"
		case o.Body.Transient:
			kind = "TRANSIENT"
		}
		cluster := ""
		if len(o.Body.ClusterBy) > 0 {
			cluster = "LINEAR(" + strings.Join(o.Body.ClusterBy, ", ") + ")"
		}
		t.add(o.Created, o.Name.Object, o.Name.Database, o.Name.Schema, kind, o.Comment, cluster, rows[o.Name], 0, o.Owner, 1, "OFF", "OFF", "N", "N", "ROLE")
	}
	return t.res
}

// rowCounts is DuckDB's count of rows for each table.
func (d *desk) rowCounts() map[dialect.Name]int64 {
	found := map[dialect.Name]int64{}
	rows, err := d.engine.db.QueryContext(d.ctx, `SELECT "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", coalesce("ROW_COUNT", 0)::BIGINT FROM `+dialect.TablesView)
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

func (d *desk) showViews(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "reserved", "database_name", "schema_name", "owner", "comment", "text", "is_secure", "is_materialized", "owner_role_type")
	for _, o := range d.showList("VIEW", st) {
		t.add(o.Created, o.Name.Object, "", o.Name.Database, o.Name.Schema, o.Owner, o.Comment, o.Body.Text, "false", "false", "ROLE")
	}
	return t.res
}

func (d *desk) showColumns(st *dialect.Show) *result {
	t := newTable(typeSelect, "table_name", "schema_name", "column_name", "data_type", "null?", "default", "kind", "expression", "comment", "database_name", "autoincrement")
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
				t.add(o.Name.Object, o.Name.Schema, c.Name, dataType(c), fmt.Sprint(!c.NotNull), c.Default, "COLUMN", "", c.Comment, o.Name.Database, "")
			}
		}
	}
	return t.res
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

func (d *desk) showSchemas(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "is_default", "is_current", "database_name", "owner", "comment", "options", "retention_time", "owner_role_type")
	env := d.session.env()
	for _, o := range d.showList("SCHEMA", st) {
		current := "N"
		if o.Name.Database == env.Database && o.Name.Schema == env.Schema {
			current = "Y"
		}
		t.add(o.Created, o.Name.Schema, "N", current, o.Name.Database, o.Owner, o.Comment, "", 1, "ROLE")
	}
	return t.res
}

func (d *desk) showDatabases(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "is_default", "is_current", "origin", "owner", "comment", "options", "retention_time", "kind", "owner_role_type")
	env := d.session.env()
	for _, o := range d.showList("DATABASE", st) {
		current := "N"
		if o.Name.Database == env.Database {
			current = "Y"
		}
		t.add(o.Created, o.Name.Database, "N", current, "", o.Owner, o.Comment, "", 1, "STANDARD", "ROLE")
	}
	return t.res
}

func (d *desk) showStages(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "database_name", "schema_name", "url", "has_credentials", "has_encryption_key", "owner", "comment",
		"region", "type", "cloud", "notification_channel", "storage_integration", "endpoint", "owner_role_type", "directory_enabled")
	for _, o := range d.showList("STAGE", st) {
		t.add(o.Created, o.Name.Object, o.Name.Database, o.Name.Schema, o.Body.URL, "N", "N", o.Owner, o.Comment, d.account.Region, "EXTERNAL", "AWS", "",
			o.Body.Integration, "", "ROLE", "N")
	}
	return t.res
}

func (d *desk) showPipes(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "database_name", "schema_name", "definition", "owner", "notification_channel", "comment", "integration",
		"pattern", "error_integration", "owner_role_type", "invalid_reason", "kind")
	for _, o := range d.showList("PIPE", st) {
		t.add(d.pipeRow(o)...)
	}
	return t.res
}

func (d *desk) pipeRow(o *object) []any {
	var channel any
	if o.Body.AutoIngest {
		channel = d.channel
	}
	var pattern any
	if o.Body.Copy.Pattern != "" {
		pattern = o.Body.Copy.Pattern
	}
	return []any{o.Created, o.Name.Object, o.Name.Database, o.Name.Schema, o.Body.Text, o.Owner, channel, o.Comment, nil, pattern, nil, "ROLE", nil, "STAGE"}
}

func (d *desk) showFormats(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "database_name", "schema_name", "type", "owner", "comment", "format_options", "owner_role_type")
	for _, o := range d.showList("FILE FORMAT", st) {
		t.add(o.Created, o.Name.Object, o.Name.Database, o.Name.Schema, formatType(o.Body.Options), o.Owner, o.Comment, formatJSON(o.Body.Options), "ROLE")
	}
	return t.res
}
