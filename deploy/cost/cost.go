// Package cost estimates what the pipeline costs in a month, item by item, and what its alternatives would. It is
// arithmetic over one dated table of prices and asks nobody.
//
// The month has 730 hours and no free tier. What is assumed stands in Times, whose values a caller may replace by measured
// ones, and in the constants of this file: a batch reads its ledger once, writes it once, and writes one object; a warehouse is
// awake from a batch until 60 s after its MERGE. What Snowflake calls cloud services is left out: it is free up to a tenth of
// what warehouses use.
package cost

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"
)

// What is assumed of the functions and the warehouse.
const (
	writesPerUnit = 2 // S3: the object and the ledger, a batch
	readsPerUnit  = 1 // S3: the ledger, a batch
	// sweeps is how often a month rows that do not become visible are looked for; each takes sweepSeconds of Upsert.
	sweeps       = 43_800
	sweepSeconds = 0.3
	// lineageBytes are what the table's own columns add to a row as CSV: shard, sequence, ordinal, arrival, generation. As
	// NDJSON, which Snowpipe Streaming takes, their names come on top.
	lineageBytes     = 140
	lineageJSONBytes = 240
	// logBytes are what both functions log of a batch.
	logBytes = 2500
	// keyCalls are what a stream asks of its key in a month, a shard.
	keyCalls = 8640
	// packed is how much smaller rows lie in Snowflake than as CSV, which nobody knows before: a cautious factor.
	packed = 4
	// awake is how long one MERGE keeps a suspended warehouse running: to resume and work, and then 60 s of idling.
	awake = 70.0
	// An invocation carries 6 MB; a record travels in base64 with about 400 B of names around it.
	invocationBytes = 6 << 20
	envelopeBytes   = 400
	// LargestBatch and LongestWindow are the limits of an event source mapping.
	LargestBatch  = 10_000
	LongestWindow = 300 * time.Second
	// alarms and metrics are how many the deployment makes.
	alarms  = Alarms
	metrics = Metrics
	// gatherEvery is the alternative in which the streaming table is written on a clock.
	gatherEvery = 15 * time.Minute
)

// Alarms and Metrics are how many a deployment makes; its tests count them.
const (
	Alarms  = 17
	Metrics = 14
)

// The limits of a provisioned shard.
const (
	shardRecords = 1000    // a second
	shardBytes   = 1 << 20 // a second
)

// Editions of Snowflake; a credit costs more in each.
const (
	Standard         = "standard"
	Enterprise       = "enterprise"
	BusinessCritical = "business-critical"
)

// The row paths, and when a batch is done by the first.
const (
	Snowpipe = "snowpipe"
	Merge    = "merge"
	Deferred = "deferred"
	Wait     = "wait"
)

// Times are how long parts of a batch take, in seconds. Zero ones are those of DefaultTimes.
type Times struct {
	// Own is the orchestrator's own work. It and all that it waits for pass one batch at a time in each shard.
	Own float64 `json:"own_s"`
	// Merge is a MERGE of a batch. A table takes one at a time, whatever the number of shards.
	Merge float64 `json:"merge_s"`
	// Append is an append to a channel of Snowpipe Streaming; Commit, until its rows are in the table.
	Append float64 `json:"append_s"`
	Commit float64 `json:"commit_s"`
	// Source says where these are from.
	Source string `json:"source"`
}

// DefaultTimes are what is assumed, and why.
func DefaultTimes() Times {
	return Times{0.2, 1.5, 0.2, 6.6, "assumed: 0.2 s of own work and for an append, 1.5 s for a MERGE on an XS; 6.6 s from append to commit, " +
		"the median of 149 that Estuary measured on the live service (flow issue 4933)"}
}

func (t Times) complete() Times {
	d := DefaultTimes()
	for _, v := range []struct{ have, fallback *float64 }{{&t.Own, &d.Own}, {&t.Merge, &d.Merge}, {&t.Append, &d.Append}, {&t.Commit, &d.Commit}} {
		if *v.have == 0 {
			*v.have = *v.fallback
		}
	}
	if t.Source == "" {
		t.Source = d.Source
	}
	return t
}

