package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/cmd/internal/version"
	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/processing/quarantine"
	"github.com/snowstream/snowstream/record"
)

// auditOptions are the flags of `snowstream audit`.
type auditOptions struct {
	place             place
	json, repair, yes bool
	stream, deep      bool
	seal, fromScratch bool
	grace, wait       time.Duration
	limit             int
}

func newAudit() *cobra.Command {
	var o auditOptions
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Prove that nothing is missing, doubled or altered, and repair what is",
		Long: `Compares both tables with the ledgers, with each other, with the raw zone, with
quarantine and with what the stream still has, and names every position that is off.
Where nothing is, that takes two queries and a listing of the bucket; rows are only
looked at where a shard is off. The exit code is 1 if anything is off.

--seal writes down what was proved, under sealed/ in the bucket. From then on an audit
lists and reads what lies behind the seal, and asks the tables for the sums of what lies
under it. A table that is off there is looked at as if there were no seal. Sealed objects
may expire; see docs/exactly-once.md. --from-scratch compares what is sealed again, as far
as its objects are there.

--repair mends the tables from the raw zone, and the raw zone from the stream, and
audits again. Running it twice changes nothing. Rows of which it does not know where
they come from are named and left; rows that nothing replaces are only deleted with
--yes. What it takes away or overwrites lies in the raw zone first, under repaired/,
and ` + "`snowstream audit restore`" + ` brings it back.`,
		Example: `  snowstream audit
  snowstream audit --json | jq '.findings[] | {kind, place, first_ordinal}'
  snowstream audit --repair
  snowstream audit --seal
  snowstream audit restore`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, cmd.OutOrStdout()) },
	}
	o.place.flags(cmd.PersistentFlags())
	cmd.AddCommand(newAuditRestore(&o.place))
	f := cmd.Flags()
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	f.BoolVar(&o.repair, "repair", false, "mend what is off, and audit again")
	f.BoolVar(&o.yes, "yes", false, "with --repair, delete rows that should not be there and whose records have their rows elsewhere")
	f.BoolVar(&o.stream, "stream", true, "read what the stream still has, too; --stream=false leaves it out")
	f.BoolVar(&o.deep, "deep", false, "read every object of the raw zone, not only those that look changed")
	f.BoolVar(&o.seal, "seal", false, "write down what is proved, so that no later audit has to prove it again")
	f.BoolVar(&o.fromScratch, "from-scratch", false, "compare what is sealed, too, as far as its objects are there")
	f.DurationVar(&o.grace, "grace", 2*time.Minute, "a row that the micro-batch table lacks is pending, and nothing is sealed, while its object is younger")
	f.DurationVar(&o.wait, "wait", 2*time.Minute, "with --repair, how long to wait for the pipe")
	f.IntVar(&o.limit, "limit", audit.DefaultLimit, "list at most so many findings; the counts are of all")
	return cmd
}

func (o auditOptions) run(cmd *cobra.Command, out io.Writer) error {
	ctx := cmd.Context()
	if o.yes && !o.repair {
		return usageError{errors.New("--yes goes with --repair")}
	}
	if o.seal && (o.repair || !o.stream) {
		return usageError{errors.New("--seal goes without --repair and --stream=false: repair first, and seal what is proved then")}
	}
	settings := o.place.look
	if o.repair { // has the functions and the pipe work
		settings = o.place.running
	}
	s, schema, err := settings(cmd)
	if err != nil {
		return err
	}
	db, config, err := auditing(s, schema)
	if err != nil {
		return err
	}
	defer db.Close()
	config.Grace, config.Deep, config.FromScratch, config.Limit = o.grace, o.deep, o.fromScratch, o.limit
	if o.stream {
		reader := s.Reader()
		config.Reader = retained{reader}
		if config.Retention.Period, config.Retention.Created, err = reader.Retention(ctx); err != nil {
			return err
		}
	}
	if o.repair {
		tools := toolsOf(s, db, o.wait)
		tools.Delete = o.yes
		if o.stream {
			collector, err := s.Collector(config.Schema, false, nil)
			if err != nil {
				return err
			}
			tools.Append = func(ctx context.Context, shard, first, last string) (int64, error) {
				return collector.Recover(ctx, shard, first, last, "audit --repair")
			}
		}
		return o.mend(ctx, out, audit.New(config), tools)
	}
	if o.seal {
		return o.write(ctx, out, audit.New(config))
	}
	proof, err := audit.New(config).Audit(ctx)
	if err != nil {
		return err
	}
	if o.json {
		err = json.NewEncoder(out).Encode(proof)
	} else {
		err = writeProof(out, proof)
	}
	return said(err, proof)
}

// sealResult is what --seal --json prints: the audit, and what was sealed of it.
type sealResult struct {
	audit.Proof
	Sealing audit.Sealing `json:"sealing"`
}

// write seals what an audit proves.
func (o auditOptions) write(ctx context.Context, out io.Writer, a *audit.Auditor) error {
	proof, sealing, err := a.Seal(ctx, "snowstream "+version.Of().String())
	if err != nil {
		return err
	}
	if o.json {
		err = json.NewEncoder(out).Encode(sealResult{proof, sealing})
	} else if err = writeProof(out, proof); err == nil {
		err = writeSealing(out, sealing)
	}
	return said(err, proof)
}

// auditing is what an audit works with. The session is the caller's to close.
func auditing(s stack.Settings, schema record.Schema) (db *snowflake.DB, c audit.Config, err error) {
	db, err = s.Session()
	return db, audit.Config{
		Session: db, Names: s.Names(), Schema: schema, Lake: s.Lake(), Stream: s.Stream, Landed: landed{s}.read,
	}, err
}

// repairResult is what --repair --json prints: OK is that of the second audit.
type repairResult struct {
	OK       bool           `json:"ok"`
	Before   audit.Proof    `json:"before"`
	Repaired audit.Repaired `json:"repaired"`
	After    audit.Proof    `json:"after"`
}

func (o auditOptions) mend(ctx context.Context, out io.Writer, a *audit.Auditor, tools audit.Tools) error {
	before, after, done, err := a.Repair(ctx, tools)
	if err != nil {
		return err
	}
	if o.json {
		err = json.NewEncoder(out).Encode(repairResult{after.OK, before, done, after})
	} else {
		err = writeRepair(out, before, done, after)
	}
	return said(err, after)
}

// said fails a command whose output has told already that something is off.
func said(err error, p audit.Proof) error {
	if err == nil && !p.OK {
		return errSaid
	}
	return err
}

// toolsOf is what a repair works with.
func toolsOf(s stack.Settings, db *snowflake.DB, wait time.Duration) audit.Tools {
	return audit.Tools{
		Transaction: func(ctx context.Context, f func(audit.Statements) error) error {
			return db.Transaction(ctx, func(tx *snowflake.Tx) error { return f(tx) })
		},
		Upsert: handOver{s}.upsert,
		Settle: func(ctx context.Context, object string) error { return quarantine.Settle(ctx, s.Upserter(), object) },
		Pipe:   pipeOf(s, db),
		Wait:   wait,
		By:     "snowstream " + version.Of().String(),
	}
}
