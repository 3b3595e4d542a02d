package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/deploy/cost"
	"github.com/snowstream/snowstream/landing/schema"
)

// Plan is what an Apply would do. Nothing in it has been done.
type Plan struct {
	Environment string     `json:"environment"`
	AWS         []Resource `json:"aws"`
	Snowflake   []Planned  `json:"snowflake"`
	// Drift is what was changed in Snowflake behind the deployment's back; its statements are among the others.
	Drift []Drift `json:"drift"`
	// Notes are what neither list can say.
	Notes []string `json:"notes,omitempty"`
	// Bill is the estimate for a month, once all is there.
	Bill cost.Bill `json:"bill"`
	// PricedAt is the region of the prices, where there is no table for the deployment's own.
	PricedAt string `json:"priced_at,omitempty"`
}

// Resource is a change in AWS.
type Resource struct {
	// Action is Add, Modify or Remove; Replacement tells of a Modify that makes the resource anew.
	Action      string `json:"action"`
	Type        string `json:"type"`
	Name        string `json:"name"`
	Replacement bool   `json:"replacement,omitempty"`
	Why         string `json:"why"`
	Cost        string `json:"cost"`
	// Properties are those that change, Loss what data that destroys or lets expire: apply does it only with --yes.
	Properties []cloudformation.Property `json:"properties,omitempty"`
	Loss       string                    `json:"loss,omitempty"`

	logical string
}

// Planned is a statement that would be run in Snowflake.
type Planned struct {
	Why       string `json:"why"`
	Statement string `json:"statement"`
}

// Plan looks at both accounts and changes neither.
func (d *Deployment) Plan(ctx context.Context) (Plan, error) {
	if err := d.check(); err != nil {
		return Plan{}, err
	}
	if err := errors.Join(d.foreign(ctx), d.vacant(ctx)); err != nil {
		return Plan{}, err
	}
	out := Plan{Environment: d.file.Environment, AWS: []Resource{}, Snowflake: []Planned{}}
	var err error
	var drifts []Drift
	if out.Snowflake, drifts, err = d.planSnowflake(ctx); err != nil {
		return Plan{}, err
	}
	out.Drift = append([]Drift{}, drifts...)
	changes, err := d.planAWS(ctx)
	if err != nil {
		return Plan{}, err
	}
	out.AWS = append(out.AWS, changes...)
	if d.refreshes(out) {
		out.Snowflake = append(out.Snowflake, Planned{"takes up what landed before the bucket told the pipe", schema.Refresh(d.file.Names, d.started(), time.Now())})
	}
	if shards, err := d.reshardings(ctx); err != nil {
		return Plan{}, err
	} else if len(shards) > 1 {
		out.Notes = append(out.Notes, fmt.Sprintf("the stream gets its shards in steps, since Kinesis only doubles or halves: %v", shards))
	}
	out.Notes = append(out.Notes, d.notes(out)...)
	if out.Bill, out.PricedAt, err = d.bill(); err != nil {
		return Plan{}, err
	}
	return out, nil
}

func (d *Deployment) planSnowflake(ctx context.Context) ([]Planned, []Drift, error) {
	if err := d.adopt(ctx); err != nil {
		return nil, nil, err
	}
	all, err := d.Landing.Prepare()
	if err != nil {
		return nil, nil, err
	}
	pending, err := d.pending(ctx, append(all, d.Landing.Connect()...))
	if err != nil {
		return nil, nil, err
	}
	// As apply has it: first all that needs nothing of AWS, then the login, then what needs the bucket.
	out := []Planned{}
	var missing []string
	connect, user, late := []Planned{}, false, later(pending, d.Landing.Connect())
	for i, s := range pending {
		switch planned := (Planned{s.Why, s.SQL}); {
		case i >= len(pending)-late:
			connect = append(connect, planned)
		default:
			out = append(out, planned)
		}
		if s.Kind == "TABLE" {
			missing = append(missing, s.Name)
		}
		user = user || s.Kind == "USER"
	}
	statements, err := d.evolution(ctx, missing...)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range statements {
		out = append(out, Planned{"the schema has changed", s})
	}
	drifts, err := d.drift(ctx, pending)
	if err != nil {
		return nil, nil, err
	}
	for _, found := range drifts {
		planned := Planned{found.What + " was changed: " + found.Before + " -> " + found.After, found.statement}
		if found.late {
			connect = append(connect, planned)
		} else {
			out = append(out, planned)
		}
	}
	login, err := d.planLogin(ctx, user)
	if err != nil {
		return nil, nil, err
	}
	return append(append(out, login...), connect...), drifts, nil
}

// later is how many of the statements are among those of the end.
func later(pending, end []schema.Statement) (n int) {
	for _, s := range pending {
		if slices.ContainsFunc(end, func(e schema.Statement) bool { return e.SQL == s.SQL }) {
			n++
		}
	}
	return n
}

// NewKey stands in a plan for the public half of a key that apply will make.
const NewKey = "<the public half of the key that apply makes>"