// Load is what the pipeline has to carry, and how it is set up.
type Load struct {
	// Rate is in records a second, RecordBytes the mean size of one.
	Rate        float64 `json:"records_per_second"`
	RecordBytes int     `json:"record_bytes"`
	// BatchSize (1 to 10,000 records) and BatchWindow (0 to 300 s) are the event source mapping's; a batch is one
	// shard's.
	BatchSize   int           `json:"batch_size"`
	BatchWindow time.Duration `json:"batch_window"`
	// Shards of a provisioned stream; 0 takes as many as the rate needs.
	Shards   int  `json:"shards"`
	OnDemand bool `json:"on_demand"`
	// NAT is a VPC with a NAT gateway, for a fixed address.
	NAT bool `json:"nat"`
	// KeyPair means that the function's key lies in a secret.
	KeyPair bool `json:"key_pair"`
	// RowPath is Snowpipe, also if empty, or Merge; RowCommit is Deferred, also if empty, or Wait.
	RowPath   string `json:"row_path"`
	RowCommit string `json:"row_commit,omitempty"`
	Times     Times  `json:"times"`
	// MemoryMB is each function's memory, 256 if 0; RetentionHours the stream's, 24 if 0.
	MemoryMB       int `json:"memory_mb"`
	RetentionHours int `json:"retention_hours"`
	// CSVBytes is the mean size of a row as CSV with the columns that the tables add; 0 takes a guess from RecordBytes.
	CSVBytes int `json:"csv_bytes"`
	// ExpireAfterDays deletes objects of rows from the raw zone; 0 keeps them.
	ExpireAfterDays int `json:"expire_after_days"`
	// Region is AWS's; Edition is one of Standard, Enterprise, BusinessCritical.
	Region  string `json:"region"`
	Edition string `json:"edition"`
}

// Item is a line of a bill.
type Item struct {
	Name string `json:"name"`
	// Quantity is in the price's unit, a month.
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Price    float64 `json:"price_usd"`
	USD      float64 `json:"usd"`
	// FromMemory marks a price that nobody has looked up.
	FromMemory bool `json:"price_from_memory,omitempty"`
}

// Bill is what one month costs.
type Bill struct {
	Name string `json:"name"`
	// Why says what is different from the first bill of a comparison.
	Why   string  `json:"why,omitempty"`
	Load  Load    `json:"load"`
	Items []Item  `json:"items"`
	USD   float64 `json:"usd"`
	// Dominant is the name of the largest item.
	Dominant string `json:"dominant"`
	// BatchInterval is the mean time between two batches, in seconds.
	BatchInterval float64 `json:"batch_interval_s"`
	// Limits are what comes near to its end, or past it, with this load.
	Limits []Limit `json:"limits,omitempty"`
	// Growth is what is kept: how much it grows, and what it costs later.
	Growth []Growth `json:"growth"`
}

// Part is the sum of the items whose names start alike, such as "Kinesis".
func (b Bill) Part(name string) (usd float64) {
	for _, i := range b.Items {
		if len(i.Name) >= len(name) && i.Name[:len(name)] == name {
			usd += i.USD
		}
	}
	return usd
}

// NeededShards is how many shards a provisioned stream needs for the rate.
func (l Load) NeededShards() int {
	return int(math.Ceil(max(l.Rate/shardRecords, l.Rate*float64(l.RecordBytes)/shardBytes, 1)))
}

func (l Load) check() error {
	switch {
	case l.Rate <= 0 || math.IsInf(l.Rate, 0) || math.IsNaN(l.Rate):
		return fmt.Errorf("the rate is %g records a second: it must be more than 0", l.Rate)
	case l.RecordBytes < 1 || l.RecordBytes > 10<<20:
		return fmt.Errorf("a record of %d bytes: Kinesis takes 1 byte to 10 MiB", l.RecordBytes)
	case l.BatchSize < 1 || l.BatchSize > LargestBatch:
		return fmt.Errorf("a batch of %d records: an event source mapping takes 1 to %d", l.BatchSize, LargestBatch)
	case l.BatchWindow < 0 || l.BatchWindow > LongestWindow:
		return fmt.Errorf("a batch window of %s: an event source mapping takes 0 to %s", l.BatchWindow, LongestWindow)
	case l.Shards < 0 || !l.OnDemand && l.Shards > 0 && l.Shards < l.NeededShards():
		return fmt.Errorf("%d shards cannot take %g records a second of %d bytes: they need %d", l.Shards, l.Rate, l.RecordBytes, l.NeededShards())
	}
	switch {
	case l.MemoryMB < 0 || l.MemoryMB > 0 && (l.MemoryMB < 128 || l.MemoryMB > 10240):
		return fmt.Errorf("%d MB of memory: a function has 128 to 10240", l.MemoryMB)
	case l.RetentionHours < 0 || l.RetentionHours > 0 && (l.RetentionHours < 24 || l.RetentionHours > 8760):
		return fmt.Errorf("a retention of %d hours: a stream keeps records for 24 to 8760", l.RetentionHours)
	case l.CSVBytes < 0 || l.ExpireAfterDays < 0:
		return errors.New("neither the size of a row nor the days until objects expire can be less than 0")
	case l.RowPath != "" && l.RowPath != Snowpipe && l.RowPath != Merge:
		return fmt.Errorf("there is no row path %q: take %s or %s", l.RowPath, Snowpipe, Merge)
	case l.RowCommit != "" && l.RowCommit != Deferred && l.RowCommit != Wait:
		return fmt.Errorf("there is no row commit %q: take %s or %s", l.RowCommit, Deferred, Wait)
	case min(l.Times.Own, l.Times.Merge, l.Times.Append, l.Times.Commit) < 0:
		return errors.New("no part of a batch takes less than 0 s")
	}
	if _, ok := credits()[l.Edition]; !ok {
		return fmt.Errorf("there is no Snowflake edition %q: take %s, %s or %s", l.Edition, Standard, Enterprise, BusinessCritical)
	}
	return nil
}

