package stack

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/snowstream/snowstream/deploy"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
)

// deployed is a stack in the user's own accounts.
type deployed struct {
	aws                  aws.Config
	login                snowflake.Config
	names                schema.Names
	orchestrator, upsert string
}

// Deployed are the settings of a deployment, so that whatever looks at a local stack can look at it, too. login is the
// person's; account, endpoint and names are the deployment's.
func Deployed(cfg aws.Config, f deploy.File, login snowflake.Config) Settings {
	login.Account, login.Database, login.Schema, login.Sessions = f.Snowflake.Account, f.Names.Database, f.Names.Schema, sessions
	if login.Endpoint == "" {
		login.Endpoint = f.Snowflake.Endpoint
	}
	if login.Warehouse == "" {
		login.Warehouse = f.Snowflake.Warehouse
	}
	return Settings{
		Region: f.Region, Stream: f.Stream, Bucket: f.Bucket, Account: f.Snowflake.Account, User: login.User,
		Database: f.Names.Database, Schema: f.Names.Schema, Warehouse: login.Warehouse, Role: login.Role, Compress: f.Compress, RowPath: f.RowPath, RowCommit: f.RowCommit,
		deployed: &deployed{cfg, login, f.Names, f.Orchestrator, f.Upsert},
	}
}

// Mode is "cloud" for a deployment and "local" for a stack on this machine.
func (s Settings) Mode() string {
	if s.deployed != nil {
		return "cloud"
	}
	return "local"
}

// Functions are the names of the two functions.
func (s Settings) Functions() (orchestrator, upsert string) {
	if s.deployed != nil {
		return s.deployed.orchestrator, s.deployed.upsert
	}
	return Orchestrator, Upsert
}
