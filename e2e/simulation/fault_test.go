package simulation

// fault is a kind of fault. Each has a rate of its own in each seed.
type fault int

// The kinds.
const (
	s3Unreachable fault = iota
	s3SlowDown
	s3ErrorAfterSuccess
	s3AnswerLost
	s3Conflict
	s3Straggler
	s3Delay
	s3BodyCut
	s3BodyChanged
	ledgerLost
	ledgerDamaged
	ledgerPutBack

	invokeThrottled
	invokeLost
	invokeAnswerLost
	invokeDoubled
	functionKilledBefore
	functionKilledAfter
	functionTimedOut
	functionFailed

	sqlRefused
	sqlAnswerLost
	sqlSlow
	sqlAmbiguous
	rowRefused
	rowRefusedForATime

	batchTwice
	batchEmpty
	retryRecut
	batchGivenUp
	retentionPassed
	appended
	recoveredEarly
	checkpointLost
	writerReplaced
	twoMappings
	resharded

	noticeLost
	noticeRepeated
	noticeLate
	pipeRefreshed

	clockAhead
	clockBack
	putTwice
	poison
	aggregated
	brokenAggregate
	compressed
	brokenCompression
	replayTwice

	// sealFaults and those behind it come to seeds whose records are sealed.
	sealed
	sealedObjectsExpired
	registryLost
	registryDamaged
	registryPutBack

	// channelFaults and those behind it are Snowpipe Streaming's.
	channelLost
	channelAnswerLost
	channelLate
	channelBusy
	channelLogin
	channelSlow
	channelStuck
	channelDropsRows
	channelInvalid
	channelForgotten
	channelRejects

	// operatorFaults and those behind it are what people do, mistakes and what is meant to mend them.
	ledgerDeleted
	streamingTruncated
	microbatchTruncated
	streamingDropped
	streamingPutBack
	objectDeleted
	quarantineDeleted
	repaired
	repairedTwice
	quarantineReplayed
	tableReplayed

	// rowPathChanged belongs to runs of its own.
	rowPathChanged

	faults
)

const (
	channelFaults  = channelLost
	sealFaults     = sealed
	operatorFaults = ledgerDeleted
)

// String is what people read.
func (f fault) String() string {
	return [...]string{
		"S3 out of reach", "S3 503 SlowDown", "S3 500 after success", "S3 answer lost", "S3 409 conflict",
		"S3 write arrives minutes later", "S3 slow, calls overtake each other", "S3 answer cut", "S3 body changed on its way",
		"ledger lost", "ledger damaged", "older ledger put back",
		"invocation throttled", "invocation never arrives", "invocation's answer lost", "invocation carried out twice",
		"function killed before a call", "function killed after a call", "function timed out", "function failed",
		"SQL refused", "SQL committed, answer lost", "SQL slow",
		"SQL failed with an error that says nothing of a row", "row that the tables refuse", "row that the tables refuse for a time",
		"batch delivered twice", "empty batch", "retry cut otherwise", "batch given up", "retention passes records", "given-up records appended", "recovery beside the mapping",
		"checkpoint lost", "replaced writer wakes up later",
		"two mappings at once", "shards split and merged",
		"notice lost", "notice repeated", "notice late", "pipe refreshed under load",
		"clock leaps ahead", "arrival clock goes back", "put stored twice", "poison record", "aggregated record", "broken aggregate",
		"compressed record", "broken compression", "two replays at once",
		"sealed under load", "sealed objects expired", "registry lost", "registry damaged", "older registry put back",
		"append or open never arrives", "its answer lost", "it arrives minutes later", "service busy", "its token refused", "commit takes minutes",
		"channel accepts and never commits", "acknowledged rows lost", "channel invalidated", "channel forgotten", "row rejected",
		"a person deletes a ledger", "truncates the streaming table", "truncates the micro-batch table", "drops the streaming table and makes it again",
		"puts the streaming table back to a copy", "deletes an object of rows", "deletes a quarantine object", "repairs", "repairs beside another one",
		"replays quarantine", "replays the table", "row path changed",
	}[f]
}

// rate is how often a fault happens where it can, in a seed of medium strength that has it.
func (f fault) rate() float64 {
	switch f {
	case ledgerLost, ledgerDamaged, ledgerPutBack, checkpointLost, writerReplaced:
		return 0.03
	case functionKilledBefore, functionKilledAfter, batchTwice, batchEmpty, clockAhead, pipeRefreshed:
		return 0.05
	case recoveredEarly, twoMappings, resharded, replayTwice, retryRecut:
		return 0.7
	case batchGivenUp:
		return 0.1
	case retentionPassed:
		return 0.01
	case channelForgotten:
		return 0.1
	case noticeLost, noticeRepeated, noticeLate:
		return 0.2
	case s3Conflict:
		return 0.06
	}
	return 0.03
}

// chooseFaults draws which faults this seed has and how strong they are: seeds with few of them find what seeds with
// all of them hide.
func (w *world) chooseFaults() {
	strength := [...]float64{0.3, 1, 1, 3}[w.random.IntN(4)]
	for f := range sealFaults {
		if w.random.IntN(10) < 6 {
			w.rates[f] = min(f.rate()*strength, 0.9)
		}
	}
}

// hit draws whether a fault happens now, and counts it.
func (w *world) hit(f fault) bool {
	if !w.faulty || w.rates[f] == 0 || w.random.Float64() >= w.rates[f] {
		return false
	}
	w.count(f)
	return true
}

// count notes that a fault has happened.
func (w *world) count(f fault) {
	w.hits[f]++
	w.step("fault: %s", f)
}
