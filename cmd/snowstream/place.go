package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/deploy"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/schemafile"
)

// place is what a command looks at: the local stack, or a deployment in the user's accounts.
type place struct {
	dir, deployment string
	login           login
}

func (p *place) flags(f *pflag.FlagSet) {
	f.StringVar(&p.dir, "data", dataFolder, "data folder of the local stack")
	f.StringVar(&p.deployment, "deployment", "", "look at what this deployment file describes instead, in AWS and Snowflake")
	p.login.flags(f)
}

// look is settings for a command that only reads: where the local stack has stopped, the services that keep its data run
// for this one command.
func (p place) look(cmd *cobra.Command) (stack.Settings, record.Schema, error) {
	s, err := stack.Load(p.dir)
	if p.deployment != "" || err != nil || s.Running(cmd.Context()) {
		return p.settings(cmd.Context())
	}
	schema, err := stack.LoadSchema(p.dir)
	if err != nil {
		return s, schema, err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "The local stack in %s has stopped; its stores are opened for this command.\n", p.dir)
	stores, err := openStores(p.dir)
	if err != nil {
		return s, schema, err
	}
	open := cmd.Context().Value(closersKey{}).(*closers)
	open.all = append(open.all, stores.close)
	return stores.settings, schema, nil
}

// closers close what is open once a command has ended, however it does. It travels in the command's context.
type closers struct{ all []func() error }

type closersKey struct{}

func (o *closers) close() error {
	var errs []error
	for _, f := range slices.Backward(o.all) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// stores are the services of a stopped stack that keep its data.
type stores struct {
	settings stack.Settings
	close    func() error
}

// running is settings for a command that needs all of a stack.
func (p place) running(cmd *cobra.Command) (stack.Settings, record.Schema, error) {
	return p.settings(cmd.Context())
}

// settings are those of a stack that answers, with the schema of its records.
func (p place) settings(ctx context.Context) (stack.Settings, record.Schema, error) {
	if p.deployment != "" {
		return p.deployed(ctx)
	}
	s, err := stack.Load(p.dir)
	if err == nil && !s.Running(ctx) {
		err = fmt.Errorf("the local stack in %s is not running: start it with `%s`", p.dir, hint("local", p.dir))
	}
	if err != nil {
		return s, record.Schema{}, err
	}
	schema, err := stack.LoadSchema(p.dir)
	return s, schema, err
}

func (p place) deployed(ctx context.Context) (s stack.Settings, schema record.Schema, err error) {
	f, err := deploy.Load(p.deployment)
	if err != nil {
		return s, schema, err
	}
	login, err := p.login.config()
	if err != nil {
		return s, schema, err
	}
	cfg, err := awsConfig(ctx, f.Region, f.AWSEndpoint)
	if err != nil {
		return s, schema, err
	}
	schema = record.Sensor()
	if f.SchemaText != "" {
		schema, err = schemafile.Parse([]byte(f.SchemaText))
	}
	return stack.Deployed(cfg, f, login), schema, err
}
