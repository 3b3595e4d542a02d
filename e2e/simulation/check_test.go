package simulation

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/snowstream/snowstream/processing/rowpath"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// durable checks I6 when a batch has been reported as done: each of its records lies in the raw zone, as a row or in
// quarantine, and each row is in the streaming table.
func (w *world) durable(batch []kinesisRecord) {
	for _, r := range batch {
		for _, u := range r.users {
			switch id := u.id(); {
			case u.skipped: // the ledger may have passed it
			case u.want == nil && !w.bucket.quarantined[id]:
				w.find(lost, "%s was reported as done and is not in quarantine", id)
			case u.want == nil:
			case u.refused != taken && w.bucket.quarantined[id]:
			case !w.bucket.landed[id]:
				w.find(lost, "%s was reported as done and is not in the raw zone", id)
			case w.service != nil && w.service.commit == rowpath.Deferred: // done is what the service has received
			case w.damaged: // a repair brings them back
			case w.service.late(id): // the sweep deals with what the service has rejected
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
// the records that the wider schema takes must be rows. Of what was given up, only records that nobody can read any more
// may be nowhere.
func (w *world) check(mended bool) {
	ordinals := w.ordinals()
	want := map[string]row{}
	withheld := w.withheld()
	for _, s := range w.stream.shards {
		for _, u := range s.users {
			expected := u.want
			if mended && u.want == nil {
				expected = u.mended
			}
			n, landed := ordinals[u.id()]
			if !landed && u.skipped && u.expired {
				continue
			}
			if !landed {
				w.find(lost, "%s is neither in an object of rows nor in quarantine", u.id())
			}
			if _, aside := withheld[u.id()]; aside && !mended && u.refused == never {
				expected = nil
			}
			if expected != nil {
				want[u.id()] = maps.Clone(expected)
				want[u.id()]["_ORDINAL"] = value{text: fmt.Sprint(n)}
				want[u.id()]["_GENERATION"] = w.generations[u.id()]
			}
		}
		w.checkOrdinals(s, ordinals)
	}
	may := map[string]bool{} // be absent: what was withheld and not brought yet
	for id := range withheld {
		may[id] = !mended
	}
	w.checkTable("streaming table", w.streaming, want, may)
	w.checkTable("micro-batch table", w.pipe.table, want, may)
	w.checkOrder()
	w.checkQuarantine(ordinals)
	w.checkWithheld(withheld, ordinals)
	for _, s := range w.stream.shards {
		w.checkLedger(s, ordinals)
	}
}

// ordinals are those of all records that lie in the raw zone, as rows or in a quarantine object that counts.
func (w *world) ordinals() map[string]int64 {
	out := map[string]int64{}
	w.generations = map[string]value{}
	late := map[string]bool{}
	for _, key := range w.bucket.rows() {
		o := w.bucket.at(key)
		rows, err := readRows(key, o.body)
		if err != nil {
			continue // it was found when it was written
		}
		for _, r := range rows {
			n := r.ordinal()
			w.generations[r.id()] = r["_GENERATION"]
			late[r.id()] = strings.HasPrefix(key, rawzone.Rows+"recovered/")
			if old, twice := out[r.id()]; twice && !strings.HasPrefix(key, rawzone.Replayed) {
				w.find(doubled, "%s lies in the raw zone twice, as %d and %d", r.id(), old, n)
			}
			out[r.id()] = n
		}
	}
	for _, key := range w.bucket.rows() {
		rejected, _ := rawzone.DecodeQuarantine(w.bucket.objects[w.bucket.at(key).metadata["quarantine"]].body)
		for _, r := range rejected {
			if old, there := out[rejectedID(r)]; there && old != r.Ordinal {
				w.find(misordered, "%s was in quarantine as %d and is a row as %d", rejectedID(r), r.Ordinal, old)
			}
			out[rejectedID(r)] = r.Ordinal
			late[rejectedID(r)] = strings.HasPrefix(key, rawzone.Rows+"recovered/")
		}
	}
	for _, s := range w.stream.shards {
		for _, u := range s.users {
			if u.appended = u.appended || late[u.id()]; late[u.id()] && !u.skipped {
				w.find(misordered, "%s was appended, and nobody had given it up", u.id())
			}
		}
	}
	return out
}

// checkOrdinals checks that what has landed of a shard is numbered without a gap, in the order of acceptance, with what
// was appended later behind it.
func (w *world) checkOrdinals(s *shard, ordinals map[string]int64) {
	first := base(s.id) + 1
	seen := map[int64]string{}
	last := int64(0)
	for _, u := range s.users {
		n, landed := ordinals[u.id()]
		if !landed {
			continue
		}
		if other := seen[n]; other != "" {
			w.find(misordered, "%s and %s both have ordinal %d", other, u.id(), n)
		}
		if seen[n] = u.id(); u.appended {
			continue
		}
		if n < last {
			w.find(misordered, "%s has ordinal %d behind %d", u.id(), n, last)
		}
		last = n
	}
	for n := first; n < first+int64(len(seen)); n++ {
		if seen[n] == "" {
			w.find(misordered, "%s has %d records that landed and none with ordinal %d", s.id, len(seen), n)
			return
		}
	}
}

// base is what the first ordinal of a shard is one more than.
func base(shard string) int64 {
	var n int64
	_, _ = fmt.Sscanf(shard, "shardId-%d", &n)
	return n * 1e13
}

func (w *world) checkTable(name string, t *table, want map[string]row, may map[string]bool) {
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
		if seen[id] == 0 && !may[id] {
			w.find(lost, "%s is not in the %s", id, name)
		}
	}
}

// checkOrder checks I5 across shards as well: of one key, the ordinals alone say in which order the rows were accepted, in
// both tables, and the streaming table got them in that order. Rows that were replayed from quarantine come when they
// come, and what was given up and brought again has later ordinals. So do rows that the service rejected and a MERGE repaired,
// and a shard's rows that are done before they are committed may be overtaken by those of its child: there the ordinals alone
// tell.
func (w *world) checkOrder() {
	users := map[string]*user{}
	for _, s := range w.stream.shards {
		for _, u := range s.users {
			users[u.id()] = u
		}
	}
	sent := func(r row) *user {
		if u := users[r.id()]; u != nil && !u.appended {
			return u
		}
		return nil
	}
	committed := map[string]int{}
	came := w.streaming.rows
	if w.operated {
		came = nil // when a row came says nothing
	}
	for _, r := range came {
		u := sent(r)
		if u == nil || u.want == nil || u.skipped || u.refused != taken || w.service.late(u.id()) {
			continue
		}
		if u.number < committed[w.service.ordered(r, u.key)] {
			w.find(misordered, "%s of %s came behind a later record of its key", u.id(), u.key)
		}
		committed[w.service.ordered(r, u.key)] = u.number
	}
	for _, t := range []*table{w.streaming, w.pipe.table} {
		last := map[string]int{}
		for _, r := range slices.SortedStableFunc(slices.Values(t.rows), func(a, b row) int { return cmp.Compare(a.ordinal(), b.ordinal()) }) {
			u := sent(r)
			if u == nil {
				continue
			}
			if u.number < last[u.key] {
				w.find(misordered, "%s of %s has a higher ordinal than a later record of its key", u.id(), u.key)
			}
			last[u.key] = u.number
		}
	}
}

// checkQuarantine checks I7 and the second half of I1: what cannot become a row is in quarantine once, as it came.
func (w *world) checkQuarantine(ordinals map[string]int64) {
	held := map[string][]record.Rejected{}
	for _, key := range w.bucket.rows() {
		quarantine := w.bucket.at(key).metadata["quarantine"]
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
			w.checkRejected(u, held[u.id()], ordinals)
			delete(held, u.id())
		}
	}
	for _, id := range slices.Sorted(maps.Keys(held)) {
		w.find(altered, "quarantine has %s, which nobody sent", id)
	}
}

func (w *world) checkRejected(u *user, held []record.Rejected, ordinals map[string]int64) {
	n, landed := ordinals[u.id()]
	switch {
	case u.want != nil && len(held) > 0:
		w.find(doubled, "%s is a row and in quarantine", u.id())
	case u.want != nil:
	case len(held) == 0:
		if landed || !u.skipped {
			w.find(lost, "%s is not in quarantine", u.id())
		}
	case len(held) > 1:
		w.find(doubled, "%s is in quarantine %d times", u.id(), len(held))
	case !bytes.Equal(held[0].Data, u.data), held[0].PartitionKey != u.key, !held[0].ArrivedAt.Equal(u.arrival), string(held[0].Reason.Code) != u.code:
		w.find(altered, "%s is in quarantine as something else, for %s instead of %s", u.id(), held[0].Reason.Code, u.code)
	case held[0].Ordinal != n:
		w.find(misordered, "%s has ordinal %d in quarantine instead of %d", u.id(), held[0].Ordinal, n)
	}
}

// checkLedger checks that a shard's ledger says what has landed, if there is one.
func (w *world) checkLedger(s *shard, ordinals map[string]int64) {
	key := w.chain(s.id).LedgerKey()
	o, there := w.bucket.objects[key]
	if !there {
		return // it was lost, and no batch has needed it since
	}
	l, err := rawzone.DecodeLedger(o.body, w.chain(s.id))
	if err == nil && l.Empty() {
		return // whoever reads it looks at the objects
	}
	if open, there := w.bucket.objects[l.Open]; there && open.metadata["void"] == "" {
		number := func(name string) int64 {
			n, _ := strconv.ParseInt(open.metadata[name], 10, 64)
			return n
		}
		l.Ordinal, l.Records, l.Quarantined = number("last-ordinal"), number("total-records"), number("total-quarantine")
	}
	withheld := w.withheld()
	l.Quarantined += w.waiting(l) + w.late(w.chain(s.id))
	var users, records, quarantined int64
	for _, r := range s.records {
		if _, landed := ordinals[r.users[0].id()]; !landed {
			continue
		}
		records++
		for _, u := range r.users {
			users++
			if _, aside := withheld[u.id()]; aside || u.want == nil {
				quarantined++
			}
		}
	}
	if err != nil || l.Ordinal != base(s.id)+users || l.Records != records || l.Quarantined != quarantined {
		w.find(broken, "ledger of %s says %d ordinals, %d records, %d quarantined of %d, %d, %d, %v",
			s.id, l.Ordinal, l.Records, l.Quarantined, users, records, quarantined, err)
	}
}

// state is a checksum over everything that lasts.
func (w *world) state() string {
	var b strings.Builder
	for _, key := range w.bucket.keys("") {
		if !strings.HasPrefix(key, rawzone.Ledgers) && !strings.HasPrefix(key, rawzone.Rejected) { // checkLedger sees to what these say
			fmt.Fprintln(&b, key, w.bucket.objects[key].etag)
		}
	}
	fmt.Fprint(&b, w.streaming.sum(), len(w.streaming.rows), w.pipe.table.sum(), len(w.pipe.table.rows))
	return b.String()
}
