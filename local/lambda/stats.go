package lambda

import (
	"time"
)

// Stats is a snapshot of the counters since Open, sorted by name.
type Stats struct {
	Functions []FunctionStats
	Mappings  []MappingStats
	Queue     QueueStats
}

// FunctionStats counts one function's calls. A time-out is an error as well; a throttle is neither.
type FunctionStats struct {
	Name        string
	Invocations int64
	Errors      int64
	Throttles   int64
	Timeouts    int64
	Running     int // calls in flight
	Processes   int // warm or busy
}

// MappingStats is the state of one event source mapping.
type MappingStats struct {
	ID             string
	EventSourceARN string
	Function       string
	State          string // Enabled, Disabled or Deleting
	LastResult     string
	Shards         []ShardStats
}

// ShardStats is the progress on one shard.
type ShardStats struct {
	Shard       string
	Checkpoint  string // the last sequence number that is done; empty before the first
	Finished    bool   // the shard is closed and all of it is done
	Records     int64  // handed over with success
	Batches     int64  // handed over with success
	Failures    int64  // failed attempts, throttles not counted
	Filtered    int64  // records that the mapping's filters have taken out
	Discarded   int64  // records given up: to the failure destination, or dropped without one
	Expired     int64  // times the position had passed retention, so that unread records are lost
	IteratorAge time.Duration
}

// QueueStats is the state of the asynchronous queue.
type QueueStats struct {
	Depth     int   // events accepted and not done
	Delivered int64 // events whose function succeeded
	Discarded int64 // events given up: to the failure destination, or dropped without one
}

// Stats reads all counters. It never waits for a function or for a stream.
func (s *Server) Stats() Stats {
	stats := Stats{Mappings: s.mappings.stats(), Queue: s.queue.stats()}
	for _, fn := range s.functions.list() {
		stats.Functions = append(stats.Functions, fn.stats())
	}
	return stats
}
