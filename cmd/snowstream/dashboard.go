package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/cmd/internal/board"
	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/dashboard"
)

// dashboardPort is that of `snowstream dashboard`; the page of `snowstream local` lies one below it.
const dashboardPort = 7406

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
	config := p.config(source, s.Mode())
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
func (p *page) config(source *board.Source, mode string) dashboard.Config {
	v := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		v = info.Main.Version
	}
	return dashboard.Config{
		Source: source, Names: source.Names(), Mode: mode, Audit: source.Audit, Hosts: p.hosts, Token: p.token, Version: v,
	}
}
