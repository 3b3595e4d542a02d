// Command upsert-lambda is the Lambda function SnowflakeUpsert, built as the bootstrap of provided.al2023.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/snowstream/snowstream/cmd/internal/function/upsert"
)

func main() {
	if err := upsert.Run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
