// Package snowpipe is a client for Snowpipe Streaming, Snowflake's service that takes rows over HTTPS and puts them into a
// table within seconds, without a warehouse. It speaks the high-performance architecture's wire as the official SDKs do.
//
// # In short
//
//	client, err := snowpipe.New(snowpipe.Config{
//		URL:   "https://myorg-myaccount.snowflakecomputing.com",
//		Login: snowpipe.KeyPair("MYORG-MYACCOUNT", "LOADER", "LOADER_ROLE", key),
//	})
//	channel, err := client.DefaultPipe("DB", "PUBLIC", "EVENTS").Open(ctx, "EVENTS-0", snowpipe.OpenOptions{})
//	last := channel.Opened().CommittedToken // go on behind this one
//	var batch snowpipe.Batch
//	err = batch.Add([]byte(`{"ID":1}`), "00000000000000000001")
//	err = channel.Append(ctx, &batch)
//
// [New] does no input or output: the client logs in with its first call. The login token is exchanged for one that is good
// for the ingest host alone; that one is kept until a minute before its end.
//
// # Exactly once
//
// The service keeps, for each named channel, the offset token of the last rows that were committed, and commits it together
// with them. It never compares tokens and never finds a row twice. So exactly once is the caller's part:
//
//  1. Open the channel and read [Status].CommittedToken. Append only what follows it, in order. Give tokens one width, so
//     that they can be compared as text, and never let two processes use one channel for different rows.
//  2. An append that has succeeded was received, it is not durable. Rows are committed 5 to 9 seconds later; the committed
//     token says how far. Keep the rows, or know where to read them again, until it has passed them: [Pipe.Statuses] asks
//     for many channels at once, [Channel.Wait] for one.
//  3. After any error of [Channel.Append] the channel is void. Open it again and go on behind the committed token, also with
//     rows whose append had succeeded: opening drops what was not committed.
//  4. Watch [Status].RowErrors: a row that does not fit the table is dropped while the token moves over it. The count is
//     of the channel's life, so only its growth says anything.
//
// Opening a channel makes the continuation tokens of all earlier openers stale: that is the only fence there is. A process
// that is told [OpenAgain] must therefore know that the channel is still its own before it opens it again.
//
// An [Elastic] channel has no order and no tokens. Its append is durable once it has succeeded, and one that has to be
// repeated may put rows there twice.
//
// # Errors
//
// Calls return an [*Error]. [ActionOf] says what to do: [TryAgain], [OpenAgain], [NewClient] or [GiveUp]. It goes by the
// service's code and not by the HTTP status, which the service uses loosely: a stale token is a 400. The client has repeated
// what can be repeated when it returns an error, with the same request id, the same bytes and a counted retryCount, with
// growing pauses, jitter and Retry-After. No error holds a row, a token or a key.
//
// # Processes that stand still
//
// Nothing runs in the background: no goroutine, no timer. A client may be frozen between two calls, as a Lambda function is,
// and goes on when it thaws. A connection that was not used for a while by the wall clock is not used again.
//
// # Values
//
// The service takes rows as JSON and converts them itself, with surprises: 0 is no BOOLEAN, hex digits are read as base64, null
// in a VARIANT is not NULL, and an epoch is shifted by the account's time zone. An [Encoder] writes values so that the column
// holds exactly them, or refuses them.
package snowpipe
