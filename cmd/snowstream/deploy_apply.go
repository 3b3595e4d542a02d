package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/deploy"
	"github.com/snowstream/snowstream/landing/snowflake"
)

func newDeployApply(o *deployOptions) *cobra.Command {
	rotate, yes := false, false
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Create or change everything on both sides",
		Long: `Brings both accounts to the settings: what is missing is made, what has changed is
changed, and what is as it should be is left alone. It may be stopped anywhere and run
again. Nothing is replaced that would lose data or forget what was loaded.`,
		Example: `  snowstream deploy apply
  snowstream deploy apply --batch-size 500 --batch-window 30s`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.interruptible(cmd, func(ctx context.Context) error {
				s := &steps{out: cmd.OutOrStdout(), progress: cmd.ErrOrStderr(), json: o.json}
				d, err := o.open(cmd, func(c *deploy.Config) { c.Progress, c.RotateKey, c.Parameters.AcceptLoss = s.tell, rotate, yes })
				if err != nil {
					return err
				}
				defer d.close()
				result, err := d.Apply(ctx)
				if err != nil {
					return err
				}
				return s.end(result, fmt.Sprintf("%d changes; `snowstream deploy check` sends a record through it", result.Changes))
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do what destroys data or lets it expire, too; plan marks it with !!")
	cmd.Flags().BoolVar(&rotate, "rotate-key", false, "with key-pair: make a new key; the old one stays good until the next rotation")
	return cmd
}

// interruptible runs f until it ends or the person does not want it any more, and explains its error.
func (o *deployOptions) interruptible(cmd *cobra.Command, f func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd.SetContext(ctx)
	err := f(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: run the same again to go on", err)
	}
	return explain(err)
}

// steps shows what is done as it is done. What has been done is the command's result; what is being done, or waited for,
// shows on a terminal only.
type steps struct {
	out, progress io.Writer
	json          bool
	events        []deploy.Event
}

func (s *steps) tell(e deploy.Event) {
	settled := e.State == deploy.Done || e.State == deploy.Unchanged
	if s.json {
		if settled {
			s.events = append(s.events, e)
		}
		return
	}
	if settled {
		fmt.Fprintf(s.out, "%-12s %-9s %-9s %s\n", e.Step, e.Where, e.State, e.What)
	} else if isTerminal(s.progress) {
		fmt.Fprintf(s.progress, "%-12s %-9s %-9s %s\n", e.Step, e.Where, e.State, e.What)
	}
}

// end prints the result; in JSON with the events.
func (s *steps) end(result any, text string) error {
	if !s.json {
		_, err := fmt.Fprintln(s.out, text)
		return err
	}
	return json.NewEncoder(s.out).Encode(map[string]any{"result": result, "events": s.events})
}

// The numbers of Snowflake's refusals that have a remedy.
const (
	noPrivilege   = 3001
	notThere      = 2003
	notThereOrNot = 2043
	wrongPassword = 390100
	wrongToken    = 390144
)

// explain adds what to do to the refusals that have a remedy. Snowflake's own words may be shown here: whoever reads
// them has written the statement.
func explain(err error) error {
	var refused *snowflake.Error
	if !errors.As(err, &refused) {
		return err
	}
	text := ""
	switch refused.Number {
	case noPrivilege:
		text = "your role may not do that: an account administrator can run what `snowstream deploy sql --grants-for YOUR_ROLE` prints, or name another role with --snowflake-login-role"
	case notThere, notThereOrNot:
		text = "it does not exist, or your role may not see it: --create-database and --create-warehouse make what is missing"
	case wrongPassword:
		text = "Snowflake knows no such user with this password: check --snowflake-account, --snowflake-login and " + passwordVariable
	case wrongToken:
		text = "Snowflake refuses the key: check --snowflake-account and --snowflake-login, and that the user has the public half (DESC USER)"
	}
	for _, more := range []string{text, refused.Hidden()} {
		if more != "" {
			err = fmt.Errorf("%w: %s", err, more)
		}
	}
	return err
}
