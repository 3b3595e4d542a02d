package audit

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Lake is the raw zone; see processing/datalake.
type Lake interface {
	// Entries yields each key under a prefix, in order, with the time of its last write.
	Entries(ctx context.Context, prefix string, yield func(key string, modified time.Time) error) error
	// EntriesAfter is Entries for the keys behind one, which need not be there. Yield ends it with fs.SkipAll.
	EntriesAfter(ctx context.Context, prefix, after string, yield func(key string, modified time.Time) error) error
	Metadata(ctx context.Context, key string) (map[string]string, error)
	// Read returns an object's rows, unpacked; those that cannot be are rawzone.ErrDamaged.
	Read(ctx context.Context, key string) ([]byte, error)
	// Create writes an object unless one of that name is there, and returns when it is durable.
	Create(ctx context.Context, key string, text []byte, metadata map[string]string) (created bool, err error)
	// Restore replaces an object of rows, Quarantine one of rejected records, Copy makes a new object of one that is
	// there, with more metadata. Only Repair and Undo call them.
	Restore(ctx context.Context, key string, csv []byte, metadata map[string]string) error
	Quarantine(ctx context.Context, key, object string, ndjson []byte) error
	Copy(ctx context.Context, from, to string, note map[string]string) error
	// Seals are what earlier audits have proved, and the version that Seal replaces; of two that replace it, one is refused.
	Seals(ctx context.Context, stream string) (seals rawzone.Seals, version string, err error)
	Seal(ctx context.Context, version string, next rawzone.Seals) (now string, err error)
	// RowsOf yields all objects of rows of a stream, in the order of their names.
	RowsOf(ctx context.Context, stream string, yield func(key string, modified time.Time) error) error
	// Unsealed yields the objects that landed in their turn, behind the ordinal that is said of their chain, in any order. None
	// is wanted of a chain of which math.MaxInt64 is said.
	Unsealed(ctx context.Context, stream string, behind func(rawzone.Chain) int64, yield func(key string, modified time.Time) error) error
	// Expires reports whether a lifecycle rule goes by the tag of sealed objects, which Tag sets.
	Expires(ctx context.Context) (bool, error)
	Tag(ctx context.Context, key string) error
}

// Reader reads the stream; see listener.
type Reader interface {
	// Read yields a shard's records behind a sequence number, or all that it still has, in order and to its present end.
	Read(ctx context.Context, shard, after string, yield func([]record.Record) error) error
	// Range yields those from one sequence number to another, both included, as far as they are there.
	Range(ctx context.Context, shard, first, last string, yield func([]record.Record) error) error
}

// Config is what an audit works with. It does not matter where any of it runs.
type Config struct {
	Session Session
	Names   schema.Names
	Schema  record.Schema
	Lake    Lake
	// Stream is the stream's name.
	Stream string
	// Reader reads the stream; nil leaves the stream out.
	Reader Reader
	// Retention says when the stream's records expire; zero leaves out what expired before it was read.
	Retention Retention
	// Landed says what every shard that ever had records should hold, these among them. Of a shard with a seal, only what is
	// behind it counts of quarantine. It is asked before the tables are, and once more with the shards that only the raw zone
	// knows.
	Landed func(ctx context.Context, these []string, sealed rawzone.Seals) (map[string]Landed, error)
	// FromScratch compares what seals cover, too, as far as its objects are there.
	FromScratch bool
	// Grace is how old an object must be for a row that the micro-batch table lacks to count as missing.
	Grace time.Duration
	// Deep compares every object of the raw zone with the tables, not only those that look changed.
	Deep bool
	// Limit bounds the listed findings; the counts are always of all. 0 is DefaultLimit.
	Limit int
}

// DefaultLimit is how many findings are listed.
const DefaultLimit = 100

// Tally is the sum of one shard. Missing, Doubled, Altered and Foreign add up the findings of both tables and of the
// raw zone, so a record that both tables lack counts twice.
type Tally struct {
	Shard string `json:"shard"`
	// Accepted records are those that landed and those that wait in the stream, as far as it was asked.
	Accepted int64 `json:"accepted"`
	Landed   int64 `json:"landed"`
	// Quarantined records have no row.
	Quarantined int64 `json:"quarantined"`
	// Streaming and Microbatch count rows.
	Streaming  int64 `json:"streaming"`
	Microbatch int64 `json:"microbatch"`
	// Pending rows have young objects; see Pending.
	Pending int64 `json:"pending"`
	Missing int64 `json:"missing"`
	Doubled int64 `json:"doubled"`
	Altered int64 `json:"altered"`
	Foreign int64 `json:"foreign"`
}

// Cost is what an audit has used.
type Cost struct {
	// Queries were sent to the warehouse and gave Rows, aggregates included.
	Queries int64 `json:"queries"`
	Rows    int64 `json:"rows"`
	// Objects were listed, Reads of objects or their metadata made, Records read from the stream.
	Objects int64 `json:"objects_listed"`
	Reads   int64 `json:"object_reads"`
	Records int64 `json:"stream_records"`
}

