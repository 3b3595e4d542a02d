package show

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

// Describe answers DESC.
func (d *Desk) Describe(st *dialect.Describe) (*answer.Result, error) {
	kind := st.Kind
	if kind == "STORAGE INTEGRATION" {
		kind = "INTEGRATION"
	}
	o := d.Catalog.Get(kind, st.Name)
	if kind == "TABLE" || kind == "VIEW" {
		o = d.Catalog.Relation(st.Name)
	}
	if o == nil {
		return nil, fault.NotExist(kind, st.Name.Plain())
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
		t := answer.NewTable(answer.TypeSelect, "created_on", "name", "database_name", "schema_name", "definition", "owner", "notification_channel", "comment", "integration",
			"pattern", "error_integration", "owner_role_type", "invalid_reason", "kind")
		t.Add(d.pipeRow(o)...)
		return t.Res, nil
	case "SCHEMA", "DATABASE":
		return d.describeContainer(o), nil
	case "USER":
		return describeUser(o)
	}
	return nil, fault.Unsupported("DESCRIBE " + kind)
}

func describeTable(o *catalog.Object) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "name", "type", "kind", "null?", "default", "primary key", "unique key", "check", "expression", "comment", "policy name", "privacy domain")
	yes := map[bool]string{true: "Y", false: "N"}
	for _, c := range o.Body.Columns {
		var fallback, comment any
		if c.Default != "" {
			fallback = c.Default
		}
		if c.Comment != "" {
			comment = c.Comment
		}
		t.Add(c.Name, c.Type.Name, "COLUMN", yes[!c.NotNull], fallback, yes[c.PrimaryKey], yes[c.Unique], nil, nil, comment, nil, nil)
	}
	return t.Res
}

func (d *Desk) describeContainer(o *catalog.Object) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "created_on", "name", "kind")
	for _, kind := range []string{"SCHEMA", "TABLE", "VIEW"} {
		for _, inside := range d.Catalog.List(kind, nil) {
			in := inside.Name.Database == o.Name.Database && (o.Kind == "DATABASE") == (kind == "SCHEMA")
			if in && (o.Kind == "DATABASE" || inside.Name.Schema == o.Name.Schema) {
				t.Add(inside.Created, inside.Name.Last(), kind)
			}
		}
	}
	return t.Res
}

func newProperties() *answer.Table {
	return answer.NewTable(answer.TypeSelect, "property", "property_type", "property_value", "property_default")
}

// describeIntegration shows what the other side's trust policy needs: the user ARN and the external id.
func (d *Desk) describeIntegration(o *catalog.Object) *answer.Result {
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
	t.Add("ENABLED", "Boolean", enabled, "false")
	t.Add("STORAGE_PROVIDER", "String", "S3", "")
	t.Add("STORAGE_ALLOWED_LOCATIONS", "List", locations("STORAGE_ALLOWED_LOCATIONS"), "[]")
	t.Add("STORAGE_BLOCKED_LOCATIONS", "List", locations("STORAGE_BLOCKED_LOCATIONS"), "[]")
	t.Add("STORAGE_AWS_IAM_USER_ARN", "String", fmt.Sprintf("arn:aws:iam::%s:user/snowflake-storage", d.Account.ID), "")
	t.Add("STORAGE_AWS_ROLE_ARN", "String", o.Body.Options.Text("STORAGE_AWS_ROLE_ARN"), "")
	t.Add("STORAGE_AWS_EXTERNAL_ID", "String", o.Body.ExternalID, "")
	t.Add("USE_PRIVATELINK_ENDPOINT", "Boolean", "false", "false")
	t.Add("COMMENT", "String", o.Comment, "")
	return t.Res
}

// describeUser shows of a user what tells its kind and its keys: the fingerprints, by which a deployment knows its own.
func describeUser(o *catalog.Object) (*answer.Result, error) {
	t := answer.NewTable(answer.TypeSelect, "property", "value", "default", "description")
	t.Add("NAME", o.Name.Object, nil, "")
	t.Add("TYPE", cmp.Or(strings.ToUpper(o.Body.Options.Text("TYPE")), "PERSON"), nil, "")
	for _, name := range []string{"DEFAULT_ROLE", "DEFAULT_WAREHOUSE", "DEFAULT_NAMESPACE"} {
		t.Add(name, dialect.Fold(o.Body.Options.Text(name), ""), nil, "")
	}
	for _, slot := range catalog.KeySlots() {
		text := o.Body.Options.Text(slot)
		print := "null"
		if key, err := catalog.ParsePublicKey(text); text != "" && err == nil {
			if print, err = catalog.Fingerprint(key); err != nil {
				return nil, err
			}
		}
		t.Add(slot, cmp.Or(text, "null"), nil, "")
		t.Add(slot+"_FP", print, nil, "")
	}
	return t.Res, nil
}

func describeStage(o *catalog.Object) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "parent_property", "property", "property_type", "property_value", "property_default")
	if o.Body.FormatName != nil {
		t.Add("STAGE_FILE_FORMAT", "FORMAT_NAME", "String", (*o.Body.FormatName).Plain(), "")
	}
	for _, option := range o.Body.Options {
		if option.Name != "FORMAT_NAME" {
			t.Add("STAGE_FILE_FORMAT", option.Name, "String", stage.OptionText(option.Value), "")
		}
	}
	t.Add("STAGE_LOCATION", "URL", "String", `["`+o.Body.URL+`"]`, "")
	t.Add("STAGE_INTEGRATION", "STORAGE_INTEGRATION", "String", o.Body.Integration, "")
	return t.Res
}

func describeFormat(o *catalog.Object) *answer.Result {
	t := newProperties()
	t.Add("TYPE", "String", stage.FormatType(o.Body.Options), "CSV")
	for _, option := range o.Body.Options {
		if option.Name != "TYPE" {
			t.Add(option.Name, "String", stage.OptionText(option.Value), "")
		}
	}
	return t.Res
}
