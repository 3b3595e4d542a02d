package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/cmd/internal/board"
	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/cmd/internal/version"
	"github.com/snowstream/snowstream/dashboard"
)

// dashboardPort is that of `snowstream dashboard`, behind those of `snowstream local`.
const dashboardPort = 7401 + stack.Ports

// In a real account each look keeps a warehouse awake, and an audit works through both tables: a look is rare, and an audit
// is made when somebody asks for it.
const (
	cloudEvery      = 15 * time.Second
	cloudAuditEvery = -1
)

func newDashboard() *cobra.Command {
	var o pageOptions
	var where place
	cmd := &cobra.Command{
		Use:   "dashboard",
		Short: "Serve the drawing, alive, as a page: counts, rates, lag, latencies and the audit",
		Long: `Serves a page on which you watch the stream land, metrics for Prometheus at /metrics
and a state of health at /healthz. It only observes. "snowstream local" serves the same
page by itself, with a control of its generator and with things to break.`,
		Example: `  snowstream dashboard --open
  snowstream dashboard --data /tmp/try --listen 0.0.0.0:8080
  snowstream dashboard --deployment snowstream-deployment.json --snowflake-login ME --snowflake-key-file me.p8`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return usageError{err}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			s, _, err := where.settings(ctx)
			if err != nil {
				return err
			}
			return o.watch(ctx, cmd, s)
		},
	}
	where.flags(cmd.Flags())
	o.flags(cmd, fmt.Sprintf("(default 127.0.0.1:%d)", dashboardPort))
	return cmd
}

// watch serves the page of a stack until ctx ends.
func (o *pageOptions) watch(ctx context.Context, cmd *cobra.Command, s stack.Settings) (err error) {
	source, err := board.Outside(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	p, err := o.bind(dashboardPort)
	if err != nil {
		return err
	}
	config := p.config(source, s)
	if s.Mode() == "cloud" {
		config.Every, config.AuditEvery = cloudEvery, cloudAuditEvery
	}
	config.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	d, err := dashboard.New(config)
	if err != nil {
		return errors.Join(err, p.listener.Close())
	}
	closePage := p.serve(d)
	fmt.Fprint(cmd.ErrOrStderr(), p.said())
	<-ctx.Done()
	return closePage()
}

// config is what every page has.
func (p *page) config(source *board.Source, s stack.Settings) dashboard.Config {
	return dashboard.Config{
		Source: source, Names: source.Names(), Mode: s.Mode(), Audit: source.Audit, Hosts: p.hosts, Token: p.token,
		Version: version.Of().String(), Newest: source.Newest, Connection: connection(s),
	}
}

// connection is what other programs need to join a local stack, as a shell takes it; empty for a deployment, whose people have
// logins of their own.
func connection(s stack.Settings) string {
	if s.Mode() != "local" {
		return ""
	}
	host, port, _ := strings.Cut(strings.TrimPrefix(s.Snowflake, "http://"), ":")
	return fmt.Sprintf(`export AWS_ENDPOINT_URL_KINESIS=%s
export AWS_ENDPOINT_URL_S3=%s
export AWS_ENDPOINT_URL_LAMBDA=%s
export AWS_REGION=%s AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s
export SNOWFLAKE_HOST=%s SNOWFLAKE_PORT=%s SNOWFLAKE_PROTOCOL=http
export SNOWFLAKE_ACCOUNT=%s SNOWFLAKE_USER=%s SNOWFLAKE_PASSWORD=%s
export SNOWFLAKE_DATABASE=%s SNOWFLAKE_SCHEMA=%s SNOWFLAKE_WAREHOUSE=%s SNOWFLAKE_ROLE=%s
# stream %s, bucket %s
`, s.Kinesis, s.S3, s.Lambda, s.Region, stack.AccessKeyID, stack.SecretAccessKey, host, port,
		s.Account, s.User, s.Password, s.Database, s.Schema, s.Warehouse, s.Role, s.Stream, s.Bucket)
}
