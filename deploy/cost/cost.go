// Package cost estimates what the pipeline costs in a month, item by item, and what its alternatives would. It is
// arithmetic over one dated table of prices and asks nobody.
//
// The month has 730 hours and no free tier. What is assumed stands in the constants of this file: functions of 256 MB,
// 0.2 s of own work and 1.5 s of waiting for the MERGE a batch; a batch reads its ledger once, writes it once, and
// writes one object. A warehouse is awake from a batch until 60 s after its MERGE. Storage, logs, requests to keys and
// what Snowflake calls cloud services are left out: they are small beside the rest, and grow with how long things are kept.
package cost

import (
	"fmt"
	"math"
	"time"
)

// What is assumed of the functions and the warehouse.
const (
	memoryGB      = 0.25
	ownWork       = 0.2 // s of the orchestrator, a batch
	mergeWait     = 1.5 // s of both functions, a batch
	writesPerUnit = 2   // S3: the object and the ledger, a batch
	readsPerUnit  = 1   // S3: the ledger, a batch
	// awake is how long one MERGE keeps a suspended warehouse running: to resume and work, and then 60 s of idling.
	awake = 70.0
	// An invocation carries 6 MB; a record travels in base64 with about 400 B of names around it.
	invocationBytes = 6 << 20
	envelopeBytes   = 400
	// LargestBatch and LongestWindow are the limits of an event source mapping.
	LargestBatch  = 10_000
	LongestWindow = 300 * time.Second
	// alarms and metrics are how many the deployment makes.
	alarms  = 15
	metrics = 9
	// gatherEvery is the alternative in which the streaming table is written on a clock.
	gatherEvery = 15 * time.Minute
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
	// BatchInterval is the mean time between two MERGEs, in seconds.
	BatchInterval float64 `json:"merge_interval_s"`
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
	carried := invocationBytes / (4*float64(l.RecordBytes)/3 + envelopeBytes)
	full := max(1, min(float64(l.BatchSize), carried)) / (l.Rate / float64(l.shards()))
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
	return l.bill(prices, 1/l.batches()), nil
}

// bill adds the items up; a MERGE comes every so many seconds.
func (l Load) bill(prices map[string]Price, every float64) Bill {
	b := Bill{Name: "as configured", Load: l, BatchInterval: every}
	add := func(name, key string, quantity float64) {
		p := prices[key]
		b.Items = append(b.Items, Item{name, quantity, p.Unit, p.USD, quantity * p.USD, p.Source == remembered})
	}
	l.stream(add)
	n := l.batches() * secondsPerMonth
	add("Lambda compute", lambdaCompute, n*memoryGB*(ownWork+2*mergeWait))
	add("Lambda requests", lambdaRequest, 2*n*perMillion)
	add("S3 writes", s3Put, writesPerUnit*n*perThousand)
	add("S3 reads", s3Get, readsPerUnit*n*perThousand)
	add("CloudWatch alarms", alarm, alarms)
	add("CloudWatch metrics", metric, metrics)
	if l.KeyPair {
		add("Secret", secret, 1)
	}
	if l.NAT {
		add("NAT gateway", natHour, hoursPerMonth)
		add("NAT address", publicAddress, hoursPerMonth)
		add("NAT data", natData, l.gigabytes(float64(l.RecordBytes)))
	}
	credit := credits()[l.Edition]
	add("Snowpipe", credit, l.gigabytes(float64(l.RecordBytes))*creditsPerGB)
	add("Warehouse", credit, hoursPerMonth*creditsPerXSHour*min(1, awake/every))
	b.total()
	return b
}

func (l Load) stream(add func(name, key string, quantity float64)) {
	if !l.OnDemand {
		add("Kinesis shards", kinesisShard, hoursPerMonth*float64(l.shards()))
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
	add := func(name, why string, change func(*Load)) {
		other := l
		change(&other)
		b := other.bill(prices, 1/other.batches())
		b.Name, b.Why = name, why
		bills = append(bills, b)
	}
	add("largest batches", "10,000 records or 300 s; rows arrive up to 5 minutes late", func(o *Load) { o.BatchSize, o.BatchWindow = LargestBatch, LongestWindow })
	gathered := l
	gathered.BatchSize, gathered.BatchWindow = LargestBatch, LongestWindow
	b := gathered.bill(prices, max(gatherEvery.Seconds(), 1/gathered.batches()))
	b.Name, b.Why = "gathered", "the streaming table written every 15 minutes; not something that this version can do"
	bills = append(bills, b)
	always := l.bill(prices, min(first.BatchInterval, awake))
	always.Name, always.Why = "always-on warehouse", "a warehouse that other work keeps awake, and that nobody else pays for"
	bills = append(bills, always)
	if !l.OnDemand {
		add("on-demand stream", "no shards to plan; at least four of them, so smaller batches", func(o *Load) { o.OnDemand, o.Shards = true, 0 })
	}
	if !l.NAT {
		add("with a NAT gateway", "a fixed address, where a network policy asks for one", func(o *Load) { o.NAT = true })
	}
	return bills, nil
}
