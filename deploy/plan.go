package deploy

import (
	"context"
	"time"

	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/deploy/cost"
)

// Plan is what an Apply would do. Nothing in it has been done.
type Plan struct {
	Environment string     `json:"environment"`
	AWS         []Resource `json:"aws"`
	Snowflake   []Planned  `json:"snowflake"`
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
	out := Plan{Environment: d.file.Environment}
	var err error
	if out.Snowflake, err = d.planSnowflake(ctx); err != nil {
		return Plan{}, err
	}
	if out.AWS, err = d.planAWS(ctx); err != nil {
		return Plan{}, err
	}
	out.Notes = d.notes(out)
	if out.Bill, out.PricedAt, err = d.bill(); err != nil {
		return Plan{}, err
	}
	return out, nil
}

func (d *Deployment) planSnowflake(ctx context.Context) ([]Planned, error) {
	if err := d.adopt(ctx); err != nil {
		return nil, err
	}
	all, err := d.Landing.Prepare()
	if err != nil {
		return nil, err
	}
	pending, err := d.pending(ctx, append(all, d.Landing.Connect()...))
	if err != nil {
		return nil, err
	}
	var out []Planned
	tables := 0
	for _, s := range pending {
		if s.Kind == "TABLE" {
			tables++
		}
		out = append(out, Planned{s.Why, s.SQL})
	}
	if tables > 0 {
		return out, nil
	}
	statements, err := d.evolution(ctx)
	for _, s := range statements {
		out = append(out, Planned{"the schema has changed", s})
	}
	return out, err
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
	return Resource{Action: c.Action, Type: c.Type, Name: name, Replacement: c.Replacement == "True", Why: c.Purpose.Why, Cost: c.Purpose.Cost}
}

func (d *Deployment) notes(p Plan) (out []string) {
	if len(p.AWS)+len(p.Snowflake) == 0 {
		return []string{"both accounts are as they should be: nothing would change"}
	}
	if d.file.PipeQueueARN == "" {
		out = append(out, "the bucket's notification is set last, once the pipe has a queue; then ALTER PIPE REFRESH takes up what landed before")
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
	l.RowPath, l.RowCommit, l.MemoryMB, l.RetentionHours = p.RowPath, p.RowCommit, p.MemoryMB, p.RetentionHours
	l.Region = d.Region
	priced := ""
	if _, err := cost.Prices(l.Region); err != nil {
		l.Region, priced = cost.DefaultRegion, cost.DefaultRegion
	}
	b, err := cost.Month(l)
	return b, priced, err
}
