package warehouse

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// table builds the answer of SHOW, DESC and LIST: texts under fixed column names. Clients find columns by name and some by
// place, so the names stand in the service's order even where this warehouse has nothing to say under them.
type table struct {
	res   *result
	names []string
}

func newTable(kind int64, names ...string) *table {
	t := &table{res: &result{kind: kind}, names: names}
	for _, name := range names {
		c := textColumn(name)
		switch name {
		case "created_on", "last_suspended_on", "resumed_on", "updated_on", "started_on":
			c = scaledColumn(name, "timestamp_ltz", 9)
		case "rows", "bytes", "size", "retention_time":
			c = fixedColumn(name, 38, 0)
		}
		t.res.columns = append(t.res.columns, c)
	}
	return t
}

// add appends a row: texts, times, numbers; nil is NULL. Missing values at the end are empty texts, which is what the
// service gives for properties that an object does not have; a number or a time cannot be empty and is NULL.
func (t *table) add(cells ...any) {
	row := make([]*string, len(t.names))
	for i := range t.names {
		text := ""
		if i < len(cells) {
			switch v := cells[i].(type) {
			case nil:
				continue
			case time.Time:
				text = timeText("timestamp_ltz", v)
			default:
				text = fmt.Sprint(v)
			}
		} else if t.res.columns[i].Type != "text" {
			continue
		}
		row[i] = &text
	}
	t.res.rows = append(t.res.rows, row)
	t.res.total++
}