func credits() map[string]string {
	return map[string]string{Standard: creditStandard, Enterprise: creditEnterprise, BusinessCritical: creditCritical}
}

// shards is how many shards batches come from. An on-demand stream starts with four.
func (l Load) shards() int {
	switch {
	case l.OnDemand:
		return max(l.NeededShards(), 4)
	case l.Shards == 0:
		return l.NeededShards()
	}
	return l.Shards
}

// batches is how many there are in a second over all shards: a shard's batch ends when it is full by number or by
// bytes, or when its window is over. Without a window Lambda polls about once a second.
func (l Load) batches() float64 {
	full := l.rowsPerBatch() / (l.Rate / float64(l.shards()))
	window := max(l.BatchWindow.Seconds(), 1)
	// A batch has at least one record: shards with little traffic have fewer batches than windows.
	seldom := float64(l.shards()) / l.Rate
	return float64(l.shards()) / max(min(full, window), seldom)
}

// Month is the bill for the load.
func Month(l Load) (Bill, error) {
	if err := l.check(); err != nil {
		return Bill{}, err
	}
	prices, err := table(l.Region)
	if err != nil {
		return Bill{}, err
	}
	l = l.complete()
	return l.bill(prices, 1/l.batches()), nil
}

// complete fills in what is left to be guessed.
func (l Load) complete() Load {
	l.Times = l.Times.complete()
	l.RowPath, l.RowCommit = cmp.Or(l.RowPath, Snowpipe), cmp.Or(l.RowCommit, Deferred)
	l.MemoryMB, l.RetentionHours = cmp.Or(l.MemoryMB, 256), cmp.Or(l.RetentionHours, 24)
	// A record's JSON is about half names and signs, which CSV does not have.
	l.CSVBytes = cmp.Or(l.CSVBytes, l.RecordBytes/2+lineageBytes)
	return l
}

// wait is how long the orchestrator waits for the rows of a batch.
func (l Load) wait() float64 {
	switch {
	case l.RowPath == Merge:
		return l.Times.Merge
	case l.RowCommit == Wait:
		return l.Times.Append + l.Times.Commit
	}
	return l.Times.Append
}

