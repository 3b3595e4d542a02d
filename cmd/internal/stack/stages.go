package stack

import (
	"strings"
	"sync"
	"time"

	"github.com/snowstream/snowstream/landing/latency"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Stage is where time goes on the way of a record. A stage that lies inside another one is also part of that one's time.
type Stage string

// The stages in their order. StageRead and StageGather are counted for each record, the others for each call.
const (
	// StageRead is from a record's arrival in Kinesis until the event source mapping has it.
	StageRead Stage = "read"
	// StageGather is from there until its batch is handed over.
	StageGather Stage = "gather"
	// StageOrchestrate is SnowflakeOrchestrator, from the hand-over to its answer.
	StageOrchestrate Stage = "orchestrate"
	// StageObject is the raw zone's object, in StageOrchestrate: received and flushed.
	StageObject Stage = "object"
	// StageLedger is the shard's ledger, in StageOrchestrate.
	StageLedger Stage = "ledger"
	// StageHandOver is SnowflakeUpsert, in StageOrchestrate.
	StageHandOver Stage = "hand_over"
	// StageMerge is the MERGE into the streaming table, in StageHandOver: with its end the rows are visible.
	StageMerge Stage = "merge"
	// StageCommit is a commit of rows that came by Snowpipe Streaming: with its end they are visible.
	StageCommit Stage = "commit"
	// StageLoad is a transaction of the pipe, for any number of objects.
	StageLoad Stage = "load"
)

// Budget is what a stage took, in seconds.
type Budget struct {
	Mean *float64 `json:"mean_s"`
	P99  *float64 `json:"p99_s"`
}

// stages collects what the services tell. It costs some ten nanoseconds a call.
type stages struct {
	mu   sync.Mutex
	took map[Stage]*latency.Histogram
}

func (s *stages) add(stage Stage, took time.Duration, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.took[stage]
	if h == nil {
		if s.took == nil {
			s.took = map[Stage]*latency.Histogram{}
		}
		h = &latency.Histogram{}
		s.took[stage] = h
	}
	h.Add(took, int64(n))
}

func (s *stages) invoked(what string, took time.Duration, n int) {
	switch what {
	case Orchestrator:
		s.add(StageOrchestrate, took, n)
	case Upsert:
		s.add(StageHandOver, took, n)
	default:
		s.add(Stage(what), took, n)
	}
}

func (s *stages) stored(key string, took time.Duration) {
	if strings.HasPrefix(key, rawzone.Rows) {
		s.add(StageObject, took, 1)
	} else {
		s.add(StageLedger, took, 1)
	}
}

func (s *stages) written(what string, took time.Duration) {
	switch what {
	case "MERGE":
		s.add(StageMerge, took, 1)
	case "stream":
		s.add(StageCommit, took, 1)
	default:
		s.add(StageLoad, took, 1)
	}
}
