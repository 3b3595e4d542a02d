package simulation

import (
	"errors"
	"time"

	"github.com/snowstream/snowstream/processing/orchestrator"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/unpack"
)

// recoverAll hands over what is still open, and brings the batches that were given up, as long as they can be read: first
// as a batch like any other, which lands what the ledger has not passed, then by Append, run by run, what is nowhere in
// the raw zone. It goes on after an error and returns the last one.
func (w *world) recoverAll() (err error) {
	for _, s := range w.stream.shards {
		failed := w.withOrchestrator(s, func(o *orchestrator.Orchestrator, p *process) error { return o.Settle(p.ctx, streamName, s.id) })
		if failed != nil {
			err = failed
		}
		for _, batch := range s.givenUp {
			for len(batch) > 0 && batch[0].users[0].expired {
				batch = batch[1:]
			}
			if failed := w.recoverBatch(s, batch); failed != nil {
				w.step("recovery of %s: %v", s.id, failed)
				err = failed
			}
		}
	}
	return err
}

// withOrchestrator runs something in a process of the orchestrator.
func (w *world) withOrchestrator(s *shard, do func(*orchestrator.Orchestrator, *process) error) error {
	p, err := w.functions.idle()
	if err != nil {
		return err
	}
	p.begin(functionTimeout)
	s.running++
	defer func() { s.running-- }()
	return w.functions.run(p, func(o *orchestrator.Orchestrator) error { return do(o, &p.process) })
}

func (w *world) recoverBatch(s *shard, batch []kinesisRecord) error {
	if len(batch) == 0 {
		return nil
	}
	err := w.withOrchestrator(s, func(o *orchestrator.Orchestrator, p *process) error {
		return o.Land(p.ctx, streamName, s.id, recordsOf(s, batch))
	})
	if err != nil {
		return err
	}
	if w.operated { // objects may be gone, so that what lies in the raw zone does not say which records have a place
		return w.recoverAsCommand(s, batch)
	}
	there := w.ordinals()
	var run []kinesisRecord
	for i, r := range batch {
		landed := 0
		for _, u := range r.users {
			if _, ok := there[u.id()]; ok {
				landed++
			}
		}
		if landed == 0 {
			run = append(run, r)
		}
		if landed > 0 || i == len(batch)-1 {
			if err := w.append(s, run, 0); err != nil {
				return err
			}
			run = nil
		}
		if landed > 0 && landed < len(r.users) {
			if err := w.append(s, []kinesisRecord{r}, landed); err != nil {
				return err
			}
		}
	}
	return nil
}

// recoverAsCommand brings records as `snowstream replay failed` does: those without a place, or none where that cannot be told.
func (w *world) recoverAsCommand(s *shard, batch []kinesisRecord) error {
	p := w.functions.process("recover")
	p.begin(time.Hour)
	defer p.kill()
	w.mu.Unlock()
	defer w.mu.Lock()
	tools, err := w.repairer(&p).tools()
	if err == nil {
		_, err = tools.Append(p.ctx, s.id, batch[0].sequence, batch[len(batch)-1].sequence)
	}
	return err
}

// append lands a run of records at the shard's end. So many records inside the first one have landed.
func (w *world) append(s *shard, run []kinesisRecord, landed int) error {
	if len(run) == 0 {
		return nil
	}
	b := orchestrator.Batch{Stream: streamName, Shard: s.id, Source: "given up"}
	if landed > 0 {
		u, err := unpack.New(w.functions.schema)
		if err != nil {
			return err
		}
		b.Landed, b.Inside = int64(landed)-1, u.Cursor(nil).Numbering()
	}
	for _, r := range run {
		b.Records = append(b.Records, record.Record{
			Position: record.Position{Shard: s.id, Sequence: r.sequence}, PartitionKey: r.key, ArrivedAt: r.arrival, Data: r.data,
		})
		for _, u := range r.users[landed:] {
			u.appended = true
		}
		landed = 0
	}
	w.count(appended)
	err := w.withOrchestrator(s, func(o *orchestrator.Orchestrator, p *process) error {
		_, err := o.Append(p.ctx, b)
		return err
	})
	if errors.Is(err, orchestrator.ErrAhead) {
		w.find(broken, "append to %s: %v", s.id, err)
	}
	return err
}

// recordsOf are records as Kinesis gives them.
func recordsOf(s *shard, batch []kinesisRecord) (records []record.Record) {
	for _, r := range batch {
		records = append(records, record.Record{
			Position: record.Position{Shard: s.id, Sequence: r.sequence}, PartitionKey: r.key, ArrivedAt: r.arrival, Data: r.data,
		})
	}
	return records
}
