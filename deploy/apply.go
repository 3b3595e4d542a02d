package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/landing/microbatch"
	"github.com/snowstream/snowstream/landing/schema"
)

// The steps in their order.
const (
	stepArtifacts    = "artifacts"
	stepSnowflake    = "snowflake"
	stepStack        = "stack"
	stepLogin        = "login"
	stepTrust        = "trust"
	stepPipe         = "pipe"
	stepNotification = "notification"
	stepBacklog      = "backlog"
)

// Result is what an Apply did.
type Result struct {
	// Changes counts what was changed in either account; 0 means that everything was as it should be.
	Changes int `json:"changes"`
	File    `json:"deployment"`
}

type step struct {
	name string
	run  func(context.Context) error
}

func (d *Deployment) steps() []step {
	return []step{
		{stepArtifacts, d.artifacts}, {stepSnowflake, d.prepare}, {stepStack, d.stackOnce}, {stepLogin, d.login},
		{stepTrust, d.trust}, {stepPipe, d.connect}, {stepNotification, d.notify}, {stepBacklog, d.backlog},
	}
}

// Apply brings both accounts to the configuration. It may be cut off anywhere and run again.
func (d *Deployment) Apply(ctx context.Context) (Result, error) {
	if d.file.Destroying {
		return Result{}, errors.New("this deployment is being destroyed: finish with `snowstream deploy destroy` first")
	}
	if err := d.check(); err != nil {
		return Result{}, err
	}
	if err := d.foreign(ctx); err != nil {
		return Result{}, err
	}
	d.finished = d.file.Completed == stepBacklog
	if d.file.Started.IsZero() {
		d.file.Started = time.Now().UTC().Truncate(time.Second)
	}
	for _, s := range d.steps() {
		if err := ctx.Err(); err != nil {
			return Result{}, fmt.Errorf("stopped before step %s, run the same again to go on: %w", s.name, err)
		}
		if err := s.run(ctx); err != nil {
			return Result{}, fmt.Errorf("step %s: %w", s.name, err)
		}
		d.file.Completed = s.name
		if err := d.save(); err != nil {
			return Result{}, err
		}
	}
	return Result{d.changes, d.file}, nil
}

// check refuses what cannot be deployed, before anything is asked or changed.
func (d *Deployment) check() error {
	if _, err := d.Landing.Prepare(); err != nil {
		return err
	}
	p := d.forNow()
	p.OrchestratorZip, p.UpsertZip = "zip", "zip"
	return p.Check()
}

// forNow has a stand-in for the user that Snowflake names only once the integration is there.
func (d *Deployment) forNow() cloudformation.Parameters {
	p := d.Parameters
	if p.StorageUserARN == "" {
		p.StorageUserARN = "arn:" + d.Partition + ":iam::" + d.AccountID + ":root"
	}
	return p
}

// stackOnce is the first pass, without the queue that nobody knows yet. Where there is a pipe already, its queue is
// part of the stack from the beginning: an empty one would take the notification away.
func (d *Deployment) stackOnce(ctx context.Context) error {
	if err := d.vacant(ctx); err != nil {
		return err
	}
	if err := d.creating(d.stackObject()); err != nil {
		return err
	}
	queue, err := d.queue(ctx)
	if err != nil {
		return err
	}
	return d.applyStack(ctx, stepStack, queue)
}

// queue is the pipe's, "" while there is no pipe.
func (d *Deployment) queue(ctx context.Context) (string, error) {
	all, err := d.Landing.Prepare()
	if err != nil {
		return "", err
	}
	pending, err := d.pending(ctx, append(all, d.Landing.Connect()...))
	if err != nil || slices.ContainsFunc(pending, func(s schema.Statement) bool { return s.Kind == "PIPE" }) {
		return "", err
	}
	return microbatch.New(d.Session, d.file.Names).Channel(ctx)
}

