package simulation

import (
	"bytes"
	"strings"
	"time"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// refusal says how both tables take a row.
type refusal int

const (
	taken refusal = iota
	never
	forATime
)

// The ends of a status that is too long for its column.
const (
	neverEnd    = " (too long)"
	forATimeEnd = " (long)"
)

// lengthen gives a record a status that the tables do not take, or not always.
func (w *world) lengthen(u *user, f fields, how refusal) {
	u.refused = how
	text := f.want["STATUS"].text + map[refusal]string{never: neverEnd, forATime: forATimeEnd}[how]
	f.want["STATUS"] = value{text: text}
	for i, m := range f.members {
		if strings.HasPrefix(m, `"status":`) {
			f.members[i] = `"status":` + quoted(text)
		}
	}
	u.data = f.json()
}

// refuses is what the tables' columns do at this moment.
func (w *world) refuses(r row) bool {
	status := r["STATUS"].text
	return !w.widened && (strings.HasSuffix(status, neverEnd) || w.narrow && strings.HasSuffix(status, forATimeEnd))
}

// alterTables makes the column shorter and wider a few times.
func (w *world) alterTables() {
	if w.rates[rowRefusedForATime] == 0 {
		return
	}
	at := time.Duration(0)
	for i := range 2 * (1 + w.random.IntN(3)) {
		at += w.between(time.Second, 20*time.Minute)
		w.later(at, func() { w.narrow = i%2 == 0 })
	}
}

// withheld are the records that were put aside, and what was written of each.
func (w *world) withheld() map[string][]record.Rejected {
	out := map[string][]record.Rejected{}
	for _, key := range w.bucket.keys(rawzone.Quarantine) {
		if !rawzone.IsWithheld(key) {
			continue
		}
		rejected, err := rawzone.DecodeQuarantine(w.bucket.objects[key].body)
		if err != nil {
			w.find(broken, "%s: %v", key, err)
		}
		for _, r := range rejected {
			out[rejectedID(r)] = append(out[rejectedID(r)], r)
		}
	}
	return out
}

// waiting is how many rows of a ledger's open object were put aside: the ledger does not count them yet.
func (w *world) waiting(l rawzone.Ledger) (n int64) {
	o, there := w.bucket.objects[l.Open]
	if !there || o.metadata["void"] != "" || l.Withheld == "" {
		return 0
	}
	for _, key := range w.bucket.keys(rawzone.Quarantine) {
		if rawzone.IsWithheld(key) && !rawzone.IsLate(key) && w.bucket.objects[key].metadata["object"] == l.Open {
			rejected, _ := rawzone.DecodeQuarantine(w.bucket.objects[key].body)
			n += int64(len(rejected))
		}
	}
	return n
}

// late is how many rows of a chain were put aside after its ledger had gone on, as it is written down; it must be what there is.
func (w *world) late(c rawzone.Chain) int64 {
	o, there := w.bucket.objects[c.RejectionsKey()]
	if !there {
		return 0
	}
	r, err := rawzone.DecodeRejections(o.body, c)
	var rows int64
	for _, key := range w.bucket.keys(c.Quarantined()) {
		if rawzone.IsLate(key) {
			rejected, _ := rawzone.DecodeQuarantine(w.bucket.objects[key].body)
			rows += int64(len(rejected))
		}
	}
	if err != nil || r.Open == "" && r.Withheld != rows {
		w.find(broken, "%s says %d rows were put aside late, of %d, %v", c.RejectionsKey(), r.Withheld, rows, err)
	}
	return rows
}

// checkWithheld: only rows that the tables refuse were put aside, each once, as it came.
func (w *world) checkWithheld(withheld map[string][]record.Rejected, ordinals map[string]int64) {
	for _, s := range w.stream.shards {
		for _, u := range s.users {
			held := withheld[u.id()]
			delete(withheld, u.id())
			switch {
			case len(held) == 0:
			case u.refused == taken:
				w.find(altered, "%s was withheld, and the tables take it", u.id())
			case len(held) > 1:
				w.find(doubled, "%s was withheld %d times", u.id(), len(held))
			case held[0].Row == nil && (!bytes.Equal(held[0].Data, u.data) || held[0].PartitionKey != u.key), held[0].Row != nil && held[0].Data != nil,
				!held[0].ArrivedAt.Equal(u.arrival), held[0].Reason.Code != record.RefusedByDestination, held[0].Reason.Number != 100078:
				w.find(altered, "%s was withheld as something else, for %v", u.id(), held[0].Reason)
			case held[0].Ordinal != ordinals[u.id()]:
				w.find(misordered, "%s was withheld with ordinal %d instead of %d", u.id(), held[0].Ordinal, ordinals[u.id()])
			case held[0].Row != nil:
				rows, err := readCSV(held[0].Row)
				if err != nil || len(rows) != 1 || rows[0]["STATUS"] != u.want["STATUS"] || rows[0].id() != u.id() {
					w.find(altered, "%s was withheld as another row, %v", u.id(), err)
				}
			}
		}
	}
	for id := range withheld {
		w.find(altered, "%s was withheld, and nobody sent it", id)
	}
}

// repair is what the audit's repair, and its replay after a `quarantine replay`, do to the micro-batch table: rows that the
// pipe has left out of an object, and that are not withheld, are merged into it. The pipe has dealt with the object, so it
// will not bring them itself.
func (w *world) repair() {
	withheld := w.withheld()
	for _, key := range w.bucket.keys(rawzone.Lifted) {
		_, ordinal, _ := rawzone.LiftedOrdinal(key)
		for id, held := range withheld {
			if held[0].Ordinal == ordinal {
				delete(withheld, id)
			}
		}
	}
	left := w.pipe.leftOut
	w.pipe.leftOut = nil
	for _, r := range left {
		if _, aside := withheld[r.id()]; aside || w.refuses(r) {
			w.pipe.leftOut = append(w.pipe.leftOut, r)
		} else if len(w.pipe.table.find(identity, r.key(identity))) == 0 {
			w.pipe.table.insert(r)
		}
	}
}