// Proof is the result of an audit.
type Proof struct {
	OK     bool    `json:"ok"`
	Stream string  `json:"stream"`
	Shards []Tally `json:"shards"`
	// Findings are the first Limit of them, More is how many there are besides.
	Findings []Finding `json:"findings"`
	More     int       `json:"more_findings"`
	// Sealed is what earlier audits had proved, and how it was looked at; nil if nothing was.
	Sealed *Sealed `json:"sealed,omitempty"`
	// Earlier are the rows of other generations; they are counted, and nothing else.
	Earlier []Earlier `json:"earlier,omitempty"`
	Cost    Cost      `json:"cost"`
}

// Total adds up all shards, retired ones included.
func (p Proof) Total() (t Tally) {
	for _, s := range p.Shards {
		t.add(s)
	}
	if p.Sealed != nil {
		t.add(p.Sealed.Closed)
	}
	return t
}

func (t *Tally) add(s Tally) {
	t.Accepted += s.Accepted
	t.Landed += s.Landed
	t.Quarantined += s.Quarantined
	t.Streaming += s.Streaming
	t.Microbatch += s.Microbatch
	t.Pending += s.Pending
	t.Missing += s.Missing
	t.Doubled += s.Doubled
	t.Altered += s.Altered
	t.Foreign += s.Foreign
}

// Auditor audits one stream. It is used by one goroutine.
type Auditor struct {
	c       Config
	cost    Cost
	replays map[string][]object // objects of replayed rows, by rawzone.ReplayPrefix
	shards  map[string]*shard
	// found is all that the last audit found.
	found []Finding
	// leaves counts the runs whose rows were fetched.
	leaves int
	// strange are the shards that only the raw zone knows.
	strange map[string]bool
	// broken are the objects that cannot be read, by key; trouble counts those of which the object is not to blame.
	broken  map[string]Finding
	trouble int
	// now are the generations that the ledgers number, as SQL literals; earlier are the others.
	now     string
	earlier []Earlier
	// seals are what earlier audits have proved, as they lay in the bucket with a version when the audit began; opened are the
	// shards whose seals are not believed any more, and covered is what was compared with seals.
	seals   rawzone.Seals
	version string
	began   time.Time
	opened  map[string]bool
	off     map[string][2]bool
	covered Sealed
}

// New returns an auditor.
func New(c Config) *Auditor {
	if c.Limit == 0 {
		c.Limit = DefaultLimit
	}
	return &Auditor{c: c}
}

// Audit compares both tables with the ledgers, with one another, with the raw zone and with the stream.
//
// Where nothing is wrong this takes two queries that read the tables, a listing of the raw zone, and one read of
// what the stream retains. Where a shard is off, its ordinals are cut into 256 pieces, of which only those that
// differ are looked at further, down to 4096 rows; at most 256 such runs are fetched, and what lies beyond is counted.
func (a *Auditor) Audit(ctx context.Context) (Proof, error) {
	var err error
	if a.found, err = a.audit(ctx); err != nil {
		return Proof{}, err
	}
	return a.proof(ctx, a.found)
}

