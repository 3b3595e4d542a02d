// Command snowstream brings a Kinesis data stream into Snowflake; `snowstream local` does it on one machine.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
