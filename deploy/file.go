package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/google/renameio/v2"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record/rawzone"
)

// DefaultFile is where a deployment is remembered unless another place is named.
const DefaultFile = "snowstream-deployment.json"

// fileVersion changes when an older program could misread the file.
const fileVersion = 1

// File is what a deployment remembers, and all that other commands need to reach what it made. It holds no secret.
type File struct {
	Version     int    `json:"version"`
	Environment string `json:"environment"`
	Region      string `json:"region"`
	Partition   string `json:"partition"`
	AccountID   string `json:"account_id"`
	// AWSEndpoint replaces all of AWS's own, for an emulator.
	AWSEndpoint    string `json:"aws_endpoint,omitempty"`
	Stack          string `json:"stack"`
	Stream         string `json:"stream"`
	StreamARN      string `json:"stream_arn,omitempty"`
	ExistingStream bool   `json:"existing_stream,omitempty"`
	Bucket         string `json:"bucket"`
	ExistingBucket bool   `json:"existing_bucket,omitempty"`
	ArtifactBucket string `json:"artifact_bucket"`
	// Orchestrator and Upsert are the functions' names.
	Orchestrator string `json:"orchestrator"`
	Upsert       string `json:"upsert"`
	// Compress is how the orchestrator packs the objects of rows; empty in files from before there was a choice.
	Compress rawzone.Compression `json:"compress,omitempty"`
	// RowPath and RowCommit are how rows get into the streaming table; empty, in files from before there was a choice, is by MERGE.
	RowPath   string `json:"row_path,omitempty"`
	RowCommit string `json:"row_commit,omitempty"`
	// Settings are those that were given to the last apply, by the names of their flags: the next one has them too, unless it
	// is given others.
	Settings map[string]string `json:"settings,omitempty"`
	// Authentication is workload-identity or key-pair; SecretARN is the secret with the private key of the latter.
	Authentication string `json:"authentication"`
	SecretARN      string `json:"secret_arn,omitempty"`
	// ExternalID is chosen once. The storage role lets in StorageUserARN, and only with it.
	ExternalID     string `json:"external_id"`
	StorageRoleARN string `json:"storage_role_arn"`
	StorageUserARN string `json:"storage_user_arn,omitempty"`
	UpsertRoleARN  string `json:"upsert_role_arn"`
	// PipeQueueARN is Snowflake's queue that hears of new objects.
	PipeQueueARN string       `json:"pipe_queue_arn,omitempty"`
	Snowflake    Snowflake    `json:"snowflake"`
	Names        schema.Names `json:"names"`
	// SchemaText is the schema file; empty means the sensor example.
	SchemaText string `json:"schema,omitempty"`
	// Created are the objects that this deployment made, by kind and name. An object is listed before it is made, so a
	// run that is killed in between lists too much and never too little; only what is listed is ever dropped.
	Created []string `json:"created,omitempty"`
	// Started is when the first apply began: nothing that this deployment has landed is older.
	Started time.Time `json:"started,omitzero"`
	// Completed is the last step that was done, Destroying that taking it down has begun.
	Completed  string    `json:"completed,omitempty"`
	Destroying bool      `json:"destroying,omitempty"`
	Updated    time.Time `json:"updated"`
}

// Snowflake is the account and who does what in it.
type Snowflake struct {
	Account  string `json:"account"`
	Endpoint string `json:"endpoint,omitempty"`
	// Warehouse is empty where none was asked for.
	Warehouse string `json:"warehouse"`
	// User and Role are the function's. Operator and Auditor are roles for people; empty if there are none.
	User     string `json:"user"`
	Role     string `json:"role"`
	Operator string `json:"operator,omitempty"`
	Auditor  string `json:"auditor,omitempty"`
	// Login is how the user signs in, once that has been set: the ARN of its role, or key-pair.
	Login string `json:"login,omitempty"`
}

// ErrNoFile means that there is no deployment file.
var ErrNoFile = errors.New("there is no deployment file")

// Load reads a deployment file.
func Load(path string) (File, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return File{}, fmt.Errorf("%w at %s: `snowstream deploy apply` writes it", ErrNoFile, path)
	}
	var f File
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		return File{}, fmt.Errorf("read the deployment file %s: %w", path, err)
	}
	if f.Version != fileVersion {
		return File{}, fmt.Errorf("the deployment file %s has version %d and this program knows %d: use the program that wrote it", path, f.Version, fileVersion)
	}
	return f, nil
}

// Save replaces the file in one step: a kill leaves the old one or the new one.
func (f File) Save(path string) error {
	f.Version, f.Updated = fileVersion, time.Now().UTC().Truncate(time.Second)
	text, err := json.MarshalIndent(f, "", "  ")
	if err == nil {
		err = renameio.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the deployment file %s: %w", path, err)
	}
	return nil
}

// ID tells the deployment from all others: there is one stack of a name in an account and region. It is not chosen by lot, so
// that a deployment whose file is lost still knows its own.
func (f File) ID() string { return f.AccountID + "/" + f.Region + "/" + f.Environment }

// created reports whether the deployment made an object.
func (f File) created(object string) bool { return slices.Contains(f.Created, object) }

// same names the first difference that makes this another deployment than the one that is wanted.
func (f File) same(want File) error {
	for _, c := range []struct{ what, have, want string }{
		{"environment", f.Environment, want.Environment}, {"AWS account", f.AccountID, want.AccountID}, {"region", f.Region, want.Region},
		{"stack", f.Stack, want.Stack}, {"bucket", f.Bucket, want.Bucket}, {"Snowflake account", f.Snowflake.Account, want.Snowflake.Account},
		{"database", f.Names.Database, want.Names.Database}, {"schema", f.Names.Schema, want.Names.Schema},
		{"integration", f.Names.Integration, want.Names.Integration}, {"stage", f.Names.Stage, want.Names.Stage},
		{"pipe", f.Names.Pipe, want.Names.Pipe}, {"streaming table", f.Names.Streaming, want.Names.Streaming},
		{"micro-batch table", f.Names.Microbatch, want.Names.Microbatch},
	} {
		if c.have != c.want {
			return fmt.Errorf("this is another deployment than the one in the file: its %s is %s, and %s was asked for: "+
				"sign in to the right account, or name another file with --file", c.what, c.have, c.want)
		}
	}
	return nil
}
