// Command orchestrator-lambda is the Lambda function SnowflakeOrchestrator, built as the bootstrap of provided.al2023.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/snowstream/snowstream/cmd/internal/function/orchestrator"
)

func main() {
	if err := orchestrator.Run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
