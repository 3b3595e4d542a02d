package warehouse

import (
	"cmp"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

func (d *desk) showIntegrations(st *dialect.Show) *result {
	t := newTable(typeSelect, "name", "type", "category", "enabled", "comment", "created_on")
	for _, o := range d.showList("INTEGRATION", st) {
		t.add(o.Name.Object, "EXTERNAL_STAGE", "STORAGE", strings.ToLower(cmp.Or(o.Body.Options.Text("ENABLED"), "true")), o.Comment, o.Created)
	}
	return t.res
}

func (d *desk) showWarehouses(st *dialect.Show) *result {
	t := newTable(typeSelect, "name", "state", "type", "size", "running", "queued", "is_default", "is_current", "auto_suspend", "auto_resume", "created_on", "owner", "comment")
	t.res.columns[3] = textColumn("size")
	for _, o := range d.showList("WAREHOUSE", st) {
		state := "STARTED"
		if o.Body.Paused {
			state = "SUSPENDED"
		}
		current := "N"
		if o.Name.Object == d.session.env().Warehouse {
			current = "Y"
		}
		t.add(o.Name.Object, state, "STANDARD", cmp.Or(o.Body.Options.Text("WAREHOUSE_SIZE"), "X-Small"), "0", "0", "N", current,
			cmp.Or(o.Body.Options.Text("AUTO_SUSPEND"), "600"), "true", o.Created, o.Owner, o.Comment)
	}
	return t.res
}

func (d *desk) showRoles(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "name", "is_default", "is_current", "is_inherited", "assigned_to_users", "granted_to_roles", "granted_roles", "owner", "comment")
	for _, o := range d.showList("ROLE", st) {
		current := "N"
		if o.Name.Object == d.session.env().Role {
			current = "Y"
		}
		t.add(o.Created, o.Name.Object, "N", current, "N", "0", "0", "0", o.Owner, o.Comment)
	}
	return t.res
}

func (d *desk) showUsers(st *dialect.Show) *result {
	t := newTable(typeSelect, "name", "created_on", "login_name", "display_name", "default_warehouse", "default_namespace", "default_role", "has_password", "has_rsa_public_key", "comment")
	like := likePattern(st)
	for _, u := range d.account.Users {
		name := strings.ToUpper(u.Name)
		if like.MatchString(name) {
			t.add(name, nil, name, name, strings.ToUpper(u.DefaultWarehouse), strings.ToUpper(u.Database), strings.ToUpper(u.DefaultRole), u.Password != "", u.PublicKey != nil, "")
		}
	}
	for _, o := range d.showList("USER", st) {
		t.add(o.Name.Object, o.Created, o.Name.Object, o.Name.Object, o.Body.Options.Text("DEFAULT_WAREHOUSE"), "", o.Body.Options.Text("DEFAULT_ROLE"), "false", len(keysOf(o)) > 0, o.Comment)
	}
	return t.res
}

func (d *desk) showParameters(st *dialect.Show) *result {
	t := newTable(typeSelect, "key", "value", "default", "level", "description", "type")
	like := likePattern(st)
	_, parameters := d.session.state()
	defaults := defaultSettings()
	for _, p := range parameters {
		if like.MatchString(p.Name) {
			kind := "STRING"
			switch p.Value.(type) {
			case bool:
				kind = "BOOLEAN"
			case int, int64, float64:
				kind = "NUMBER"
			}
			t.add(p.Name, p.Value, defaults[p.Name], "SESSION", "", kind)
		}
	}
	return t.res
}

func (d *desk) showVariables(st *dialect.Show) *result {
	t := newTable(typeSelect, "session_id", "name", "value", "type")
	like := likePattern(st)
	env := d.session.env()
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
		t.add(env.Session, name, strings.Trim(value, "'"), kind)
	}
	return t.res
}

func (d *desk) showGrants(st *dialect.Show) *result {
	t := newTable(typeSelect, "created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option", "granted_by")
	if st.Members {
		t = newTable(typeSelect, "created_on", "role", "granted_to", "grantee_name", "granted_by")
	}
	for _, o := range d.catalog.list("GRANT", nil) {
		if st.Members {
			if o.Body.OnKind == "ROLE" && o.Body.Text == st.Grantee {
				t.add(o.Created, o.Body.Text, o.Body.GranteeKind, o.Body.Grantee, o.Owner)
			}
			continue
		}
		on := st.OnKind == "" || o.Body.OnKind == st.OnKind && o.Body.Text == st.On.Plain()
		to := st.Grantee == "" || o.Body.Grantee == st.Grantee
		if !on || !to {
			continue
		}
		for _, privilege := range o.Body.Privileges {
			t.add(o.Created, privilege, strings.ReplaceAll(o.Body.OnKind, " ", "_"), o.Body.Text, o.Body.GranteeKind, o.Body.Grantee, "false", o.Owner)
		}
	}
	return t.res
}

func (d *desk) showLocks(*dialect.Show) *result {
	t := newTable(typeSelect, "resource", "type", "transaction", "transaction_started_on", "status", "acquired_on", "query_id")
	for _, lock := range d.engine.locks.list() {
		t.add(lock.table.Plain(), "TABLE", "", "", "HOLDING", "", "")
		for range lock.waiting {
			t.add(lock.table.Plain(), "TABLE", "", "", "WAITING", "", "")
		}
	}
	return t.res
}

func (d *desk) showTransactions(*dialect.Show) *result {
	t := newTable(typeSelect, "id", "user", "session", "name", "started_on", "state", "scope")
	if used, open := d.session.openSince(); open {
		t.add(d.session.id, strings.ToUpper(d.session.user.Name), d.session.id, "", used, "running", "0")
	}
	return t.res
}
