package warehouse

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// describe answers DESC.
func (d *desk) describe(st *dialect.Describe) (*result, error) {
	kind := st.Kind
	if kind == "STORAGE INTEGRATION" {
		kind = "INTEGRATION"
	}
	o := d.catalog.get(kind, st.Name)
	if kind == "TABLE" || kind == "VIEW" {
		o = d.catalog.relation(st.Name)
	}
	if o == nil {
		return nil, notExist(kind, st.Name.Plain())
	}
	switch kind {
	case "TABLE", "VIEW":
		return describeTable(o), nil
	case "INTEGRATION":
		return d.describeIntegration(o), nil
	case "STAGE":
		return describeStage(o), nil
	case "FILE FORMAT":
		return describeFormat(o), nil
	case "PIPE":
		t := newTable(typeSelect, "created_on", "name", "database_name", "schema_name", "definition", "owner", "notification_channel", "comment", "integration",
			"pattern", "error_integration", "owner_role_type", "invalid_reason", "kind")
		t.add(d.pipeRow(o)...)
		return t.res, nil
	case "SCHEMA", "DATABASE":
		return d.describeContainer(o), nil
	case "USER":
		return describeUser(o)
	}
	return nil, unsupported("DESCRIBE " + kind)
}

func describeTable(o *object) *result {
	t := newTable(typeSelect, "name", "type", "kind", "null?", "default", "primary key", "unique key", "check", "expression", "comment", "policy name", "privacy domain")
	yes := map[bool]string{true: "Y", false: "N"}
	for _, c := range o.Body.Columns {
		var fallback, comment any
		if c.Default != "" {
			fallback = c.Default
		}
		if c.Comment != "" {
			comment = c.Comment
		}
		t.add(c.Name, c.Type.Name, "COLUMN", yes[!c.NotNull], fallback, yes[c.PrimaryKey], yes[c.Unique], nil, nil, comment, nil, nil)
	}
	return t.res
}

func (d *desk) describeContainer(o *object) *result {
	t := newTable(typeSelect, "created_on", "name", "kind")
	for _, kind := range []string{"SCHEMA", "TABLE", "VIEW"} {
		for _, inside := range d.catalog.list(kind, nil) {
			in := inside.Name.Database == o.Name.Database && (o.Kind == "DATABASE") == (kind == "SCHEMA")
			if in && (o.Kind == "DATABASE" || inside.Name.Schema == o.Name.Schema) {
				t.add(inside.Created, inside.Name.Last(), kind)
			}
		}
	}
	return t.res
}

func newProperties() *table {
	return newTable(typeSelect, "property", "property_type", "property_value", "property_default")
}

// describeIntegration shows what the other side's trust policy needs: the user ARN and the external id.
func (d *desk) describeIntegration(o *object) *result {
	t := newProperties()
	locations := func(name string) string {
		v, ok := o.Body.Options.Get(name)
		if !ok {
			return ""
		}
		return strings.Join(v.Texts(), ",")
	}
	enabled := "true"
	if v, ok := o.Body.Options.Get("ENABLED"); ok {
		enabled = strings.ToLower(v.Text)
	}
	t.add("ENABLED", "Boolean", enabled, "false")
	t.add("STORAGE_PROVIDER", "String", "S3", "")
	t.add("STORAGE_ALLOWED_LOCATIONS", "List", locations("STORAGE_ALLOWED_LOCATIONS"), "[]")
	t.add("STORAGE_BLOCKED_LOCATIONS", "List", locations("STORAGE_BLOCKED_LOCATIONS"), "[]")
	t.add("STORAGE_AWS_IAM_USER_ARN", "String", fmt.Sprintf("arn:aws:iam::%s:user/snowflake-storage", d.account.ID), "")
	t.add("STORAGE_AWS_ROLE_ARN", "String", o.Body.Options.Text("STORAGE_AWS_ROLE_ARN"), "")
	t.add("STORAGE_AWS_EXTERNAL_ID", "String", o.Body.ExternalID, "")
	t.add("USE_PRIVATELINK_ENDPOINT", "Boolean", "false", "false")
	t.add("COMMENT", "String", o.Comment, "")
	return t.res
}

// describeUser shows of a user what tells its kind and its keys: the fingerprints, by which a deployment knows its own.
func describeUser(o *object) (*result, error) {
	t := newTable(typeSelect, "property", "value", "default", "description")
	t.add("NAME", o.Name.Object, nil, "")
	t.add("TYPE", cmp.Or(strings.ToUpper(o.Body.Options.Text("TYPE")), "PERSON"), nil, "")
	for _, name := range []string{"DEFAULT_ROLE", "DEFAULT_WAREHOUSE", "DEFAULT_NAMESPACE"} {
		t.add(name, dialect.Fold(o.Body.Options.Text(name), ""), nil, "")
	}
	for _, slot := range keySlots() {
		text := o.Body.Options.Text(slot)
		print := "null"
		if key, err := parsePublicKey(text); text != "" && err == nil {
			if print, err = fingerprint(key); err != nil {
				return nil, err
			}
		}
		t.add(slot, cmp.Or(text, "null"), nil, "")
		t.add(slot+"_FP", print, nil, "")
	}
	return t.res, nil
}

func describeStage(o *object) *result {
	t := newTable(typeSelect, "parent_property", "property", "property_type", "property_value", "property_default")
	if o.Body.FormatName != nil {
		t.add("STAGE_FILE_FORMAT", "FORMAT_NAME", "String", (*o.Body.FormatName).Plain(), "")
	}
	for _, option := range o.Body.Options {
		if option.Name != "FORMAT_NAME" {
			t.add("STAGE_FILE_FORMAT", option.Name, "String", optionText(option.Value), "")
		}
	}
	t.add("STAGE_LOCATION", "URL", "String", `["`+o.Body.URL+`"]`, "")
	t.add("STAGE_INTEGRATION", "STORAGE_INTEGRATION", "String", o.Body.Integration, "")
	return t.res
}

func describeFormat(o *object) *result {
	t := newProperties()
	t.add("TYPE", "String", formatType(o.Body.Options), "CSV")
	for _, option := range o.Body.Options {
		if option.Name != "TYPE" {
			t.add(option.Name, "String", optionText(option.Value), "")
		}
	}
	return t.res
}
