package simulation

import (
	"context"
	"testing"
	"time"

	"github.com/snowstream/snowstream/processing/rowpath"
	"github.com/snowstream/snowstream/record/rawzone"
)

// switched has people change how rows get into the table while records come. Each time they stop the mapping and wait until no
// function is at work any more, as docs/exactly-once.md asks of them. In the end rows go by the channel.
func (w *world) switched(seed uint64, commit rowpath.Commit) {
	w.byChannel(seed, commit)
	w.rates[functionKilledAfter] = max(w.rates[functionKilledAfter], 0.02)
	w.rates[writerReplaced] = 0                                           // nobody waits for a process that stands still for hours
	for _, f := range []fault{ledgerLost, ledgerDamaged, ledgerPutBack} { // which way rows went stands in the ledger alone
		w.rates[f] = 0
	}
	w.switching = true
}

// switches schedules the changes: from a moment to half an hour in between, so that some come before the ledger was written.
func (w *world) switches() {
	for range 2 + w.random.IntN(6) {
		w.later(w.between(time.Minute, 2*time.Hour), func() {
			w.switchTo(!w.merging)
			if w.pause(context.Background(), w.between(time.Second, 30*time.Minute)) == nil {
				w.switchTo(!w.merging)
			}
		})
	}
}

// switchTo changes the row path once nothing is at work.
func (w *world) switchTo(merging bool) {
	w.stopped++
	defer func() { w.stopped-- }()
	for w.functions.busy() {
		if w.pause(context.Background(), time.Minute) != nil {
			return
		}
	}
	w.count(rowPathChanged)
	w.step("rows are merged from now on: %v", merging)
	w.deploy(merging)
}

// deploy replaces the functions by some of another row path.
func (w *world) deploy(merging bool) {
	w.merging, w.functions.orchestrator, w.functions.upsert = merging, nil, nil
}

// mergedLast reports whether a shard's ledger says that its last rows were merged: what is not there of them is for the next batch.
func (w *world) mergedLast(shard string) bool {
	c := w.chain(shard)
	l, err := rawzone.DecodeLedger(w.bucket.objects[c.LedgerKey()].body, c)
	return err == nil && l.Channel != nil && l.Channel.Merged
}

// TestSimulationSwitched runs seeds in which the row path changes, by both ways to commit in turn.
func TestSimulationSwitched(t *testing.T) {
	many := *seeds
	if testing.Short() {
		many = min(many, 40)
	}
	var all tally
	for seed := *first; seed < *first+max(many/5, 1); seed++ {
		commit := rowpath.Deferred
		if seed%3 == 0 {
			commit = rowpath.Wait
		}
		if !all.add(t, seed, simulate(t, seed, printer(*steps), func(w *world) { w.switched(seed, commit) })) {
			return
		}
	}
	all.report(t, rowPathChanged, rowPathChanged+1, many >= 20)
}
