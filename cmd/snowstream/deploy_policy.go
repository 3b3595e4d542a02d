package main

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/deploy"
	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/deploy/cloudformation/resolve"
)

func newDeployPolicy(o *deployOptions) *cobra.Command {
	serviceRole, part := false, 0
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Print the IAM policy of whoever deploys",
		Long: `Prints the rights in AWS that apply, plan, check, destroy, status and audit need, with the
names that the same settings give to what is made. It signs in nowhere: name the AWS account
with --aws-account. Where there is a deployment file, its names are taken.

With --cloudformation-role these are the rights of the person alone, and --for-role prints
those of that role. With --permissions-boundary roles may be made with these bounds only.`,
		Example: `  snowstream deploy policy --aws-account 123456789012 --region us-east-1 > policy.json
  snowstream deploy policy --aws-account 123456789012 --cloudformation-role arn:aws:iam::123456789012:role/cfn --for-role`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, partition, err := o.placed(cmd)
			if err != nil {
				return err
			}
			at := resolve.Account{Partition: partition, ID: c.AccountID, Region: c.Region}
			policy := c.Parameters.DeployerPolicy(at, c.StackName)
			if serviceRole {
				policy = c.Parameters.ServiceRolePolicy(at)
			}
			if part != 0 {
				parts, err := policy.Parts()
				if err != nil {
					return err
				}
				if part < 1 || part > len(parts) {
					return usageError{fmt.Errorf("--part %d: there are %d", part, len(parts))}
				}
				policy = parts[part-1]
			}
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(policy)
		},
	}
	cmd.Flags().BoolVar(&serviceRole, "for-role", false, "print what the role of --cloudformation-role needs instead")
	cmd.Flags().IntVar(&part, "part", 0, "print one part, since IAM takes 6,144 signs in a managed policy")
	return cmd
}

// placed is the configuration of the deployment file, or of the flags, with the account and region that it is for.
func (o *deployOptions) placed(cmd *cobra.Command) (c deploy.Config, partition string, err error) {
	o.nameByEnvironment(cmd.Flags())
	if c, f, err := o.reopen(); err == nil {
		c.AccountID, c.Region = f.AccountID, f.Region
		return c, f.Partition, nil
	}
	if err := o.checkFlags(); err != nil {
		return c, "", usageError{err}
	}
	if c, err = o.config(cmd); err != nil {
		return c, "", err
	}
	c.AccountID, c.Region = cmp.Or(o.awsAccount, unknownAccount), cmp.Or(c.Region, "us-east-1")
	o.place(&c)
	c.Parameters.ArtifactBucket = cloudformation.ArtifactBucketName(c.Parameters.Environment, c.AccountID, c.Region)
	return c, "aws", nil
}
