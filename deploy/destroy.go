package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/landing/schema"
)

const stepDestroy = "destroy"

// Data that a destroy can be told to delete.
const (
	// DataBucket is the raw zone with all of its objects, DataTables both tables with all of their rows, DataStream the
	// stream with what it retains.
	DataBucket = "bucket"
	DataTables = "tables"
	DataStream = "stream"
)

// Destroyed is what a Destroy left.
type Destroyed struct {
	Kept []string `json:"kept"`
}

// Destroy takes down what this deployment made, in the reverse order, and nothing that was there before. Rows and
// objects are kept unless their kind is in data. It may be cut off anywhere and run again; the file goes last.
func (d *Deployment) Destroy(ctx context.Context, data []string) (Destroyed, error) {
	if err := d.checkData(data); err != nil {
		return Destroyed{}, err
	}
	d.file.Destroying = true
	if err := d.save(); err != nil {
		return Destroyed{}, err
	}
	if d.file.ExistingBucket && d.file.PipeQueueARN != "" {
		changed, err := d.mergeNotification(ctx, false)
		if err != nil {
			return Destroyed{}, err
		}
		d.tell(stepDestroy, onAWS, "notification of bucket "+d.file.Bucket, state(changed))
	}
	out := Destroyed{Kept: []string{}}
	if err := d.undo(ctx, slices.Contains(data, DataTables), &out); err != nil {
		return Destroyed{}, err
	}
	if err := d.dismantle(ctx); err != nil {
		return Destroyed{}, err
	}
	if err := d.deleteData(ctx, data, &out); err != nil {
		return Destroyed{}, err
	}
	if err := os.Remove(d.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Destroyed{}, fmt.Errorf("delete the deployment file: %w", err)
	}
	return out, nil
}

// undo drops what the file says was made in Snowflake.
func (d *Deployment) undo(ctx context.Context, tables bool, out *Destroyed) error {
	all, err := d.Landing.Prepare()
	if err != nil {
		return err
	}
	all = append(all, d.Landing.Connect()...)
	slices.Reverse(all)
	for _, s := range all {
		object := s.Kind + " " + s.Name
		switch {
		case s.Undo == "" && s.Kind != "GRANT", s.Undo != "" && (s.Data && !tables || !d.file.created(object)):
			out.Kept = append(out.Kept, object)
		case s.Undo != "":
			if err := d.drop(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop looks first: what lies in a schema that is gone cannot even be dropped with IF EXISTS.
func (d *Deployment) drop(ctx context.Context, s schema.Statement) error {
	if rows, err := d.Session.Show(ctx, s.Probe.Show); err == nil && !s.Probe.Found(rows) {
		d.tell(stepDestroy, onSnowflake, s.Kind+" "+s.Name, Unchanged)
		return nil
	}
	return d.exec(ctx, stepDestroy, s.Undo)
}

// dismantle deletes the stack and the zips. The stack leaves stream and raw zone.
func (d *Deployment) dismantle(ctx context.Context) error {
	changed := false
	err := d.Stack.Destroy(ctx, func(e cloudformation.Event) {
		changed = true
		d.Progress(Event{Step: stepDestroy, Where: onAWS, What: e.Type + " " + e.LogicalID, State: e.Status})
	})
	if err != nil {
		return err
	}
	d.tell(stepDestroy, onAWS, "stack "+d.file.Stack, state(changed))
	if !d.file.created("BUCKET " + d.file.ArtifactBucket) {
		return nil
	}
	if err := d.empty(ctx, d.file.ArtifactBucket); err != nil {
		return err
	}
	d.tell(stepDestroy, onAWS, "bucket "+d.file.ArtifactBucket, Done)
	return nil
}

// deleteData is what only a person who names it can have.
func (d *Deployment) deleteData(ctx context.Context, data []string, out *Destroyed) error {
	for _, part := range []struct {
		kind, what string
		remove     func() error
	}{
		{DataStream, "STREAM " + d.file.Stream, func() error { return d.DeleteStream(ctx, d.file.Stream) }},
		{DataBucket, "BUCKET " + d.file.Bucket, func() error { return d.empty(ctx, d.file.Bucket) }},
	} {
		if !slices.Contains(data, part.kind) {
			out.Kept = append(out.Kept, part.what)
			continue
		}
		if err := part.remove(); err != nil {
			return err
		}
		d.tell(stepDestroy, onAWS, part.what+" with all that is in it", Done)
	}
	return nil
}

func (d *Deployment) checkData(data []string) error {
	for _, kind := range data {
		switch {
		case kind == DataBucket && d.file.ExistingBucket:
			return fmt.Errorf("bucket %s was there before this deployment: delete it yourself if you mean to", d.file.Bucket)
		case kind == DataStream && d.file.ExistingStream:
			return fmt.Errorf("stream %s was there before this deployment: delete it yourself if you mean to", d.file.Stream)
		case kind != DataBucket && kind != DataTables && kind != DataStream:
			return fmt.Errorf("there is no data called %q: %s, %s and %s can be deleted", kind, DataBucket, DataTables, DataStream)
		}
	}
	return nil
}
