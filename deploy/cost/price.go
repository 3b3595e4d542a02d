package cost

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Price is one entry of the table.
type Price struct {
	// Key names the price in this package.
	Key string `json:"key"`
	// USD is what one Unit costs.
	USD  float64 `json:"usd"`
	Unit string  `json:"unit"`
	// Source is who says so: the vendor's documents, or memory. A price from memory is to be looked up before it
	// decides anything.
	Source string `json:"source"`
	// Date is when the source was read, or the date that it bears: a month or a day.
	Date string `json:"date"`
}

// The sources of prices.
const (
	documented = "documented by the vendor"
	remembered = "from memory, not looked up"
)

// Keys of the table.
const (
	kinesisShard     = "kinesis-shard"
	kinesisPut       = "kinesis-put"
	kinesisRetention = "kinesis-retention"
	kinesisLong      = "kinesis-long-retention"
	logGB            = "log"
	kmsCall          = "kms"
	s3GB             = "s3-storage"
	snowflakeGB      = "snowflake-storage"
	firehoseGB       = "firehose"
	kinesisStream    = "kinesis-on-demand-stream"
	kinesisIn        = "kinesis-on-demand-in"
	kinesisOut       = "kinesis-on-demand-out"
	lambdaCompute    = "lambda-compute"
	lambdaRequest    = "lambda-request"
	s3Put            = "s3-put"
	s3Get            = "s3-get"
	natHour          = "nat-hour"
	natData          = "nat-data"
	publicAddress    = "public-ipv4"
	alarm            = "cloudwatch-alarm"
	metric           = "cloudwatch-metric"
	secret           = "secret"
	creditStandard   = "snowflake-credit-standard"
	creditEnterprise = "snowflake-credit-enterprise"
	creditCritical   = "snowflake-credit-business-critical"
	snowpipeGB       = "snowpipe"
	warehouseXS      = "warehouse-xs"
)

// DefaultRegion has a price table.
const DefaultRegion = "us-east-1"

// What the units of the prices mean.
const (
	tableDate         = "2026-11"
	snowflakeDate     = "2026-03-31"
	creditsPerGB      = 0.0037
	creditsPerXSHour  = 1.0
	snowpipeUnit      = "credits per uncompressed GB; no charge for files since 2025-12-08"
	warehouseUnit     = "credits per hour, by the second, 60 s at least for each start"
	perMillion        = 1e-6
	perThousand       = 1e-3
	hoursPerMonth     = 730
	secondsPerMonth   = hoursPerMonth * 3600
	kinesisPutUnit    = 25 * 1024
	onDemandRoundedTo = 1024
)

// regions are the tables of prices. The European ones are from memory, all of them: what is not remembered to be different is
// Virginia's.
func regions() map[string][]Price {
	return map[string][]Price{DefaultRegion: virginia(), "eu-west-1": europe(map[string]float64{
		kinesisShard: 0.017, kinesisPut: 0.0165, kinesisRetention: 0.022, natHour: 0.048, natData: 0.048,
	}), "eu-central-1": europe(map[string]float64{
		kinesisShard: 0.018, kinesisPut: 0.0175, kinesisRetention: 0.024, natHour: 0.052, natData: 0.052, s3Put: 0.0054, s3Get: 0.00043, s3GB: 0.0245, logGB: 0.63,
	})}
}

// europe is Virginia's table with what is remembered to be different, and Snowflake's prices for the European Union.
func europe(different map[string]float64) []Price {
	different[creditStandard], different[creditEnterprise], different[creditCritical] = 2.6, 3.9, 5.2
	out := virginia()
	for i := range out {
		out[i].Source = remembered
		if usd, ok := different[out[i].Key]; ok {
			out[i].USD = usd
		}
	}
	return out
}

func virginia() []Price {
	return []Price{
		{kinesisShard, 0.015, "shard-hour", documented, tableDate},
		{kinesisPut, 0.014, "million put units of 25 KB", documented, tableDate},
		{kinesisRetention, 0.02, "shard-hour of retention beyond a day", remembered, tableDate},
		{kinesisLong, 0.023, "GB-month of retention beyond seven days", remembered, tableDate},
		{logGB, 0.50, "GB of logs", remembered, tableDate},
		{kmsCall, 0.03, "ten thousand calls of a key", remembered, tableDate},
		{s3GB, 0.023, "GB-month in S3", remembered, tableDate},
		{snowflakeGB, 0.023, "GB-month in Snowflake, compressed", remembered, snowflakeDate},
		{firehoseGB, 0.071, "GB through Firehose to Snowflake", remembered, tableDate},
		{kinesisStream, 0.04, "on-demand stream-hour", remembered, tableDate},
		{kinesisIn, 0.08, "GB in, each record rounded up to 1 KB", remembered, tableDate},
		{kinesisOut, 0.04, "GB out, each record rounded up to 1 KB", remembered, tableDate},
		{lambdaCompute, 0.0000133333, "GB-second on arm64", documented, tableDate},
		{lambdaRequest, 0.20, "million requests", remembered, tableDate},
		{s3Put, 0.005, "thousand PUT requests", remembered, tableDate},
		{s3Get, 0.0004, "thousand GET requests", remembered, tableDate},
		{natHour, 0.045, "NAT gateway-hour", documented, tableDate},
		{natData, 0.045, "GB through the NAT gateway", remembered, tableDate},
		{publicAddress, 0.005, "hour of a public IPv4 address", remembered, tableDate},
		{alarm, 0.10, "alarm a month", remembered, tableDate},
		{metric, 0.30, "custom metric a month", remembered, tableDate},
		{secret, 0.40, "secret a month", remembered, tableDate},
		{creditStandard, 2, "credit", documented, snowflakeDate},
		{creditEnterprise, 3, "credit", documented, snowflakeDate},
		{creditCritical, 4, "credit", documented, snowflakeDate},
		{snowpipeGB, creditsPerGB, snowpipeUnit, documented, snowflakeDate},
		{warehouseXS, creditsPerXSHour, warehouseUnit, documented, snowflakeDate},
	}
}

// Prices is the table of a region, or an error that names the regions with a table.
func Prices(region string) ([]Price, error) {
	all := regions()
	if prices, ok := all[region]; ok {
		return prices, nil
	}
	return nil, fmt.Errorf("there is no price table for region %q; there is one for: %s", region, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
}

// table is a region's prices by key.
func table(region string) (map[string]Price, error) {
	prices, err := Prices(region)
	if err != nil {
		return nil, err
	}
	byKey := make(map[string]Price, len(prices))
	for _, p := range prices {
		byKey[p.Key] = p
	}
	return byKey, nil
}
