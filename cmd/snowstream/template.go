package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones by name on machines that have no table of them

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/producer/template"
	"github.com/snowstream/snowstream/record"
)

// language are the flags that say how a template is read and what time it is in it.
type language struct {
	strict bool
	now    string
	tz     string
}

func (l *language) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&l.strict, "strict", false, "refuse what the Kinesis Data Generator refuses")
	f.StringVar(&l.now, "now", "", "stop the template's clock at this time, as in 2024-02-29T13:07:09Z")
	f.StringVar(&l.tz, "tz", "", "local time zone of dates, such as Europe/Berlin (default: this machine's)")
}

func (l *language) options() (template.Options, error) {
	o := template.Options{Strict: l.strict}
	var err error
	if l.now != "" {
		if o.Now, err = time.Parse(time.RFC3339, l.now); err != nil {
			return o, fmt.Errorf("--now %s: a time looks like 2024-02-29T13:07:09Z", l.now)
		}
	}
	if l.tz != "" {
		if o.Zone, err = time.LoadLocation(l.tz); err != nil {
			return o, fmt.Errorf("--tz %s: there is no such time zone; names look like Europe/Berlin or UTC", l.tz)
		}
	}
	return o, nil
}

// readTemplate reads a template's text: from a file, from stdin for -, or the sensor example for nothing.
func readTemplate(cmd *cobra.Command, file string) (string, error) {
	var text []byte
	var err error
	switch file {
	case "":
		return template.Sensor, nil
	case "-":
		text, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), template.MaxText+1))
	default:
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return "", fmt.Errorf("read the template: %w", err)
	}
	return string(text), nil
}

func newTemplate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "template",
		Short: "Check a Kinesis Data Generator template, or see what it makes",
		Long: `A template is text with tags such as {{random.number(50)}}, as in the Kinesis Data
Generator: {{module.method(argument)}} with an optional JSON argument. All of its 142
methods work. These do not exist there, and not with --strict:

  {{sequence.number({"start":1,"step":1})}}                 1, 2, 3, ...
  {{date.sequence({"start":"2024-01-01T00:00:00Z","step":"1s"})}}
  {{same.value({"name":"id","of":"random.uuid"})}}          then {{same.value("id")}} is the same
  {{key.uniform({"count":1000,"prefix":"k-"})}}             or key.zipf, with a skew
  {{float.normal({"mean":20,"deviation":5,"decimals":1})}}  or uniform, exponential, lognormal
  {{entity.id({"count":10,"prefix":"device-"})}}            one device for the whole record
  {{entity.pick(["A","B"])}}                                always the same for that device
  {{entity.drift({"min":10,"max":150,"period":1000})}}      its value, which moves slowly`,
		Example: `  snowstream template check sensor.kdg
  snowstream template show sensor.kdg`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTemplateCheck(), newTemplateShow(), newTemplateMethods())
	return cmd
}

// read returns a template's text and how to compile it.
func (l *language) read(cmd *cobra.Command, file string, simulated bool) (template.Options, string, error) {
	o, err := l.options()
	if err != nil {
		return o, "", usageError{err}
	}
	o.Simulated = simulated
	text, err := readTemplate(cmd, file)
	return o, text, err
}

// oneFile takes the file that a template command is about.
func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("%s takes one file, or - for stdin (see `%s --help`)", cmd.CommandPath(), cmd.CommandPath())}
	}
	return nil
}

// finding is what a check says about one place, or about the template as a whole.
type finding struct {
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Text   string `json:"text"`
}

// verdict is a check's result.
type verdict struct {
	Valid    bool      `json:"valid"`
	Error    *finding  `json:"error,omitempty"`
	Warnings []finding `json:"warnings"`
}

func newTemplateCheck() *cobra.Command {
	var l language
	var asJSON, backfill bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say whether a template works, and what in it is surely not meant",
		Long: `Reads a template and names its first error with line and column, or its warnings. It
also makes some records and looks at them. Exit code 1 means that it does not work.`,
		Example: `  snowstream template check sensor.kdg
  snowstream template check sensor.kdg --strict --json`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, text, err := l.read(cmd, args[0], backfill)
			if err != nil {
				return err
			}
			return check(o, text).write(cmd.OutOrStdout(), args[0], asJSON)
		},
	}
	l.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as one JSON object")
	cmd.Flags().BoolVar(&backfill, "backfill", false, "the template is for a backfill, so date.simTime has a time")
	return cmd
}

