package dashboard

import (
	"context"
	"time"
)

// Source sees how far records have come.
type Source interface {
	// Look returns soon and costs about the same however much has landed. It is called by one goroutine.
	Look(ctx context.Context) (Look, error)
	// Payload returns the bytes of a quarantined record by the id that a Look gave; [ErrUnknown] if it is not among the
	// last ones. Any goroutine may call it.
	Payload(ctx context.Context, id string) ([]byte, error)
}

// Look is what is there at one moment.
type Look struct {
	// Accepted records lie in the stream, Landed ones in the raw zone or in quarantine. Rejected ones could not become
	// rows; Quarantined are those of them that were not replayed since.
	Accepted, Landed, Rejected, Quarantined int64
	// Orchestrator and Upsert are the two functions.
	Orchestrator, Upsert Function
	// Objects lie in the raw zone.
	Objects int64
	// Streaming and Microbatch are the two tables.
	Streaming, Microbatch Table
	// Shards in any order. Retired ones are closed, and sealed to their ends: they count in the sums above, and are only a number.
	Shards  []Shard
	Retired int
	Pipe    Pipe
	// RowPath is zero where rows are merged.
	RowPath RowPath
	// Files were loaded last, newest first; Rejects were quarantined last, newest first.
	Files   []File
	Rejects []Reject
	// Problem says which part of the above is old, and why, or what the stack itself suffers from; empty if nothing is wrong.
	Problem string
}

// Function is one function of the pipeline.
type Function struct {
	// Batches were given to it, of which Errors failed and were tried again. A source that cannot know Errors says 0.
	Batches, Errors int64
}

// Table is one table.
type Table struct {
	Rows int64
	// P50 and P99 are the seconds from a record's arrival to a visible row, over the last half minute; nil if none came.
	P50, P99 *float64
	// Latency counts all rows that were seen to become visible, by seconds.
	Latency Distribution
}

// Distribution is a cumulative histogram.
type Distribution struct {
	// Below counts what is at most as long as the key, in seconds.
	Below map[float64]uint64
	Count uint64
	Sum   float64
}

// Shard is one shard of the stream.
type Shard struct {
	ID string `json:"id"`
	// Waiting records have not landed, the oldest of them for Lag seconds.
	Waiting  int64   `json:"waiting"`
	Lag      float64 `json:"lag_s"`
	Accepted int64   `json:"accepted"`
	// State is open or closed.
	State string `json:"state"`
}

// Pipe is the pipe of the raw zone.
type Pipe struct {
	// State is RUNNING when all is well.
	State   string
	Pending int64
	// Loaded and Failed count the files that it was seen to load and to refuse.
	Loaded, Failed int64
}

// RowPath is how far rows are that go by Snowpipe Streaming.
type RowPath struct {
	// Uncommitted counts the ordinals that the service has received and that are not visible yet, which is no fault. Rejected
	// counts the rows that it did not take in the lives of the shards' channels. Unknown counts shards that could not be asked.
	Uncommitted, Rejected int64
	Unknown               int
}

// File is one that the pipe has dealt with.
type File struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	Status string `json:"status"`
	// Loaded is in Unix milliseconds.
	Loaded int64 `json:"loaded"`
	// Error says where a refused file is wrong, and never quotes it.
	Error string `json:"error"`
}

// Reject is a record in quarantine, without its payload.
type Reject struct {
	ID       string `json:"id"`
	Shard    string `json:"shard"`
	Sequence string `json:"sequence"`
	Ordinal  int64  `json:"ordinal"`
	// Arrived is in Unix milliseconds.
	Arrived  int64  `json:"arrived"`
	Reason   string `json:"reason"`
	Field    string `json:"field"`
	Expected string `json:"expected"`
	Bytes    int    `json:"bytes"`
}

// Audit is a verdict.
type Audit struct {
	// At is when it was reached, in Unix milliseconds; 0 before the first one.
	At          int64 `json:"at"`
	OK          bool  `json:"ok"`
	Running     bool  `json:"running"`
	Accepted    int64 `json:"accepted"`
	Streaming   int64 `json:"streaming"`
	Microbatch  int64 `json:"microbatch"`
	Quarantined int64 `json:"quarantined"`
	Missing     int64 `json:"missing"`
	Doubled     int64 `json:"doubled"`
	Different   int64 `json:"different"`
	// Note says what the verdict does not cover, such as records on their way.
	Note string `json:"note"`
	// Cost is how long the tables were kept busy.
	Cost time.Duration `json:"-"`
}

// Producer is a data generator that runs in this process. All methods may be called at any time; an error is one of the
// caller's text.
type Producer interface {
	Status() ProducerStatus
	SetRate(recordsPerSecond float64) error
	Pause(paused bool) error
	SetShape(shape string) error
	SetTemplate(template string) error
}

// ProducerStatus is what the generator does. Rate is filled in by the server.
type ProducerStatus struct {
	// Target is what the load asks for, in records per second, 0 without limit; Rate is what is achieved.
	Target    float64 `json:"target"`
	Rate      float64 `json:"rate"`
	Paused    bool    `json:"paused"`
	Shape     string  `json:"shape"`
	Template  string  `json:"template"`
	Accepted  int64   `json:"accepted"`
	Throttled int64   `json:"throttled"`
	Failed    int64   `json:"failed"`
}

// Check is what is wrong with a template, and five records that it makes.
type Check struct {
	OK      bool      `json:"ok"`
	Errors  []Finding `json:"errors"`
	Lints   []Finding `json:"lints"`
	Samples []string  `json:"samples"`
}

// Finding is at a line and column from 1, or about the whole if both are 0.
type Finding struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// Break is something that can be broken on purpose.
type Break struct {
	// ID is a part of a path, Name and Description are for people, Box is the box that it hits.
	ID, Name, Description, Box string
	// Run breaks it for about that time and mends it. It returns when all is whole again, soon after ctx ends.
	Run func(ctx context.Context, length time.Duration) error
}