// audit returns all findings.
func (a *Auditor) audit(ctx context.Context) ([]Finding, error) {
	a.cost, a.strange = Cost{}, nil
	counted, err := [2]map[group]aggregate{}, a.readSeals(ctx)
	for again := true; again && err == nil; { // a shard is opened once, and the raw zone's strange ones are known then
		strange, opened := len(a.strange), len(a.opened)
		counted, err = a.look(ctx)
		again = len(a.strange) > strange || len(a.opened) > opened
	}
	if err != nil {
		return nil, err
	}
	landed := slices.Sorted(maps.Keys(a.shards))
	all, err := a.foreign(ctx, counted)
	if err != nil {
		return nil, err
	}
	for _, id := range landed {
		found, err := a.shard(ctx, a.shards[id], counted)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	for _, key := range slices.Sorted(maps.Keys(a.broken)) {
		all = append(all, a.broken[key])
	}
	a.add(all)
	return all, nil
}

// look counts the tables and lists the raw zone. Shards of which only that knows are remembered in strange: their ledgers
// are lost, and the stream has forgotten them.
func (a *Auditor) look(ctx context.Context) (counted [2]map[group]aggregate, err error) {
	if err := a.begin(ctx); err != nil {
		return counted, err
	}
	var earlier [2]map[string]int64
	for i, place := range tables() {
		if counted[i], earlier[i], err = a.whole(ctx, place, a.shards); err != nil {
			return counted, err
		}
	}
	a.apart(earlier)
	if err := a.compareSeals(ctx); err != nil {
		return counted, err
	}
	return counted, a.list(ctx, counted) // after the tables: each row that they have is in an object by now
}

// begin reads how far the shards have landed.
func (a *Auditor) begin(ctx context.Context) error {
	a.leaves, a.trouble, a.shards, a.broken = 0, 0, map[string]*shard{}, map[string]Finding{}
	landed, err := a.c.Landed(ctx, slices.Sorted(maps.Keys(a.strange)), a.believed())
	for id, l := range landed {
		a.shards[id] = newShard(id, l)
		a.cover(a.shards[id])
		for _, b := range l.Broken {
			if err := a.tolerate(ctx, a.shards[id], b.Key, b.Err); err != nil {
				return err
			}
		}
	}
	a.number()
	return err
}

// shard does all checks of one shard.
func (a *Auditor) shard(ctx context.Context, s *shard, counted [2]map[group]aggregate) (all []Finding, err error) {
	inside := group{shard: s.id}
	streaming, microbatch := counted[0][inside], counted[1][inside]
	s.tally.Streaming, s.tally.Microbatch = streaming.rows, microbatch.rows
	if s.seal != nil {
		s.tally.Streaming, s.tally.Microbatch = s.tally.Streaming+s.seal.Rows, s.tally.Microbatch+s.seal.Rows
	}
	if all, err = a.examine(ctx, s, s.from(), s.Ledger.Ordinal, streaming, microbatch); err != nil {
		return nil, err
	}
	for i, g := range []aggregate{streaming, microbatch} {
		if g.identities < g.ordinals {
			found, err := a.repeated(ctx, tables()[i], s)
			if err != nil {
				return nil, err
			}
			all = append(all, slices.DeleteFunc(found, func(f Finding) bool { return explained(all, f) })...)
		}
	}
	for _, check := range []func(context.Context, *shard) ([]Finding, error){a.lost, a.unquarantined, a.objects, a.stream, a.expired} {
		found, err := check(ctx, s)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if f.Note == alteredNote { // the stream says that the object is right, whenever it was written
				all = slices.DeleteFunc(all, func(o Finding) bool {
					return o.Kind == Altered && o.Place == RawZone && f.First <= o.First && o.Last <= f.Last
				})
			}
		}
		all = append(all, slices.DeleteFunc(found, func(f Finding) bool { return f.Note == alteredNote && known(all, f) })...)
	}
	all = append(all, s.clashes...)
	return a.alike(ctx, s, all)
}

// known reports whether a finding from the stream is one from the raw zone already.
func known(all []Finding, f Finding) bool {
	return slices.ContainsFunc(all, func(o Finding) bool {
		return o.Kind == f.Kind && o.Place == f.Place && o.First <= f.First && f.Last <= o.Last
	})
}

// explained reports whether a repeated record stands where something else is wrong already: then that row is the fault,
// and the raw zone has the record once.
func explained(all []Finding, repeated Finding) bool {
	return slices.ContainsFunc(all, func(f Finding) bool {
		in := func(ordinal int64) bool { return f.First <= ordinal && ordinal <= f.Last }
		return f.Place == repeated.Place && (f.Kind == Altered || f.Kind == Foreign) && (in(repeated.First) || in(repeated.Last))
	})
}

// add counts findings in their shards' tallies.
func (a *Auditor) add(all []Finding) {
	for _, f := range all {
		s := a.shards[f.Shard]
		if s == nil {
			s = newShard(f.Shard, Landed{})
			a.shards[f.Shard] = s
		}
		switch f.Kind {
		case Missing:
			s.tally.Missing += f.Count
		case Doubled:
			s.tally.Doubled += f.Count
		case Altered:
			s.tally.Altered += f.Count
		case Foreign:
			s.tally.Foreign += f.Count
		case Pending:
			s.tally.Pending += f.Count
		}
	}
}

// proof bounds the findings and names their sequence numbers.
func (a *Auditor) proof(ctx context.Context, all []Finding) (Proof, error) {
	p := Proof{OK: true, Stream: a.c.Stream, Findings: []Finding{}, Shards: []Tally{}, Earlier: a.earlier}
	a.tell(&p)
	faults := slices.DeleteFunc(slices.Clone(all), func(f Finding) bool { return f.Kind == Pending })
	p.OK = len(faults) == 0
	for _, f := range all {
		if f.Kind == Pending {
			faults = append(faults, f) // last: it is no fault
		}
	}
	p.Findings = append(p.Findings, faults[:min(len(faults), a.c.Limit)]...)
	p.More = len(all) - len(p.Findings)
	for i := range p.Findings {
		if err := a.name(ctx, &p.Findings[i]); err != nil {
			return Proof{}, err
		}
	}
	p.Cost = a.cost
	return p, nil
}

// name looks the sequence numbers of a finding up in the raw zone, where no table has told them.
func (a *Auditor) name(ctx context.Context, f *Finding) error {
	s := a.shards[f.Shard]
	if f.First < 1 || f.FirstSequence != "" && f.LastSequence != "" {
		return nil
	}
	if s == nil {
		return nil
	}
	rows, err := a.raw(ctx, s, []int64{f.First, f.Last})
	if err == nil {
		f.FirstSequence, f.LastSequence = cmp.Or(f.FirstSequence, rows[f.First].Sequence), cmp.Or(f.LastSequence, rows[f.Last].Sequence)
	}
	return err
}
