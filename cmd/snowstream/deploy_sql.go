package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/deploy"
	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/landing/schema"
)

// unknownAccount stands where no account was named: the text then says what to replace.
const unknownAccount = "000000000000"

func newDeploySQL(o *deployOptions) *cobra.Command {
	undo, grantsFor, pipeOwner := false, "", ""
	cmd := &cobra.Command{
		Use:   "sql",
		Short: "Print the Snowflake statements of a deployment",
		Long: `Prints every statement that a deployment would run in Snowflake, in its order, for
people who must pass them to somebody else. It signs in nowhere: name the AWS account
with --aws-account. Where there is a deployment file, its names and external id are taken.

--grants-for prints what an account administrator gives the role that is to deploy;
--pipe-owner what hands the pipe to another role; --undo what takes everything back,
except for the data.`,
		Example: `  snowstream deploy sql --aws-account 123456789012 --region us-east-1 --create-database > setup.sql
  snowstream deploy sql --grants-for DEPLOYER`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := o.statements(cmd)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			switch {
			case grantsFor != "":
				return writeStatements(out, l.DeployerGrants(grantsFor))
			case pipeOwner != "":
				return writeStatements(out, schema.PipeOwnerGrants(l.Names, pipeOwner))
			case undo:
				statements, err := l.Undo(false)
				if err != nil {
					return err
				}
				return writeStatements(out, statements)
			}
			return writeLanding(out, l)
		},
	}
	cmd.Flags().BoolVar(&undo, "undo", false, "print what takes it back; data is kept")
	cmd.Flags().StringVar(&grantsFor, "grants-for", "", "print the rights that this role needs to deploy")
	cmd.Flags().StringVar(&pipeOwner, "pipe-owner", "", "print what makes this role the owner of the pipe")
	return cmd
}

// statements is the Snowflake side of the deployment file, or of the flags.
func (o *deployOptions) statements(cmd *cobra.Command) (schema.Landing, error) {
	o.nameByEnvironment(cmd.Flags())
	if f, err := deploy.Load(o.file); err == nil {
		c, _, err := o.reopen()
		l := c.Landing
		l.Database, l.MakeWarehouse = o.landing.Database, o.landing.MakeWarehouse
		l.Bucket, l.StorageRole, l.ExternalID = f.Bucket, f.StorageRoleARN, f.ExternalID
		l.Login = loginOf(f.Authentication, f.UpsertRoleARN)
		return l, err
	}
	if err := o.checkFlags(); err != nil {
		return schema.Landing{}, usageError{err}
	}
	c, err := o.config(cmd)
	if err != nil {
		return schema.Landing{}, err
	}
	c.AccountID = o.awsAccount
	if c.AccountID == "" {
		c.AccountID = unknownAccount
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	o.place(&c)
	l := c.Landing
	l.Bucket, l.ExternalID = c.Parameters.BucketName, ""
	l.StorageRole = c.Parameters.StorageRoleARN("aws", c.AccountID, c.Region)
	l.Login = loginOf(c.Parameters.Authentication, c.Parameters.UpsertRoleARN("aws", c.AccountID, c.Region))
	return l, nil
}

func loginOf(authentication, role string) schema.Login {
	if authentication == cloudformation.KeyPair {
		return schema.Login{KeyLater: true}
	}
	return schema.Login{RoleARN: role}
}

func writeLanding(out io.Writer, l schema.Landing) error {
	prepare, err := l.Prepare()
	if err != nil {
		return err
	}
	fmt.Fprint(out, "-- before the stack: afterwards DESC INTEGRATION names the IAM user that the storage role must trust\n\n")
	for _, s := range prepare {
		fmt.Fprintf(out, "-- %s\n%s;\n\n", s.Why, s.SQL)
	}
	if l.Login.KeyLater {
		fmt.Fprintf(out, "-- the public half of the key whose private half lies in the stack's secret; `deploy apply` makes both\n-- %s;\n\n", schema.SetKey(l.User, "<PUBLIC KEY>", 1))
	}
	fmt.Fprint(out, "-- after the stack: afterwards SHOW PIPES names the queue that the bucket must notify\n\n")
	for _, s := range l.Connect() {
		if _, err := fmt.Fprintf(out, "-- %s\n%s;\n\n", s.Why, s.SQL); err != nil {
			return err
		}
	}
	return nil
}

func writeStatements(out io.Writer, statements []string) error {
	_, err := fmt.Fprint(out, strings.Join(statements, ";\n")+";\n")
	return err
}