// show answers SHOW from the catalog in memory, without a transaction: it sees what was committed last.
func (x *execution) show(st *dialect.Show) (*result, error) {
	shown := map[string]func(*dialect.Show) *result{
		"TABLES": x.showTables, "VIEWS": x.showViews, "COLUMNS": x.showColumns, "SCHEMAS": x.showSchemas, "DATABASES": x.showDatabases,
		"STAGES": x.showStages, "PIPES": x.showPipes, "FILE FORMATS": x.showFormats, "INTEGRATIONS": x.showIntegrations,
		"STORAGE INTEGRATIONS": x.showIntegrations, "WAREHOUSES": x.showWarehouses, "ROLES": x.showRoles, "USERS": x.showUsers,
		"PARAMETERS": x.showParameters, "VARIABLES": x.showVariables, "GRANTS": x.showGrants, "LOCKS": x.showLocks, "TRANSACTIONS": x.showTransactions,
	}
	answer, ok := shown[st.Kind]
	if !ok {
		return nil, unsupported("SHOW " + st.Kind)
	}
	if err := x.scopeExists(st); err != nil {
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
func (x *execution) scopeExists(st *dialect.Show) error {
	if (st.InKind == "SCHEMA" || st.InKind == "DATABASE") && st.In != (dialect.Name{}) && x.server.engine.catalog.get(st.InKind, st.In) == nil {
		return notExist(st.InKind, plainName(st.In))
	}
	return nil
}

// showList is the objects of a kind in the scope of SHOW: IN …, or else the session's schema or database.
func (x *execution) showList(kind string, st *dialect.Show) []*object {
	in := st.In
	env := x.session.env("", "")
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
	return x.server.engine.catalog.list(kind, func(o *object) bool {
		inScope := true
		if o.Name.Object != "" && o.Name.Database != "" || kind == "SCHEMA" {
			inScope = (in.Database == "" || in.Database == o.Name.Database) && (kind == "SCHEMA" || in.Schema == "" || in.Schema == o.Name.Schema)
		}
		if st.InKind == "ACCOUNT" {
			inScope = true
		}
		name := objectName(o.Name)
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

func (x *execution) showTables(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "database_name", "schema_name", "kind", "comment", "cluster_by", "rows", "bytes", "owner",
		"retention_time", "automatic_clustering", "change_tracking", "is_external", "enable_schema_evolution", "owner_role_type")
	rows := x.rowCounts()
	for _, o := range x.showList("TABLE", st) {
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
func (x *execution) rowCounts() map[dialect.Name]int64 {
	found := map[dialect.Name]int64{}
	rows, err := x.server.engine.db.QueryContext(x.ctx, `SELECT "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", coalesce("ROW_COUNT", 0)::BIGINT FROM `+dialect.TablesView)
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

func (x *execution) showViews(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "reserved", "database_name", "schema_name", "owner", "comment", "text", "is_secure", "is_materialized", "owner_role_type")
	for _, o := range x.showList("VIEW", st) {
		t.add(o.Created, o.Name.Object, "", o.Name.Database, o.Name.Schema, o.Owner, o.Comment, o.Body.Text, "false", "false", "ROLE")
	}
	return t.res
}

func (x *execution) showColumns(st *dialect.Show) *result {
	t := newTable(typeSelect, "table_name", "schema_name", "column_name", "data_type", "null?", "default", "kind", "expression", "comment", "database_name", "autoincrement")
	like := likePattern(st)
	all := dialect.Show{InKind: st.InKind, In: st.In}
	if st.InKind == "TABLE" || st.InKind == "VIEW" {
		all = dialect.Show{InKind: "SCHEMA", In: dialect.Name{Database: st.In.Database, Schema: st.In.Schema}}
	}
	for _, o := range append(x.showList("TABLE", &all), x.showList("VIEW", &all)...) {
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

func (x *execution) showSchemas(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "is_default", "is_current", "database_name", "owner", "comment", "options", "retention_time", "owner_role_type")
	env := x.session.env("", "")
	for _, o := range x.showList("SCHEMA", st) {
		current := "N"
		if o.Name.Database == env.Database && o.Name.Schema == env.Schema {
			current = "Y"
		}
		t.add(o.Created, o.Name.Schema, "N", current, o.Name.Database, o.Owner, o.Comment, "", 1, "ROLE")
	}
	return t.res
}

func (x *execution) showDatabases(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "is_default", "is_current", "origin", "owner", "comment", "options", "retention_time", "kind", "owner_role_type")
	env := x.session.env("", "")
	for _, o := range x.showList("DATABASE", st) {
		current := "N"
		if o.Name.Database == env.Database {
			current = "Y"
		}
		t.add(o.Created, o.Name.Database, "N", current, "", o.Owner, o.Comment, "", 1, "STANDARD", "ROLE")
	}
	return t.res
}

func (x *execution) showStages(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "database_name", "schema_name", "url", "has_credentials", "has_encryption_key", "owner", "comment",
		"region", "type", "cloud", "notification_channel", "storage_integration", "endpoint", "owner_role_type", "directory_enabled")
	for _, o := range x.showList("STAGE", st) {
		t.add(o.Created, o.Name.Object, o.Name.Database, o.Name.Schema, o.Body.URL, "N", "N", o.Owner, o.Comment, x.server.cfg.Region, "EXTERNAL", "AWS", "",
			o.Body.Integration, "", "ROLE", "N")
	}
	return t.res
}

func (x *execution) showPipes(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "database_name", "schema_name", "definition", "owner", "notification_channel", "comment", "integration",
		"pattern", "error_integration", "owner_role_type", "invalid_reason", "kind")
	for _, o := range x.showList("PIPE", st) {
		t.add(x.pipeRow(o)...)
	}
	return t.res
}

func (x *execution) pipeRow(o *object) []any {
	var channel any
	if o.Body.AutoIngest {
		channel = x.server.queueARN()
	}
	var pattern any
	if o.Body.Copy.Pattern != "" {
		pattern = o.Body.Copy.Pattern
	}
	return []any{o.Created, o.Name.Object, o.Name.Database, o.Name.Schema, o.Body.Text, o.Owner, channel, o.Comment, nil, pattern, nil, "ROLE", nil, "STAGE"}
}

func (x *execution) showFormats(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "database_name", "schema_name", "type", "owner", "comment", "format_options", "owner_role_type")
	for _, o := range x.showList("FILE FORMAT", st) {
		t.add(o.Created, o.Name.Object, o.Name.Database, o.Name.Schema, formatType(o.Body.Options), o.Owner, o.Comment, formatJSON(o.Body.Options), "ROLE")
	}
	return t.res
}
