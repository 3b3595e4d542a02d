package statement

import (
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

// alterObject changes the recorded properties of a stage, file format, integration, database or schema.
func (x *execution) alterObject(st *dialect.AlterObject) (*answer.Result, error) {
	err := x.runner.Catalog.Define(x.ctx, func(d *catalog.Draft) error {
		old := d.Cat.Get(st.Kind, st.Name)
		if old == nil {
			if st.IfExists {
				return nil
			}
			return fault.NotExist(st.Kind, st.Name.Plain())
		}
		if st.RenameTo != nil {
			return fault.Unsupported("ALTER " + st.Kind + " RENAME")
		}
		changed := *old // published objects are never changed: readers hold them without a lock
		changed.Body.Options = stage.MergeOptions(old.Body.Options, st.Set, st.Unset)
		if comment, ok := st.Set.Get("COMMENT"); ok {
			changed.Comment = comment.Text
		}
		if st.Kind == "STAGE" {
			if err := x.alterStage(&changed, old, st); err != nil {
				return err
			}
		}
		return d.Put(&changed)
	})
	if err != nil {
		return nil, err
	}
	return answer.Message(answer.TypeDDL, "Statement executed successfully."), nil
}

// alterStage takes URL, STORAGE_INTEGRATION and FILE_FORMAT out of the options, where CREATE STAGE has them apart.
func (x *execution) alterStage(changed, old *catalog.Object, st *dialect.AlterObject) error {
	changed.Body.Options = old.Body.Options
	if url, ok := st.Set.Get("URL"); ok {
		changed.Body.URL = url.Text
	}
	if name, ok := st.Set.Get("STORAGE_INTEGRATION"); ok {
		changed.Body.Integration = name.Text
	}
	if format, ok := st.Set.Get("FILE_FORMAT"); ok {
		env := x.Session.Env()
		changed.Body.Options = format.Options
		changed.Body.FormatName = stage.FormatName(format.Options, env)
	}
	return stage.CheckStage(x.runner.Catalog, changed)
}

// account records a statement about warehouses, roles, users and rights. Nothing is enforced: everybody who can log in may do everything.
func (x *execution) account(st *dialect.AccountStatement) (*answer.Result, error) {
	done := answer.Message(answer.TypeDDL, "Statement executed successfully.")
	switch st.Verb {
	case "CREATE":
		if err := checkUser(st); err != nil {
			return nil, err
		}
		return x.create(&catalog.Object{Kind: st.Kind, Name: st.Name, Comment: st.Comment, Body: catalog.Body{Options: withoutSecrets(st.Options)}}, st.OrReplace, st.IfNotExists)
	case "GRANT", "REVOKE":
		return done, x.grant(st)
	case "COMMENT":
		return done, x.comment(st)
	case "ALTER":
		if err := checkUser(st); err != nil {
			return nil, err
		}
		return done, x.alterAccount(st)
	}
	return nil, fault.Unsupported(st.Verb + " " + st.Kind)
}

// checkUser refuses keys that are none, and a password of a user who is no person, as the service does.
func checkUser(st *dialect.AccountStatement) error {
	if st.Kind != "USER" {
		return nil
	}
	_, password := st.Options.Get("PASSWORD")
	if kind := strings.ToUpper(st.Options.Text("TYPE")); password && kind == "SERVICE" {
		return fault.New(1420, "22023", "SQL compilation error:\ninvalid property 'PASSWORD' for a user of TYPE = SERVICE")
	}
	for _, slot := range catalog.KeySlots() {
		if text := st.Options.Text(slot); text != "" {
			if _, err := catalog.ParsePublicKey(text); err != nil {
				return fault.New(3609, "22023", "New public key rejected by current policy. Reason: 'Invalid public key'")
			}
		}
	}
	return nil
}

// withoutSecrets drops what must not be stored: passwords. A password is the Config's business alone; with a key, users
// that a statement has made can log in.
func withoutSecrets(options dialect.Options) dialect.Options {
	return stage.MergeOptions(options, nil, []string{"PASSWORD"})
}

// alterAccount takes changes of users, warehouses and the account that were never created here: setup scripts name
// the ones that every account has.
func (x *execution) alterAccount(st *dialect.AccountStatement) error {
	return x.runner.Catalog.Define(x.ctx, func(d *catalog.Draft) error {
		old := d.Cat.Get(st.Kind, st.Name)
		if old == nil {
			if st.IfExists || st.Kind == "USER" || st.Kind == "WAREHOUSE" || st.Kind == "ACCOUNT" {
				return nil
			}
			return fault.NotExist(st.Kind, st.Name.Plain())
		}
		changed := *old
		changed.Body.Options = stage.MergeOptions(old.Body.Options, withoutSecrets(st.Options), st.Unset)
		if st.Action == "SUSPEND" || st.Action == "RESUME" {
			changed.Body.Paused = st.Action == "SUSPEND"
		}
		return d.Put(&changed)
	})
}

func (x *execution) comment(st *dialect.AccountStatement) error {
	return x.runner.Catalog.Define(x.ctx, func(d *catalog.Draft) error {
		old := d.Cat.Get(st.Kind, st.Name)
		if old == nil {
			if st.IfExists {
				return nil
			}
			return fault.NotExist(st.Kind, st.Name.Plain())
		}
		changed := *old
		changed.Comment = st.Comment
		return d.Put(&changed)
	})
}

// grant keeps a right as an object whose name is the right itself, so that granting it twice is one right and SHOW
// GRANTS can list it.
func (x *execution) grant(st *dialect.AccountStatement) error {
	name := dialect.Name{Object: strings.Join([]string{strings.Join(st.Privileges, ","), st.Kind, st.Name.String(), st.GranteeKind, st.Grantee}, "|")}
	return x.runner.Catalog.Define(x.ctx, func(d *catalog.Draft) error {
		old := d.Cat.Get("GRANT", name)
		switch {
		case st.Verb == "REVOKE" && old != nil:
			return d.Drop(old)
		case st.Verb == "REVOKE" || old != nil:
			return nil
		}
		return d.Put(&catalog.Object{Kind: "GRANT", Name: name, Owner: x.Session.Env().Role, Body: catalog.Body{
			Privileges: st.Privileges, OnKind: st.Kind, Text: st.Name.Plain(), GranteeKind: st.GranteeKind, Grantee: st.Grantee}})
	})
}
