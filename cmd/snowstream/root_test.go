package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/snowstream/snowstream/cmd/internal/function"
)

// TestHelp: a word in backticks would be taken for the name of a flag's value.
func TestHelp(t *testing.T) {
	var look func(*cobra.Command)
	look = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if strings.Contains(f.Usage, "`") {
				t.Errorf("%s --%s: %s", c.CommandPath(), f.Name, f.Usage)
			}
		})
		for _, sub := range c.Commands() {
			look(sub)
		}
	}
	look(newRoot())
}

// TestFunctionVariables: what a function is configured by is no slip to it, though it would be one to a command.
func TestFunctionVariables(t *testing.T) {
	t.Setenv(function.Bucket, "raw")
	for name, refused := range map[string]bool{"function orchestrator": false, "function upsert": false, "version": true} {
		cmd, _, err := newRoot().Find(strings.Fields(name))
		if err != nil {
			t.Fatal(err)
		}
		if errs := unknownVariables(cmd); (len(errs) > 0) != refused {
			t.Errorf("%s: %v", name, errs)
		}
	}
}

// TestTestVariables: commands that tests run are not stopped by what CI exports.
func TestTestVariables(t *testing.T) {
	text, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`export SNOWSTREAM_(\w+)`).FindAllStringSubmatch(string(text), -1)
	for _, name := range found {
		if !foreign(name[1]) {
			t.Errorf("SNOWSTREAM_%s would be refused", name[1])
		}
	}
	if len(found) < 5 {
		t.Errorf("%d variables are exported", len(found))
	}
}