// bill adds the items up; a batch comes every so many seconds.
func (l Load) bill(prices map[string]Price, every float64) Bill {
	b := Bill{Name: "as configured", Load: l, BatchInterval: every, Limits: l.limits()}
	add := func(name, key string, quantity float64) {
		p := prices[key]
		b.Items = append(b.Items, Item{name, quantity, p.Unit, p.USD, quantity * p.USD, p.Source == remembered})
	}
	l.stream(add)
	n, memoryGB := l.batches()*secondsPerMonth, float64(l.MemoryMB)/1024
	compute, requests := n*memoryGB*(l.Times.Own+2*l.wait()), 2*n
	if l.RowPath == Snowpipe {
		compute, requests = compute+sweeps*sweepSeconds*memoryGB, requests+sweeps
	}
	add("Lambda compute", lambdaCompute, compute)
	add("Lambda requests", lambdaRequest, requests*perMillion)
	add("S3 writes", s3Put, writesPerUnit*n*perThousand)
	add("S3 reads", s3Get, readsPerUnit*n*perThousand)
	add("CloudWatch alarms", alarm, alarms)
	add("CloudWatch metrics", metric, metrics)
	add("Logs", logGB, n*logBytes/1e9)
	add("KMS calls", kmsCall, float64(l.shards())*keyCalls/10_000)
	if l.KeyPair {
		add("Secret", secret, 1)
	}
	if l.NAT {
		add("NAT gateway", natHour, hoursPerMonth)
		add("NAT address", publicAddress, hoursPerMonth)
		add("NAT data", natData, l.gigabytes(float64(l.RecordBytes)))
	}
	credit := credits()[l.Edition]
	add("Snowpipe", credit, l.gigabytes(float64(l.CSVBytes))*creditsPerGB)
	if l.RowPath == Snowpipe {
		add("Snowpipe Streaming", credit, l.gigabytes(float64(l.RecordBytes+lineageJSONBytes))*creditsPerGB)
	} else {
		add("Warehouse", credit, hoursPerMonth*creditsPerXSHour*min(1, awake/every))
	}
	b.total()
	b.Growth = l.growth(prices)
	return b
}

func (l Load) stream(add func(name, key string, quantity float64)) {
	if !l.OnDemand {
		add("Kinesis shards", kinesisShard, hoursPerMonth*float64(l.shards()))
		if l.RetentionHours > 24 {
			add("Kinesis retention", kinesisRetention, hoursPerMonth*float64(l.shards())) // up to seven days
		}
		if l.RetentionHours > 7*24 {
			add("Kinesis long retention", kinesisLong, l.gigabytes(float64(l.RecordBytes))*float64(l.RetentionHours-7*24)/hoursPerMonth)
		}
		add("Kinesis puts", kinesisPut, l.Rate*secondsPerMonth*math.Ceil(float64(l.RecordBytes)/kinesisPutUnit)*perMillion)
		return
	}
	rounded := onDemandRoundedTo * math.Ceil(float64(l.RecordBytes)/onDemandRoundedTo)
	add("Kinesis stream", kinesisStream, hoursPerMonth)
	add("Kinesis in", kinesisIn, l.gigabytes(rounded))
	add("Kinesis out", kinesisOut, l.gigabytes(rounded))
}

// gigabytes is a month's data with records of so many bytes.
func (l Load) gigabytes(record float64) float64 { return l.Rate * secondsPerMonth * record / 1e9 }

func (b *Bill) total() {
	largest := -1.0
	for _, i := range b.Items {
		b.USD += i.USD
		if i.USD > largest {
			largest, b.Dominant = i.USD, i.Name
		}
	}
}

// Compare is the bill of the load, and after it those of its alternatives: what one change would make of it.
func Compare(l Load) ([]Bill, error) {
	first, err := Month(l)
	if err != nil {
		return nil, err
	}
	prices, err := table(l.Region)
	if err != nil {
		return nil, err
	}
	bills := []Bill{first}
	l = l.complete()
	add := func(name, why string, change func(*Load)) {
		other := l
		change(&other)
		b := other.bill(prices, 1/other.batches())
		b.Name, b.Why = name, why
		bills = append(bills, b)
	}
	if l.RowPath == Snowpipe {
		add("rows by MERGE", "a warehouse that batches keep awake", func(o *Load) { o.RowPath = Merge })
	} else {
		add("rows by Snowpipe", "Snowpipe Streaming: no warehouse; visible after 5 to 9 s", func(o *Load) { o.RowPath, o.KeyPair = Snowpipe, true })
	}
	add("largest batches", "10,000 records or 300 s; rows arrive up to 5 minutes late", func(o *Load) { o.BatchSize, o.BatchWindow = LargestBatch, LongestWindow })
	if l.RowPath == Merge {
		gathered := l
		gathered.BatchSize, gathered.BatchWindow = LargestBatch, LongestWindow
		b := gathered.bill(prices, max(gatherEvery.Seconds(), 1/gathered.batches()))
		b.Name, b.Why = "gathered", "the streaming table written every 15 minutes; not something that this version can do"
		bills = append(bills, b)
	}
	bills = append(bills, l.firehose(prices))
	if !l.OnDemand {
		add("on-demand stream", "no shards to plan; at least four of them, so smaller batches", func(o *Load) { o.OnDemand, o.Shards = true, 0 })
	}
	if !l.NAT {
		add("with a NAT gateway", "a fixed address, where a network policy asks for one", func(o *Load) { o.NAT = true })
	}
	return bills, nil
}
