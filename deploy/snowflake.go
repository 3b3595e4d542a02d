package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/landing/microbatch"
	"github.com/snowstream/snowstream/landing/schema"
)

// prepare is everything in Snowflake that needs nothing of AWS but names.
func (d *Deployment) prepare(ctx context.Context) error {
	// An integration that is there has its external id: it stays, whoever chose it, because the storage role trusts it.
	if err := d.adopt(ctx); err != nil {
		return err
	}
	statements, err := d.Landing.Prepare()
	if err != nil {
		return err
	}
	if err := d.create(ctx, stepSnowflake, statements); err != nil {
		return err
	}
	if err := d.evolve(ctx); err != nil {
		return err
	}
	if err := d.correct(ctx, stepSnowflake, false); err != nil {
		return err
	}
	if err := d.identify(ctx); err != nil {
		return err
	}
	return d.adopt(ctx)
}

// pending are the statements that have not been run. What lies in an object that is missing is not asked for.
func (d *Deployment) pending(ctx context.Context, statements []schema.Statement) ([]schema.Statement, error) {
	var out []schema.Statement
	missing := map[string]bool{}
	answers := map[string][]map[string]string{} // several grants share a SHOW
	for _, s := range statements {
		there := false
		if !missing[s.Probe.Within] {
			rows, known := answers[s.Probe.Show]
			if !known {
				var err error
				if rows, err = d.Session.Show(ctx, s.Probe.Show); err != nil {
					return nil, fmt.Errorf("look for %s %s: %w", s.Kind, s.Name, err)
				}
				answers[s.Probe.Show] = rows
			}
			there = s.Probe.Found(rows)
		}
		if !there {
			missing[s.Kind+" "+s.Name] = true
			out = append(out, s)
		}
	}
	return out, nil
}

// foreign refuses objects that another deployment has made, all of them at once, and says whose they are.
func (d *Deployment) foreign(ctx context.Context) error {
	all, err := d.Landing.Prepare()
	if err != nil {
		return err
	}
	var errs []error
	missing := map[string]bool{}
	for _, s := range append(all, d.Landing.Connect()...) {
		if s.Kind == "GRANT" || missing[s.Probe.Within] {
			missing[s.Kind+" "+s.Name] = true
			continue
		}
		rows, err := d.Session.Show(ctx, s.Probe.Show)
		if err != nil {
			return fmt.Errorf("look for %s %s: %w", s.Kind, s.Name, err)
		}
		missing[s.Kind+" "+s.Name] = !s.Probe.Found(rows)
		if whose := s.Foreign(d.Landing.Mark, rows); whose != "" {
			errs = append(errs, fmt.Errorf("%s %s belongs to another deployment (%s)", s.Kind, s.Name, whose))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("nothing was done, because this deployment (%s) would change what is not its own: name other objects, or another --environment:\n%w", d.file.ID(), err)
	}
	return nil
}

// create runs the statements that have not been run.
func (d *Deployment) create(ctx context.Context, step string, statements []schema.Statement) error {
	pending, err := d.pending(ctx, statements)
	if err != nil {
		return err
	}
	todo := map[string]bool{}
	for _, s := range pending {
		todo[s.SQL] = true
	}
	for _, s := range statements {
		if !todo[s.SQL] {
			d.tell(step, onSnowflake, s.Kind+" "+s.Name, Unchanged)
			continue
		}
		if s.Undo != "" {
			if err := d.creating(s.Kind + " " + s.Name); err != nil {
				return err
			}
		}
		if err := d.exec(ctx, step, s.SQL); err != nil {
			return err
		}
		d.rewired = d.rewired || s.Kind == "PIPE"
	}
	return nil
}

func (d *Deployment) exec(ctx context.Context, step, statement string) error {
	d.Progress(Event{Step: step, Where: onSnowflake, What: title(statement), State: Doing})
	if _, err := d.Session.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", title(statement), err)
	}
	d.changes++
	d.Progress(Event{Step: step, Where: onSnowflake, What: title(statement), State: Done, Statement: statement})
	return nil
}

// evolve brings tables of an earlier schema to this one. What would need old rows to change is refused.
func (d *Deployment) evolve(ctx context.Context) error {
	statements, err := d.evolution(ctx)
	if err != nil {
		return err
	}
	for _, s := range statements {
		if err := d.exec(ctx, stepSnowflake, s); err != nil {
			return err
		}
	}
	return nil
}

// evolution is what brings the tables to the schema, but for those that are yet to be made.
func (d *Deployment) evolution(ctx context.Context, missing ...string) (out []string, err error) {
	n := d.file.Names
	for _, name := range []string{n.Streaming, n.Microbatch} {
		if slices.Contains(missing, name) {
			continue
		}
		table := n.In(name)
		rows, err := d.Session.Show(ctx, "DESC TABLE "+table)
		if err != nil {
			return nil, fmt.Errorf("look at table %s: %w", table, err)
		}
		var have []schema.Have
		for _, r := range rows {
			have = append(have, schema.Have{Name: r["name"], Type: r["type"], Nullable: r["null?"] == "Y"})
		}
		statements, err := schema.Evolve(table, d.Landing.Schema, have)
		if err != nil {
			return nil, err
		}
		out = append(out, statements...)
	}
	return out, nil
}

