package show

import (
	"cmp"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/session"
)

func (d *Desk) showIntegrations(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "name", "type", "category", "enabled", "comment", "created_on")
	for _, o := range d.showList("INTEGRATION", st) {
		t.Add(o.Name.Object, "EXTERNAL_STAGE", "STORAGE", strings.ToLower(cmp.Or(o.Body.Options.Text("ENABLED"), "true")), o.Comment, o.Created)
	}
	return t.Res
}

func (d *Desk) showWarehouses(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "name", "state", "type", "size", "running", "queued", "is_default", "is_current", "auto_suspend", "auto_resume", "created_on", "owner", "comment")
	t.Res.Columns[3] = answer.Text("size")
	for _, o := range d.showList("WAREHOUSE", st) {
		state := "STARTED"
		if o.Body.Paused {
			state = "SUSPENDED"
		}
		current := "N"
		if o.Name.Object == d.Session.Env().Warehouse {
			current = "Y"
		}
		t.Add(o.Name.Object, state, "STANDARD", cmp.Or(o.Body.Options.Text("WAREHOUSE_SIZE"), "X-Small"), "0", "0", "N", current,
			cmp.Or(o.Body.Options.Text("AUTO_SUSPEND"), "600"), "true", o.Created, o.Owner, o.Comment)
	}
	return t.Res
}

func (d *Desk) showRoles(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "created_on", "name", "is_default", "is_current", "is_inherited", "assigned_to_users", "granted_to_roles", "granted_roles", "owner", "comment")
	for _, o := range d.showList("ROLE", st) {
		current := "N"
		if o.Name.Object == d.Session.Env().Role {
			current = "Y"
		}
		t.Add(o.Created, o.Name.Object, "N", current, "N", "0", "0", "0", o.Owner, o.Comment)
	}
	return t.Res
}

func (d *Desk) showUsers(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "name", "created_on", "login_name", "display_name", "default_warehouse", "default_namespace", "default_role", "has_password", "has_rsa_public_key", "comment")
	like := likePattern(st)
	for _, u := range d.Account.Users {
		name := strings.ToUpper(u.Name)
		if like.MatchString(name) {
			t.Add(name, nil, name, name, strings.ToUpper(u.DefaultWarehouse), strings.ToUpper(u.Database), strings.ToUpper(u.DefaultRole), u.Password != "", u.PublicKey != nil, "")
		}
	}
	for _, o := range d.showList("USER", st) {
		t.Add(o.Name.Object, o.Created, o.Name.Object, o.Name.Object, o.Body.Options.Text("DEFAULT_WAREHOUSE"), "", o.Body.Options.Text("DEFAULT_ROLE"), "false", len(catalog.KeysOf(o)) > 0, o.Comment)
	}
	return t.Res
}

func (d *Desk) showParameters(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "key", "value", "default", "level", "description", "type")
	like := likePattern(st)
	_, parameters := d.Session.State()
	defaults := session.DefaultSettings()
	for _, p := range parameters {
		if like.MatchString(p.Name) {
			kind := "STRING"
			switch p.Value.(type) {
			case bool:
				kind = "BOOLEAN"
			case int, int64, float64:
				kind = "NUMBER"
			}
			t.Add(p.Name, p.Value, defaults[p.Name], "SESSION", "", kind)
		}
	}
	return t.Res
}

func (d *Desk) showVariables(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "session_id", "name", "value", "type")
	like := likePattern(st)
	env := d.Session.Env()
	var names []string
	for name := range env.Variables {
		if like.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		value, kind := env.Variables[name], "fixed"
		if strings.HasPrefix(value, "'") {
			kind = "text"
		}
		t.Add(env.Session, name, strings.Trim(value, "'"), kind)
	}
	return t.Res
}

func (d *Desk) showGrants(st *dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option", "granted_by")
	if st.Members {
		t = answer.NewTable(answer.TypeSelect, "created_on", "role", "granted_to", "grantee_name", "granted_by")
	}
	for _, o := range d.Catalog.List("GRANT", nil) {
		if st.Members {
			if o.Body.OnKind == "ROLE" && o.Body.Text == st.Grantee {
				t.Add(o.Created, o.Body.Text, o.Body.GranteeKind, o.Body.Grantee, o.Owner)
			}
			continue
		}
		on := st.OnKind == "" || o.Body.OnKind == st.OnKind && o.Body.Text == st.On.Plain()
		to := st.Grantee == "" || o.Body.Grantee == st.Grantee
		if !on || !to {
			continue
		}
		for _, privilege := range o.Body.Privileges {
			t.Add(o.Created, privilege, strings.ReplaceAll(o.Body.OnKind, " ", "_"), o.Body.Text, o.Body.GranteeKind, o.Body.Grantee, "false", o.Owner)
		}
	}
	return t.Res
}

func (d *Desk) showLocks(*dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "resource", "type", "transaction", "transaction_started_on", "status", "acquired_on", "query_id")
	for _, lock := range d.Engine.Locks.List() {
		t.Add(lock.Table.Plain(), "TABLE", "", "", "HOLDING", "", "")
		for range lock.Waiting {
			t.Add(lock.Table.Plain(), "TABLE", "", "", "WAITING", "", "")
		}
	}
	return t.Res
}

func (d *Desk) showTransactions(*dialect.Show) *answer.Result {
	t := answer.NewTable(answer.TypeSelect, "id", "user", "session", "name", "started_on", "state", "scope")
	if used, open := d.Session.OpenSince(); open {
		t.Add(d.Session.ID, strings.ToUpper(d.Session.User.Name), d.Session.ID, "", used, "running", "0")
	}
	return t.Res
}
