package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/landing/microbatch"
	"github.com/snowstream/snowstream/landing/schema"
)

// Drift is something in Snowflake that was changed behind the deployment's back, and what brings it back.
type Drift struct {
	What   string `json:"what"`
	Before string `json:"before"`
	After  string `json:"after"`

	statement string
	// late needs the AWS side, and comes last.
	late bool
}

// drift looks at what is there for what matters. missing are the objects that are not there, by kind and name.
func (d *Deployment) drift(ctx context.Context, missing []schema.Statement) ([]Drift, error) {
	there := func(kind, name string) bool {
		return !slices.ContainsFunc(missing, func(s schema.Statement) bool { return s.Kind == kind && s.Name == name })
	}
	n, l := d.file.Names, d.Landing
	var out []Drift
	for _, look := range []struct {
		kind, name string
		look       func(context.Context) ([]Drift, error)
	}{
		{"INTEGRATION", n.Integration, d.driftOfIntegration}, {"WAREHOUSE", l.Warehouse, d.driftOfWarehouse},
		{"FILE FORMAT", n.Format, d.driftOfFormat}, {"USER", l.User, d.driftOfUser}, {"STAGE", n.Stage, d.driftOfStage}, {"PIPE", n.Pipe, d.driftOfPipe},
		{"VIEW", n.Current(), d.driftOfView},
	} {
		if !there(look.kind, look.name) {
			continue
		}
		found, err := look.look(ctx)
		if err != nil {
			return nil, fmt.Errorf("look at %s %s: %w", look.kind, look.name, err)
		}
		out = append(out, found...)
	}
	return out, nil
}

// correct runs what brings back what has drifted, of the early or the late part.
func (d *Deployment) correct(ctx context.Context, step string, late bool) error {
	all, err := d.Landing.Prepare()
	if err != nil {
		return err
	}
	missing, err := d.pending(ctx, append(all, d.Landing.Connect()...))
	if err != nil {
		return err
	}
	drifts, err := d.drift(ctx, missing)
	if err != nil {
		return err
	}
	for _, found := range drifts {
		if found.late != late {
			continue
		}
		if err := d.exec(ctx, step, found.statement); err != nil {
			return err
		}
	}
	return nil
}

// properties compares what a DESC or SHOW has said with what is wanted. What it does not say is not compared.
func properties(what, statement string, late bool, have map[string]string, wanted [][2]string) []Drift {
	var before, after []string
	for _, w := range wanted {
		value, said := have[w[0]]
		if said && plain(value) != plain(w[1]) {
			before, after = append(before, w[0]+" = "+value), append(after, w[0]+" = "+w[1])
		}
	}
	if before == nil {
		return nil
	}
	return []Drift{{what, strings.Join(before, ", "), strings.Join(after, ", "), statement, late}}
}

// plain is a value without what releases write in different ways.
func plain(value string) string {
	return strings.ToUpper(strings.NewReplacer("-", "", "\\", "", "'", "", "[", "", "]", "", "(", "", ")", "", " ", "").Replace(value))
}

func described(rows []map[string]string, column string) map[string]string {
	out := map[string]string{}
	for _, r := range rows {
		out[r["property"]] = r[column]
	}
	return out
}

func (d *Deployment) driftOfIntegration(ctx context.Context) ([]Drift, error) {
	rows, err := d.Session.Show(ctx, schema.DescribeIntegration(d.file.Names))
	name := d.file.Names.Integration
	return properties("INTEGRATION "+name, "ALTER STORAGE INTEGRATION "+schema.Quote(name)+" SET ENABLED = TRUE", false,
		described(rows, "property_value"), [][2]string{{"ENABLED", "true"}}), err
}

