package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/snowstream/snowstream/record/schemafile"
)

// configFile is read from the current folder if it is there.
const configFile = "snowstream.yaml"

// configure fills in the flags that the command line does not give: from the environment (SNOWSTREAM_LOCAL_RATE is
// --rate of `snowstream local`), then from the configuration file, whose keys are the commands and under them their
// flags. A key that is neither is an error: a misspelt setting that is silently ignored is worse than none.
func configure(cmd *cobra.Command, file string) error {
	values := map[string]setting{}
	if cmd.Flags().Lookup("config") != nil {
		if err := readConfig(cmd, file, values); err != nil {
			return usageError{err}
		}
	}
	errs := unknownVariables(cmd)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || f.Name == "config" {
			return
		}
		variable := variableOf(cmd, f)
		s, ok := values[f.Name]
		if text := os.Getenv(variable); text != "" {
			s, ok = setting{text, variable}, true
		}
		if !ok {
			return
		}
		if err := cmd.Flags().Set(f.Name, s.text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s is not a value of --%s", s.from, s.text, f.Name))
		}
	})
	if err := errors.Join(errs...); err != nil {
		return usageError{err}
	}
	return nil
}

// variablePrefix begins every variable of the program.
const variablePrefix = "SNOWSTREAM_"

// unknownVariables refuses variables that begin like the program's and are none: SNOWSTREAM_LOCAL_RTE is a slip of the pen
// as an unknown key is. The functions, which are a hidden command, have variables of their own.
func unknownVariables(cmd *cobra.Command) (errs []error) {
	for at := cmd; at != nil; at = at.Parent() {
		if at.Hidden {
			return nil
		}
	}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, variablePrefix)
		if !ours || value == "" || name == passwordVariable || foreign(rest) {
			continue
		}
		word, setting, _ := strings.Cut(strings.ToLower(rest), "_")
		c := subcommand(cmd.Root(), word)
		if c == nil {
			errs = append(errs, fmt.Errorf("the environment has %s, but there is no command %q: %s", name, word, schemafile.Suggest(word, commands(cmd.Root()))))
			continue
		}
		known := map[string]bool{}
		addVariables(c, known)
		if !known[setting] {
			errs = append(errs, fmt.Errorf("the environment has %s, but %s has no setting %q: %s",
				name, c.CommandPath(), setting, schemafile.Suggest(setting, slices.Sorted(maps.Keys(known)))))
		}
	}
	return errs
}

// foreign tells variables of others by what stands behind the prefix: those that Kubernetes sets for a service called
// snowstream, and those of the project's own tests, which run commands.
func foreign(rest string) bool {
	return strings.HasPrefix(rest, "SERVICE_") || rest == "PORT" || strings.HasPrefix(rest, "PORT_") || slices.Contains(strings.Fields(testVariables), rest)
}

// testVariables say what the tests run against, and how much of it.
const testVariables = `LONG NIGHTLY SCREENSHOTS CHROMIUM PYTHON PYTHON_CONNECTOR4 SNOWPIPE_SDK SNOWPIPE_SDK_HTTP PANDAS
	JSON_TEST_SUITE NODE_SDK NODE_DRIVER SQLALCHEMY JAVA_SDK JDBC MINISTACK CFN_LINT CHECKOV KINESALITE KINESIS_LOCAL CHILD_TEST_PARENT`

// addVariables collects the variables of a command and those below it, as they stand behind the command's name.
func addVariables(at *cobra.Command, into map[string]bool) {
	root := at
	for root.Parent().HasParent() {
		root = root.Parent()
	}
	at.LocalFlags().VisitAll(func(f *pflag.Flag) {
		into[strings.ToLower(strings.TrimPrefix(variableOf(at, f), strings.ToUpper("snowstream_"+root.Name()+"_")))] = true
	})
	for _, c := range at.Commands() {
		addVariables(c, into)
	}
}

// variableOf is the environment variable of a flag: that of the command that defines it, so that the sub-commands of
// deploy share one.
func variableOf(cmd *cobra.Command, f *pflag.Flag) string {
	for at := cmd; at.HasParent(); at = at.Parent() {
		if at.Parent().PersistentFlags().Lookup(f.Name) == f {
			cmd = at.Parent()
		}
	}
	return strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToUpper(cmd.CommandPath() + " " + f.Name))
}

// setting is a flag's value with the place that it comes from.
type setting struct{ text, from string }

// readConfig checks the whole file and collects the settings of one command. The default file may be missing.
func readConfig(cmd *cobra.Command, file string, values map[string]setting) error {
	name := file
	if name == "" {
		name = configFile
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && file == "" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("read the configuration %s: %w", name, err)
	}
	if len(document.Content) == 0 {
		return nil
	}
	return readCommand(name, cmd.Root(), cmd, document.Content[0], values)
}

// readCommand reads the mapping of one command: its flags and its sub-commands.
func readCommand(file string, at, wanted *cobra.Command, n *yaml.Node, values map[string]setting) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: %s needs its settings as names and values", file, n.Line, at.CommandPath())
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		where := fmt.Sprintf("%s:%d", file, key.Line)
		flag := slices.Contains(settingsOf(at), key.Value)
		// generate has both a flag and a sub-command of the name rate: what stands behind the key tells which.
		if sub := subcommand(at, key.Value); sub != nil && !(flag && value.Kind == yaml.ScalarNode) {
			if err := readCommand(file, sub, wanted, value, values); err != nil {
				return err
			}
			continue
		}
		if !flag {
			return fmt.Errorf("%s: %s has no setting %q: %s", where, at.CommandPath(), key.Value, schemafile.Suggest(key.Value, known(at)))
		}
		if value.Kind != yaml.ScalarNode {
			return fmt.Errorf("%s: %q takes one value", where, key.Value)
		}
		_, nearer := values[key.Value]
		if at == wanted || isAbove(at, wanted) && !nearer && at.PersistentFlags().Lookup(key.Value) != nil {
			values[key.Value] = setting{value.Value, where}
		}
	}
	return nil
}

// isAbove reports whether a command is one of the wanted one's parents, whose settings it shares.
func isAbove(at, wanted *cobra.Command) bool {
	for wanted = wanted.Parent(); wanted != nil; wanted = wanted.Parent() {
		if at == wanted {
			return true
		}
	}
	return false
}

func subcommand(at *cobra.Command, name string) *cobra.Command {
	for _, c := range at.Commands() {
		if c.Name() == name && !c.Hidden {
			return c
		}
	}
	return nil
}

// settingsOf are the flags of a command that a file may set.
func settingsOf(at *cobra.Command) (names []string) {
	add := func(f *pflag.Flag) {
		if f.Name != "help" && f.Name != "config" {
			names = append(names, f.Name)
		}
	}
	at.LocalFlags().VisitAll(add)
	at.InheritedFlags().VisitAll(add)
	return names
}

// known are all keys that a command's mapping may have.
func known(at *cobra.Command) []string {
	return append(settingsOf(at), commands(at)...)
}

// commands are the names below a command.
func commands(at *cobra.Command) (names []string) {
	for _, c := range at.Commands() {
		if !c.Hidden && c.Name() != "help" && c.Name() != "completion" {
			names = append(names, c.Name())
		}
	}
	return names
}