// identify makes the user's workload identity the execution role's, where CREATE USER has not done so. What the user could
// sign in with before is taken away by login, once the function does not need it any more.
func (d *Deployment) identify(ctx context.Context) error {
	if err := d.serviceUser(ctx); err != nil {
		return err
	}
	want := d.Landing.Login.RoleARN
	if want == "" || want == d.file.Snowflake.Login {
		return nil
	}
	if statement, err := d.identity(false); err != nil {
		return err
	} else if statement != "" {
		if err := d.exec(ctx, stepSnowflake, statement); err != nil {
			return err
		}
	}
	d.file.Snowflake.Login = want
	return d.save()
}

// identity is the statement that gives a user that is there its workload identity; "" where none is needed. made says that the
// user is yet to be made, with it.
func (d *Deployment) identity(made bool) (string, error) {
	want := d.Landing.Login.RoleARN
	if want == "" || want == d.file.Snowflake.Login || made || d.file.Snowflake.Login == "" && d.file.created("USER "+d.Landing.User) {
		return "", nil
	}
	return schema.SetLogin(d.Landing.User, d.Landing.Login)
}

// serviceUser refuses to take a person's user, whose password would go on working.
func (d *Deployment) serviceUser(ctx context.Context) error {
	rows, err := d.Session.Show(ctx, schema.DescribeUser(d.Landing.User))
	if err != nil {
		return fmt.Errorf("look at user %s: %w", d.Landing.User, err)
	}
	if kind := value(rows, "value", "TYPE"); !strings.EqualFold(kind, "SERVICE") {
		return fmt.Errorf("user %s is there and is no service user (TYPE = %s): name another one with --user", d.Landing.User, kind)
	}
	return nil
}

// adopt takes over what an existing integration says, and refuses one that belongs to another role or bucket.
func (d *Deployment) adopt(ctx context.Context) error {
	n := d.file.Names
	rows, err := d.Session.Show(ctx, "SHOW INTEGRATIONS LIKE "+schema.Literal(n.Integration))
	if err != nil {
		return fmt.Errorf("look for integration %s: %w", n.Integration, err)
	}
	if !(schema.Probe{Row: map[string]string{"name": n.Integration}}).Found(rows) {
		return nil
	}
	described, err := d.Session.Show(ctx, schema.DescribeIntegration(n))
	if err != nil {
		return fmt.Errorf("look at integration %s: %w", n.Integration, err)
	}
	property := func(name string) string { return value(described, "property_value", name) }
	if role := property("STORAGE_AWS_ROLE_ARN"); role != d.file.StorageRoleARN {
		return fmt.Errorf("integration %s is there and belongs to the role %s, not %s: name another one with --integration", n.Integration, role, d.file.StorageRoleARN)
	}
	if at := property("STORAGE_ALLOWED_LOCATIONS"); !strings.Contains(at+",", "s3://"+d.file.Bucket+"/") {
		return fmt.Errorf("integration %s is there and allows %s, not bucket %s: name another one with --integration", n.Integration, at, d.file.Bucket)
	}
	user, id := property("STORAGE_AWS_IAM_USER_ARN"), property("STORAGE_AWS_EXTERNAL_ID")
	if user == "" || id == "" {
		return errors.New("DESC INTEGRATION " + n.Integration + " names no STORAGE_AWS_IAM_USER_ARN or no STORAGE_AWS_EXTERNAL_ID")
	}
	d.file.StorageUserARN, d.file.ExternalID = user, id
	d.complete()
	return nil
}

// value is one property of a DESC.
func value(rows []map[string]string, column, name string) string {
	for _, r := range rows {
		if r["property"] == name {
			return r[column]
		}
	}
	return ""
}

// connect makes stage and pipe, once the bucket and the trust are there, and learns the queue.
func (d *Deployment) connect(ctx context.Context) error {
	if err := d.create(ctx, stepPipe, d.Landing.Connect()); err != nil {
		return err
	}
	if err := d.correct(ctx, stepPipe, true); err != nil {
		return err
	}
	if err := d.checkPipe(ctx); err != nil {
		return err
	}
	queue, err := microbatch.New(d.Session, d.file.Names).Channel(ctx)
	if err != nil {
		return err
	}
	d.file.PipeQueueARN = queue
	return nil
}

// checkPipe refuses a pipe that was there and loads something else: replacing it is nothing that a program should
// decide, because the new one would not know what the old one has loaded.
func (d *Deployment) checkPipe(ctx context.Context) error {
	n := d.file.Names
	rows, err := d.Session.Show(ctx, "SHOW PIPES LIKE "+schema.Literal(n.Pipe)+" IN SCHEMA "+schema.Quote(n.Database)+"."+schema.Quote(n.Schema))
	if err != nil {
		return fmt.Errorf("look at pipe %s: %w", n.Pipe, err)
	}
	for _, r := range rows {
		if r["name"] != n.Pipe {
			continue
		}
		definition := r["definition"]
		for _, part := range []string{n.Microbatch, n.Stage} {
			if !strings.Contains(definition, part) {
				return fmt.Errorf("pipe %s is there and does not load %s from %s: an existing pipe is never replaced, because the new one would load "+
					"everything again; name another one with --pipe, or pause it, let it drain, drop it and run this again", n.Pipe, n.Microbatch, n.Stage)
			}
		}
	}
	return nil
}

// keyPair reports whether the function signs in with a key.
func (d *Deployment) keyPair() bool { return d.file.Authentication == cloudformation.KeyPair }
