package show

import (
	"fmt"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// showObjects lists tables and views together.
func (d *Desk) showObjects(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "created_on", "name", "database_name", "schema_name", "kind", "comment", "cluster_by", "rows", "bytes", "owner",
		"retention_time", "owner_role_type", "is_hybrid", "is_dynamic", "is_iceberg")
	rows := d.rowCounts()
	for _, o := range d.showList("TABLE", st) {
		kind := "TABLE" // a transient one, too: dbt tells tables by this word
		if o.Body.Session != 0 {
			kind = "TEMPORARY"
		}
		t.Add(o.Created, o.Name.Object, o.Name.Database, o.Name.Schema, kind, o.Comment, clusterBy(o), rows[o.Name], 0, o.Owner, 1, "ROLE", "N", "N", "N")
	}
	for _, o := range d.showList("VIEW", st) {
		t.Add(o.Created, o.Name.Object, o.Name.Database, o.Name.Schema, "VIEW", o.Comment, "", nil, nil, o.Owner, 1, "ROLE", "N", "N", "N")
	}
	return t.Res
}

// terse is the short form that SHOW TERSE has of an answer about databases, schemas, tables, views and objects.
func terse(st *dialect.Show, res *answer.Result) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "created_on", "name", "kind", "database_name", "schema_name")
	at := map[string]int{}
	for i, c := range res.Columns {
		at[c.Name] = i
	}
	for _, row := range res.Rows {
		short := make([]*string, len(t.Names))
		for i, name := range t.Names {
			if from, has := at[name]; has && !(name == "kind" && st.Kind == "DATABASES") {
				short[i] = row[from]
			}
		}
		if kind := map[string]string{"VIEWS": "VIEW", "DATABASES": "STANDARD"}[st.Kind]; kind != "" {
			short[2] = &kind
		}
		if st.Kind == "SCHEMAS" {
			short[4] = nil
		}
		t.Res.Rows = append(t.Res.Rows, short)
	}
	return t.Res
}

func tableKind(o *catalog.Object) string {
	switch {
	case o.Body.Session != 0:
		return "TEMPORARY"
	case o.Body.Transient:
		return "TRANSIENT"
	}
	return "TABLE"
}

func clusterBy(o *catalog.Object) string {
	if len(o.Body.ClusterBy) == 0 {
		return ""
	}
	return "LINEAR(" + strings.Join(o.Body.ClusterBy, ", ") + ")"
}

// showKeys lists the columns of primary or of unique keys, which are recorded and not enforced.
func (d *Desk) showKeys(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "created_on", "database_name", "schema_name", "table_name", "column_name", "key_sequence", "constraint_name", "rely", "comment")
	all := dialect.Show{InKind: st.InKind, In: st.In}
	if st.InKind == "TABLE" {
		all = dialect.Show{InKind: "SCHEMA", In: dialect.Name{Database: st.In.Database, Schema: st.In.Schema}}
	}
	for _, o := range d.showList("TABLE", &all) {
		if st.InKind == "TABLE" && o.Name != st.In {
			continue
		}
		n := 0
		for _, c := range o.Body.Columns {
			if st.Kind == "PRIMARY KEYS" && c.PrimaryKey || st.Kind == "UNIQUE KEYS" && c.Unique {
				n++
				t.Add(o.Created, o.Name.Database, o.Name.Schema, o.Name.Object, c.Name, n, fmt.Sprintf("SYS_CONSTRAINT_%d", o.ID), "false", nil)
			}
		}
	}
	return t.Res
}

// none are the kinds of objects that this warehouse cannot have: their lists are empty, under the columns that clients look for.
func none(kind string) ([]string, bool) {
	function := []string{"created_on", "name", "schema_name", "is_builtin", "is_aggregate", "is_ansi", "min_num_arguments", "max_num_arguments", "arguments",
		"description", "catalog_name", "is_table_function", "valid_for_clustering", "is_secure"}
	key := []string{"created_on", "pk_database_name", "pk_schema_name", "pk_table_name", "pk_column_name", "fk_database_name", "fk_schema_name", "fk_table_name",
		"fk_column_name", "key_sequence", "update_rule", "delete_rule", "fk_name", "pk_name", "deferrability", "rely", "comment"}
	switch kind {
	case "FUNCTIONS", "USER FUNCTIONS", "USER PROCEDURES", "EXTERNAL FUNCTIONS", "PROCEDURES":
		return function, true
	case "IMPORTED KEYS", "EXPORTED KEYS":
		return key, true
	case "STREAMS", "TASKS", "SEQUENCES", "DYNAMIC TABLES", "EXTERNAL TABLES", "ICEBERG TABLES", "EVENT TABLES", "HYBRID TABLES", "MATERIALIZED VIEWS",
		"MASKING POLICIES", "ROW ACCESS POLICIES", "TAGS", "SECRETS", "ALERTS":
		return []string{"created_on", "name", "database_name", "schema_name", "owner", "comment", "owner_role_type"}, true
	}
	return nil, false
}