// vacant refuses to make a bucket that is there: after a destroy that kept the data, say.
func (d *Deployment) vacant(ctx context.Context) error {
	if d.file.ExistingBucket || d.file.created(d.stackObject()) {
		return nil
	}
	if _, there, err := d.Stack.Outputs(ctx); err != nil || there {
		return err
	}
	_, err := d.S3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &d.file.Bucket})
	var missing *types.NotFound
	switch {
	case err == nil:
		return fmt.Errorf("bucket %s is there already, kept by an earlier destroy perhaps: use it with --existing-bucket "+
			"(and a stream that was kept with --existing-stream), or name another one with --bucket", d.file.Bucket)
	case !errors.As(err, &missing):
		return fmt.Errorf("look for bucket %s: %w", d.file.Bucket, err)
	}
	return nil
}

func (d *Deployment) stackObject() string { return "STACK " + d.file.Stack }

// creating notes that something is about to be made, so that a destroy after a kill takes it away, too.
func (d *Deployment) creating(object string) error {
	if d.file.created(object) {
		return nil
	}
	d.file.Created = append(d.file.Created, object)
	return d.save()
}

func (d *Deployment) applyStack(ctx context.Context, step, queue string) error {
	d.Parameters.PipeQueueARN = queue
	if d.file.ExistingBucket {
		d.Parameters.PipeQueueARN = "" // the notification of a bucket that is not the stack's is merged by notify
	}
	changed := false
	var out cloudformation.Outputs
	shards, err := d.reshardings(ctx)
	if err != nil {
		return err
	}
	tell := func(e cloudformation.Event) {
		changed = true
		d.rewired = d.rewired || e.LogicalID == rawZone
		what := e.Type + " " + e.LogicalID
		if e.Reason != "" {
			what += " (" + e.Reason + ")"
		}
		d.Progress(Event{Step: step, Where: onAWS, What: what, State: e.Status})
	}
	for _, n := range shards {
		p := d.Parameters
		p.Shards = n
		if out, err = d.Stack.Apply(ctx, p, tell); err != nil {
			return err
		}
	}
	d.tell(step, onAWS, "stack "+d.file.Stack, state(changed))
	d.file.StreamARN, d.file.SecretARN = out.StreamARN, out.SecretARN
	return d.save()
}

// backlog has the pipe look for itself, for the objects that landed before the bucket told its queue. What is older than
// this deployment is left out: in a bucket that an earlier one filled, and in a table that it loaded, it would be there
// twice.
func (d *Deployment) backlog(ctx context.Context) error {
	if d.finished && !d.rewired {
		d.tell(stepBacklog, onSnowflake, "pipe and notification are as they were, so nothing can have been missed", Unchanged)
		return nil
	}
	statement := schema.Refresh(d.file.Names, d.file.Started, time.Now())
	if err := d.Session.Query(ctx, func(func(...any) error) error { return nil }, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	d.Progress(Event{Step: stepBacklog, Where: onSnowflake, What: statement, State: Done, Statement: statement})
	return nil
}

// rawZone is the template's name of the bucket that tells the pipe.
const rawZone = "RawZone"

// reshardings are the numbers of shards that the stack goes through: Kinesis doubles or halves a stream in one step, and no
// more. The last one is the number that is wanted.
func (d *Deployment) reshardings(ctx context.Context) ([]int, error) {
	wanted := d.Parameters.Shards
	if d.file.ExistingStream || wanted == 0 || d.OpenShards == nil {
		return []int{wanted}, nil
	}
	have, err := d.OpenShards(ctx, d.file.Stream)
	if err != nil || have == 0 {
		return []int{wanted}, err
	}
	return steps(have, wanted), nil
}

func steps(have, wanted int) (out []int) {
	for {
		switch {
		case wanted > 2*have:
			have *= 2
		case 2*wanted < have:
			have = (have + 1) / 2
		default:
			return append(out, wanted)
		}
		out = append(out, have)
	}
}

func state(changed bool) string {
	if changed {
		return Done
	}
	return Unchanged
}