// driftOfWarehouse looks at a warehouse of our own only: another's size is its owner's business.
func (d *Deployment) driftOfWarehouse(ctx context.Context) ([]Drift, error) {
	name := d.Landing.Warehouse
	if !d.Landing.MakeWarehouse || !d.file.created("WAREHOUSE "+name) {
		return nil, nil
	}
	rows, err := d.Session.Show(ctx, "SHOW WAREHOUSES LIKE "+schema.Literal(name))
	for _, r := range rows {
		if r["name"] == name {
			return properties("WAREHOUSE "+name, "ALTER WAREHOUSE "+schema.Quote(name)+" SET WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE", false,
				r, [][2]string{{"size", "XSMALL"}, {"auto_suspend", "60"}, {"auto_resume", "true"}}), err
		}
	}
	return nil, err
}

func (d *Deployment) driftOfFormat(ctx context.Context) ([]Drift, error) {
	n := d.file.Names
	rows, err := d.Session.Show(ctx, "DESC FILE FORMAT "+n.In(n.Format))
	return properties("FILE FORMAT "+n.Format, schema.SetFormat(n), false, described(rows, "property_value"), [][2]string{
		{"TYPE", "CSV"}, {"PARSE_HEADER", "true"}, {"FIELD_DELIMITER", ","}, {"FIELD_OPTIONALLY_ENCLOSED_BY", `"`}, {"ESCAPE", "NONE"}, {"ESCAPE_UNENCLOSED_FIELD", "NONE"},
		{"EMPTY_FIELD_AS_NULL", "true"}, {"ERROR_ON_COLUMN_COUNT_MISMATCH", "false"}, {"ENCODING", "UTF8"}, {"COMPRESSION", "AUTO"}, {"NULL_IF", ""},
	}), err
}

func (d *Deployment) driftOfUser(ctx context.Context) ([]Drift, error) {
	name := d.Landing.User
	rows, err := d.Session.Show(ctx, schema.DescribeUser(name))
	have := described(rows, "value")
	out := properties("USER "+name, "ALTER USER "+schema.Quote(name)+" SET DISABLED = FALSE", false, have, [][2]string{{"DISABLED", "false"}})
	return append(out, properties("USER "+name, "ALTER USER "+schema.Quote(name)+" SET DEFAULT_ROLE = "+schema.Quote(d.Landing.Role), false,
		have, [][2]string{{"DEFAULT_ROLE", d.Landing.Role}})...), err
}

func (d *Deployment) driftOfStage(ctx context.Context) ([]Drift, error) {
	n := d.file.Names
	rows, err := d.Session.Show(ctx, "SHOW STAGES LIKE "+schema.Literal(n.Stage)+" IN SCHEMA "+schema.Quote(n.Database)+"."+schema.Quote(n.Schema))
	for _, r := range rows {
		if r["name"] == n.Stage {
			return properties("STAGE "+n.Stage, schema.SetStage(n, d.file.Bucket), true, r, [][2]string{{"url", schema.StageURL(d.file.Bucket)}, {"storage_integration", n.Integration}}), err
		}
	}
	return nil, err
}

// driftOfPipe: one that somebody has paused, and one that loads something else, which is nothing to be mended by a program.
func (d *Deployment) driftOfPipe(ctx context.Context) ([]Drift, error) {
	if err := d.checkPipe(ctx); err != nil {
		return nil, err
	}
	n := d.file.Names
	status, err := microbatch.New(d.Session, n).Status(ctx)
	return properties("PIPE "+n.Pipe, "ALTER PIPE "+n.In(n.Pipe)+" SET PIPE_EXECUTION_PAUSED = FALSE", true,
		map[string]string{"state": map[bool]string{true: "PAUSED", false: "RUNNING"}[strings.HasPrefix(status.State, "PAUSED")]}, [][2]string{{"state", "RUNNING"}}), err
}

// driftOfView finds a view of current rows that another schema has made. It is replaced, and no row is touched.
func (d *Deployment) driftOfView(ctx context.Context) ([]Drift, error) {
	view, wanted := d.Landing.CurrentView()
	if !wanted {
		return nil, nil
	}
	rows, err := d.Session.Show(ctx, view.Probe.Show)
	if err != nil {
		return nil, err
	}
	if stale, err := d.Landing.Stale(view, rows); !stale || err != nil {
		return nil, err
	}
	return []Drift{{"VIEW " + view.Name, "other keys, order or columns", "those of the schema", view.SQL, true}}, nil
}