// planLogin is what prepare and login would do to the user.
func (d *Deployment) planLogin(ctx context.Context, made bool) (out []Planned, err error) {
	statement, err := d.identity(made)
	if err != nil {
		return nil, err
	}
	if statement != "" {
		out = append(out, Planned{"the function signs in as its role", statement})
	}
	var slots [2]string
	if !made {
		if err := d.serviceUser(ctx); err != nil {
			return nil, err
		}
		if slots, err = d.slots(ctx); err != nil {
			return nil, err
		}
	}
	if !d.keyPair() {
		for i, print := range slots {
			if print != "" && print != "null" {
				out = append(out, Planned{"the function signs in without a key", schema.UnsetKey(d.Landing.User, i+1)})
			}
		}
		return out, nil
	}
	var current *key
	if d.file.SecretARN != "" {
		if current, err = d.storedKey(ctx); err != nil {
			return nil, err
		}
	}
	switch {
	case current == nil:
		out = append(out, Planned{"the function signs in with a key", schema.SetKey(d.Landing.User, NewKey, 1)})
	case d.RotateKey:
		out = append(out, Planned{"a new key, in the slot that is free", schema.SetKey(d.Landing.User, NewKey, freeSlot(*current, slots))})
	case slots[0] != current.fingerprint && slots[1] != current.fingerprint:
		out = append(out, Planned{"the user gets the secret's key", schema.SetKey(d.Landing.User, current.public, 1)})
	}
	if d.file.Snowflake.Login != "" && d.file.Snowflake.Login != cloudformation.KeyPair {
		out = append(out, Planned{"the function signs in with a key", schema.UnsetIdentity(d.Landing.User)})
	}
	return out, nil
}

// refreshes reports whether apply would have the pipe look for what it was not told of.
func (d *Deployment) refreshes(p Plan) bool {
	return d.file.Completed != stepBacklog || slices.ContainsFunc(p.AWS, func(r Resource) bool { return r.logical == rawZone }) ||
		slices.ContainsFunc(p.Snowflake, func(s Planned) bool { return strings.HasPrefix(s.Statement, "CREATE PIPE") })
}

// started is when the first apply began, or would.
func (d *Deployment) started() time.Time {
	if d.file.Started.IsZero() {
		return time.Now()
	}
	return d.file.Started
}

func (d *Deployment) planAWS(ctx context.Context) ([]Resource, error) {
	b, err := d.build(ctx, "plan")
	if err != nil {
		return nil, err
	}
	var out []Resource
	for _, zip := range []string{b.Orchestrator.Key(), b.Upsert.Key()} {
		there := false
		if d.file.created("BUCKET " + d.file.ArtifactBucket) {
			if there, err = d.has(ctx, d.file.ArtifactBucket, zip); err != nil {
				return nil, err
			}
		}
		if !there {
			out = append(out, Resource{
				Action: "Add", Type: "S3 object", Name: d.file.ArtifactBucket + "/" + zip,
				Why: "the function's program, under its hash", Cost: "by GB, cents",
			})
		}
	}
	p := d.forNow()
	if queue, err := d.queue(ctx); err != nil {
		return nil, err
	} else if !d.file.ExistingBucket {
		p.PipeQueueARN = queue
	}
	changes, err := d.Stack.Plan(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		out = append(out, resource(c))
	}
	return out, nil
}

func resource(c cloudformation.Change) Resource {
	name := c.LogicalID
	if c.PhysicalID != "" {
		name = c.PhysicalID
	}
	return Resource{Action: c.Action, Type: c.Type, Name: name, Replacement: c.Replacement == "True", Why: c.Purpose.Why, Cost: c.Purpose.Cost, logical: c.LogicalID,
		Properties: c.Properties, Loss: c.Loss()}
}

func (d *Deployment) notes(p Plan) (out []string) {
	if len(p.AWS)+len(p.Snowflake) == 0 {
		return []string{"both accounts are as they should be: nothing would change"}
	}
	if d.file.PipeQueueARN == "" {
		out = append(out, "the bucket's notification is set last, once the pipe has a queue; then ALTER PIPE REFRESH takes up what landed before")
	}
	if p := d.Parameters; p.PermissionsBoundaryARN != "" {
		out = append(out, "each role that is made is bounded by "+p.PermissionsBoundaryARN)
	}
	if d.file.ExistingBucket {
		out = append(out, "bucket "+d.file.Bucket+" is there: its notifications are completed, none is replaced; the rest of it is left alone")
	}
	if d.file.Snowflake.Warehouse == "" {
		out = append(out, "no warehouse is made or used: Snowpipe Streaming needs none. `snowstream audit`, repairs, and the MERGE of rows that "+
			"Snowpipe Streaming rejects or that are sent to "+d.file.Upsert+" by others need one: name one that is there with --warehouse, or --create-warehouse makes "+
			"one that is asleep, and costs nothing, until then")
	}
	if d.keyPair() && d.file.Snowflake.Login != cloudformation.KeyPair {
		out = append(out, "a key pair is made on this machine; its private half goes into the stack's secret and nowhere else")
	}
	return out
}

// bill is the month for the stack's own settings.
func (d *Deployment) bill() (cost.Bill, string, error) {
	l, p := d.Load, d.Parameters
	l.BatchSize, l.BatchWindow = p.BatchSize, time.Duration(p.BatchWindowSeconds)*time.Second
	l.Shards, l.OnDemand, l.NAT, l.KeyPair = p.Shards, p.Shards == 0, p.NAT, d.keyPair()
	l.RowPath, l.RowCommit, l.MemoryMB, l.RetentionHours, l.ExpireAfterDays = p.RowPath, p.RowCommit, p.MemoryMB, p.RetentionHours, p.ExpireAfterDays
	l.Region = d.Region
	priced := ""
	if _, err := cost.Prices(l.Region); err != nil {
		l.Region, priced = cost.DefaultRegion, cost.DefaultRegion
	}
	b, err := cost.Month(l)
	return b, priced, err
}
