// Package simulation runs the contract's core in one process, under faults that one seed decides, and checks what came
// of it. Everything in it is test code.
//
// Real are the orchestrator, the raw zone's client with the official SDK below it, the arrow to Upsert, Upsert, the
// writer of the streaming table, and the replay of quarantine. Simulated around them are:
//
//	the stream and its event source mapping   random cuts, retries cut otherwise, lost checkpoints, two mappings at once,
//	                                          invocations that were given up and go on later, resharding
//	the setting                               objects compressed or not, with another setting in each process
//	S3                                        conditional writes as S3 has them, and everything a network can do to a call
//	the Lambda API and the functions          throttled, killed at any call, timed out, answers lost
//	the streaming table                       carries out the MERGE as its text says
//	Snowpipe                                  notices lost, repeated, reordered; a name is loaded once, as it is at that moment
//
// Time is that of testing/synctest. No two moments of waking up are the same, so only one goroutine runs at a time, and
// all of them draw from one generator: the same seed gives the same run, call for call.
//
//	go test ./e2e/simulation                                          a fixed set of seeds
//	go test ./e2e/simulation -run TestSimulation -seeds 10000 -v      as many as wanted, with the figure
//	go test ./e2e/simulation -run TestSimulation -seed 123 -seeds 1 -v -steps    one of them again, with every step
//	go test ./e2e/simulation -run TestOperators -seeds 4000 -v           people repair, replay and make mistakes beside the run
//	go test ./e2e/simulation -run TestMutants -mutants -v             faults planted in the code, one by one
package simulation
