// Command bootstrap is a function of a user's own, in Go, as AWS documents it for provided.al2023.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(_ context.Context, in struct{ N int }) (map[string]any, error) {
		return map[string]any{"twice": 2 * in.N, "greeting": os.Getenv("GREETING")}, nil
	})
}
