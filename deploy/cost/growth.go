package cost

import "fmt"

// Growth is what one place keeps.
type Growth struct {
	Where string `json:"where"`
	// GB is what a month adds; USD what the place costs in the month that ends after 1, 12 and 36 months.
	GB  float64    `json:"gb_a_month"`
	USD [3]float64 `json:"usd_after_1_12_36_months"`
}

// growth is the raw zone with and without a lifecycle, and both tables in Snowflake.
func (l Load) growth(prices map[string]Price) []Growth {
	raw, rows := l.gigabytes(float64(l.CSVBytes)), 2*l.gigabytes(float64(l.CSVBytes))/packed
	all := func(where, key string, gb, months float64) Growth {
		g := Growth{Where: where, GB: gb}
		for i, after := range []float64{1, 12, 36} {
			g.USD[i] = gb * min(after, months) * prices[key].USD
		}
		return g
	}
	const forever = 1e9
	out := []Growth{all("raw zone, kept", s3GB, raw, forever)}
	days := l.ExpireAfterDays
	if days == 0 {
		days = 90
	}
	return append(out, all("raw zone, expiring after "+plural(days), s3GB, raw, float64(days)/30.4), all("both tables in Snowflake", snowflakeGB, rows, forever))
}

// firehose is what Amazon Data Firehose asks for delivering the same records to one table in Snowflake, behind the same stream.
func (l Load) firehose(prices map[string]Price) Bill {
	b := Bill{Name: "Amazon Data Firehose", Load: l, BatchInterval: 1 / l.batches(),
		Why: "one table, at least once, no raw zone, no proof; Openflow, the other one that is asked for, has no price here"}
	add := func(name, key string, quantity float64) {
		p := prices[key]
		b.Items = append(b.Items, Item{name, quantity, p.Unit, p.USD, quantity * p.USD, p.Source == remembered})
	}
	l.stream(add)
	add("Firehose", firehoseGB, l.gigabytes(float64(l.RecordBytes)))
	add("Snowpipe Streaming", credits()[l.Edition], l.gigabytes(float64(l.RecordBytes))*creditsPerGB)
	b.total()
	return b
}

func plural(days int) string {
	if days == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", days)
}
