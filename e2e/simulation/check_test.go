package simulation

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// durable checks I6 when a batch has been reported as done: each of its records lies in the raw zone, as a row or in
// quarantine, and each row is in the streaming table.
func (w *world) durable(batch []kinesisRecord) {
	for _, r := range batch {
		for _, u := range r.users {
			switch id := u.id(); {
			case u.want == nil && !w.bucket.quarantined[id]:
				w.find(lost, "%s was reported as done and is not in quarantine", id)
			case u.want == nil:
			case !w.bucket.landed[id]:
				w.find(lost, "%s was reported as done and is not in the raw zone", id)
			case len(w.streaming.find(identity, w.streaming.keyOf(u))) == 0:
				w.find(lost, "%s was reported as done and is not in the streaming table", id)
			}
		}
	}
}

// identity are the columns that no two rows may share.
const identity = "_SHARD _SEQUENCE _SUBSEQUENCE"

func (t *table) keyOf(u *user) string {
	return row{"_SHARD": {text: u.shard}, "_SEQUENCE": {text: u.sequence}, "_SUBSEQUENCE": {text: fmt.Sprint(u.sub)}}.key(identity)
}

// check is the one checker: I1, I3, I4, I5, I7 over everything that was accepted, and the ledgers. With mended set,
// the records that the wider schema takes must be rows.
func (w *world) check(mended bool) {
	want := map[string]row{}
	for _, s := range w.stream.shards {
		for _, u := range s.users {
			if u.want != nil {
				want[u.id()] = u.want
			} else if mended && u.mended != nil {
				want[u.id()] = u.mended
			}
		}
	}
	w.checkTable("streaming table", w.streaming, want)
	w.checkTable("micro-batch table", w.pipe.table, want)
	w.checkOrder()
	w.checkQuarantine()
	for _, s := range w.stream.shards {
		w.checkLedger(s)
	}
}

func (w *world) checkTable(name string, t *table, want map[string]row) {
	seen := map[string]int{}
	for _, r := range t.rows {
		id := r.id()
		seen[id]++
		switch expected, known := want[id]; {
		case seen[id] > 1:
			w.find(doubled, "%s is in the %s %d times", id, name, seen[id])
		case !known:
			w.find(altered, "%s is in the %s and should not be", id, name)
		case r["_ORDINAL"] != expected["_ORDINAL"]:
			w.find(misordered, "%s has ordinal %s in the %s instead of %s", id, r["_ORDINAL"].text, name, expected["_ORDINAL"].text)
		case !maps.Equal(r, expected):
			w.find(altered, "%s in the %s is %v instead of %v", id, name, r, expected)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if seen[id] == 0 {
			w.find(lost, "%s is not in the %s", id, name)
		}
	}
}

// checkOrder checks I5 across shards as well: of one key, the streaming table got the rows in the order of acceptance.
// Rows that were replayed from quarantine come when they come.
func (w *world) checkOrder() {
	users := map[string]*user{}
	for _, s := range w.stream.shards {
		for _, u := range s.users {
			users[u.id()] = u
		}
	}
	last := map[string]int{}
	for _, r := range w.streaming.rows {
		u := users[r.id()]
		if u == nil || u.want == nil {
			continue
		}
		if u.number < last[u.key] {
			w.find(misordered, "%s of %s came behind a later record of its key", u.id(), u.key)
		}
		last[u.key] = u.number
	}
}

// checkQuarantine checks I7 and the second half of I1: what cannot become a row is in quarantine once, as it came.
func (w *world) checkQuarantine() {
	held := map[string][]record.Rejected{}
	for _, key := range w.bucket.keys(rawzone.Rows) {
		quarantine := w.bucket.objects[key].metadata["quarantine"]
		if quarantine == "" || strings.HasPrefix(key, rawzone.Replayed) {
			continue
		}
		rejected, err := rawzone.DecodeQuarantine(w.bucket.objects[quarantine].body)
		if err != nil || len(rejected) == 0 {
			w.find(lost, "%s names %s, which has %d records, %v", key, quarantine, len(rejected), err)
		}
		for _, r := range rejected {
			held[rejectedID(r)] = append(held[rejectedID(r)], r)
		}
	}
	for _, s := range w.stream.shards {
		for _, u := range s.users {
			w.checkRejected(u, held[u.id()])
			delete(held, u.id())
		}
	}
	for _, id := range slices.Sorted(maps.Keys(held)) {
		w.find(altered, "quarantine has %s, which nobody sent", id)
	}
}

func (w *world) checkRejected(u *user, held []record.Rejected) {
	switch {
	case u.want != nil && len(held) > 0:
		w.find(doubled, "%s is a row and in quarantine", u.id())
	case u.want != nil:
	case len(held) == 0:
		w.find(lost, "%s is not in quarantine", u.id())
	case len(held) > 1:
		w.find(doubled, "%s is in quarantine %d times", u.id(), len(held))
	case !bytes.Equal(held[0].Data, u.data), held[0].PartitionKey != u.key, !held[0].ArrivedAt.Equal(u.arrival), string(held[0].Reason.Code) != u.code:
		w.find(altered, "%s is in quarantine as something else, for %s instead of %s", u.id(), held[0].Reason.Code, u.code)
	case held[0].Ordinal != int64(u.ordinal):
		w.find(misordered, "%s has ordinal %d in quarantine instead of %d", u.id(), held[0].Ordinal, u.ordinal)
	}
}

// checkLedger checks that a shard's ledger says what has landed, if there is one.
func (w *world) checkLedger(s *shard) {
	key := rawzone.LedgerKey(streamName, s.id)
	o, there := w.bucket.objects[key]
	if !there {
		return // it was lost, and no batch has needed it since
	}
	l, err := rawzone.DecodeLedger(o.body, streamName, s.id)
	if err == nil && l.Ordinal == 0 {
		return // empty: whoever reads it looks at the objects
	}
	quarantined := int64(0)
	for _, u := range s.users {
		if u.want == nil {
			quarantined++
		}
	}
	if err != nil || l.Ordinal != int64(len(s.users)) || l.Records != int64(len(s.records)) || l.Quarantined != quarantined {
		w.find(broken, "ledger of %s says %d ordinals, %d records, %d quarantined of %d, %d, %d, %v",
			s.id, l.Ordinal, l.Records, l.Quarantined, len(s.users), len(s.records), quarantined, err)
	}
}

// state is a checksum over everything that lasts.
func (w *world) state() string {
	var b strings.Builder
	for _, key := range w.bucket.keys("") {
		fmt.Fprintln(&b, key, w.bucket.objects[key].etag)
	}
	fmt.Fprint(&b, w.streaming.sum(), len(w.streaming.rows), w.pipe.table.sum(), len(w.pipe.table.rows))
	return b.String()
}
