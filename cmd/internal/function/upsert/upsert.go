// Package upsert wires SnowflakeUpsert from its environment.
package upsert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/snowstream/snowstream/cmd/internal/function"
	"github.com/snowstream/snowstream/internal/plainbody"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/landing/streaming"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/upsert"
	"github.com/snowstream/snowstream/record"
)

// Run is SnowflakeUpsert until the runtime ends the process.
func Run(ctx context.Context, log io.Writer) error {
	logger := function.Logger(log)
	bucket, err := function.Required(function.Bucket)
	if err != nil {
		return err
	}
	aws, err := config.LoadDefaultConfig(ctx, config.WithAPIOptions([]func(*middleware.Stack) error{plainbody.Add}))
	if err != nil {
		return fmt.Errorf("load the AWS configuration: %w", err)
	}
	names := tableNames()
	db, key, err := openSnowflake(ctx, aws, names)
	if err != nil {
		return err
	}
	schema, err := function.Schema()
	if err != nil {
		return err
	}
	lake := datalake.New(s3.NewFromConfig(aws), bucket)
	path, err := rowPath(key, db, names, schema, lake, logger)
	if err != nil {
		return err
	}
	u := upsert.New(schema, table(db, names, schema), lake, logger).By(path)
	watch := watchPipe(db, names, logger)
	function.Start(ctx, func(ctx context.Context, payload []byte) ([]byte, error) {
		var id string
		if c, ok := lambdacontext.FromContext(ctx); ok {
			id = c.AwsRequestID
		}
		answer, err := u.Handle(ctx, id, payload)
		watch.look(ctx)
		return answer, err
	})
	return nil
}

// table is the streaming table, for what has to be merged. Rows that are appended need no warehouse, so that there may be none.
func table(db *snowflake.DB, names schema.Names, s record.Schema) upsert.Table {
	if os.Getenv(function.RowPath) == function.Snowpipe && os.Getenv(function.Warehouse) == "" {
		return noWarehouse{}
	}
	return streaming.New(db, names, s)
}

type noWarehouse struct{}

// Merge refuses.
func (noWarehouse) Merge(context.Context, *record.CSVReader) (record.Merged, error) {
	return record.Merged{}, errNoWarehouse
}

// Occupied refuses.
func (noWarehouse) Occupied(context.Context, string, string, []int64) (*record.Taken, error) {
	return nil, errNoWarehouse
}

var errNoWarehouse = errors.New("the rows have to be merged, and the function has no warehouse: make one (`snowstream deploy apply --create-warehouse`) and name it in " + function.Warehouse)

func tableNames() schema.Names {
	names := schema.Defaults()
	for variable, name := range map[string]*string{function.Database: &names.Database, function.Namespace: &names.Schema, function.Table: &names.Streaming, function.Pipe: &names.Pipe} {
		if value := os.Getenv(variable); value != "" {
			*name = value
		}
	}
	return names
}