func check(o template.Options, text string) verdict {
	v := verdict{Warnings: []finding{}}
	t, err := o.Compile(text)
	if err == nil {
		for _, w := range t.Warnings() {
			v.Warnings = append(v.Warnings, finding{w.Line, w.Column, w.Text})
		}
		var about []string
		if about, err = look(t); err == nil {
			v.Valid = true
			for _, text := range about {
				v.Warnings = append(v.Warnings, finding{Text: text})
			}
			return v
		}
	}
	v.Error = &finding{Text: err.Error()}
	var at *template.Error
	if errors.As(err, &at) {
		v.Error = &finding{at.Line, at.Column, at.Reason}
	}
	return v
}

// look makes records and names what is wrong with them as a whole.
func look(t *template.Template) ([]string, error) {
	const samples, streamLimit = 100, 1 << 20
	var long bool
	refused := map[record.Code]int{}
	decoder := record.NewDecoder(record.Schema{Columns: []record.Column{{Path: []string{"\x00"}, Name: "NONE", Type: record.Variant}}})
	g := t.Generator(1)
	g.SetTime(time.Unix(0, 0))
	for i := range int64(samples) {
		text, err := g.Append(nil, i)
		if err != nil {
			return nil, err
		}
		if _, reason := decoder.Decode(text); reason != nil {
			refused[reason.Code]++
		}
		long = long || len(text) > streamLimit
	}
	var about []string
	for _, code := range slices.Sorted(maps.Keys(refused)) {
		about = append(about, fmt.Sprintf("%d of %d records are no JSON objects that a schema takes and would go to quarantine (%s): look at `snowstream template show`", refused[code], samples, code))
	}
	if long {
		about = append(about, "records may have more than 1 MiB, which a stream refuses unless its limit was raised")
	}
	return about, nil
}

func (v verdict) write(w io.Writer, file string, asJSON bool) error {
	var b strings.Builder
	if asJSON {
		if err := json.NewEncoder(&b).Encode(v); err != nil {
			return err
		}
	} else {
		v.text(&b, file)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	if !v.Valid {
		return errSaid
	}
	return nil
}

// text prints findings as compilers do.
func (v verdict) text(b *strings.Builder, file string) {
	line := func(f finding, kind string) {
		if f.Line == 0 {
			fmt.Fprintf(b, "%s: %s: %s\n", file, kind, f.Text)
			return
		}
		fmt.Fprintf(b, "%s:%d:%d: %s: %s\n", file, f.Line, f.Column, kind, f.Text)
	}
	if v.Error != nil {
		line(*v.Error, "error")
		return
	}
	for _, w := range v.Warnings {
		line(w, "warning")
	}
	fmt.Fprintf(b, "%s: works, %d warnings\n", file, len(v.Warnings))
}

func newTemplateShow() *cobra.Command {
	var l language
	var seed uint64
	var count int64
	var null, backfill bool
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Make five records, as the Kinesis Data Generator's test button does",
		Example: `  snowstream template show sensor.kdg
  snowstream template show sensor.kdg --seed 7 --tz UTC`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, text, err := l.read(cmd, args[0], backfill)
			if err != nil {
				return err
			}
			t, err := o.Compile(text)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("seed") {
				seed = uint64(time.Now().UnixNano())
			}
			return show(cmd.OutOrStdout(), t, seed, count, null, o.Now)
		},
	}
	l.flags(cmd)
	f := cmd.Flags()
	f.Uint64Var(&seed, "seed", 0, "make the same records again (default: other ones each time)")
	f.Int64Var(&count, "count", 5, "how many")
	f.BoolVar(&null, "null", false, "end each record with a NUL byte instead of a line feed")
	f.BoolVar(&backfill, "backfill", false, "the template is for a backfill; the simulated time is the clock's")
	return cmd
}

func show(w io.Writer, t *template.Template, seed uint64, count int64, null bool, now time.Time) error {
	g := t.Generator(seed)
	if now.IsZero() {
		now = time.Now()
	}
	g.SetTime(now)
	for i := range count {
		record, err := g.Append(nil, i)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(record, recordEnd(null))); err != nil {
			return err
		}
	}
	return nil
}

// recordEnd is the byte behind each record in a file or a pipe.
func recordEnd(null bool) byte {
	if null {
		return 0
	}
	return '\n'
}

func newTemplateMethods() *cobra.Command {
	return &cobra.Command{
		Use:     "methods",
		Short:   "List the methods that a template can use",
		Example: `  snowstream template methods | grep date`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(template.Methods(), "\n"))
			return err
		},
	}
}
