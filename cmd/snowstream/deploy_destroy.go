package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/deploy"
)

func newDeployDestroy(o *deployOptions) *cobra.Command {
	var data []string
	yes := false
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Take down what apply made; data is kept unless named",
		Long: `Removes what the deployment file lists, on both sides, and nothing that was there
before. Bucket, stream and tables are kept, as are database and schema, which may hold
what is not ours. --delete-data names what is to go as well. A stream that is kept is
still paid for.

Records that are in the stream and have not landed will not land any more: stop the
producers and look at ` + "`snowstream status`" + ` first.`,
		Example: `  snowstream deploy destroy --yes
  snowstream deploy destroy --yes --delete-data bucket,tables,stream`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes {
				return usageError{errors.New("destroy takes a running pipeline down: add --yes if you mean it")}
			}
			return o.interruptible(cmd, func(ctx context.Context) error {
				s := &steps{out: cmd.OutOrStdout(), progress: cmd.ErrOrStderr(), json: o.json}
				d, err := o.openExisting(cmd, func(c *deploy.Config) { c.Progress = s.tell })
				if err != nil {
					return err
				}
				defer d.close()
				result, err := d.Destroy(ctx, data)
				if err != nil {
					return err
				}
				return s.end(result, "kept: "+strings.Join(result.Kept, ", "))
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	cmd.Flags().StringSliceVar(&data, "delete-data", nil, fmt.Sprintf("delete data, too: %s, %s, %s", deploy.DataBucket, deploy.DataTables, deploy.DataStream))
	return cmd
}

// deleteStream deletes a stream with its records; one that is gone is no error.
func (p streamEnd) deleteStream(ctx context.Context, name string) error {
	_, err := p.api.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: &name, EnforceConsumerDeletion: aws.Bool(true)})
	var gone *types.ResourceNotFoundException
	if err != nil && !errors.As(err, &gone) {
		return fmt.Errorf("delete stream %s: %w", name, err)
	}
	return nil
}

// openShards is how many shards a stream has; 0 if there is none of that name.
func (p streamEnd) openShards(ctx context.Context, name string) (int, error) {
	out, err := p.api.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
	var gone *types.ResourceNotFoundException
	if errors.As(err, &gone) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("describe stream %s: %w", name, err)
	}
	return int(aws.ToInt32(out.StreamDescriptionSummary.OpenShardCount)), nil
}
