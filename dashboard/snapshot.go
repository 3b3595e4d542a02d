package dashboard

// Snapshot is what the page gets. Times are Unix milliseconds, rates are per second.
type Snapshot struct {
	Now     int64  `json:"now"`
	Started int64  `json:"started"`
	Mode    string `json:"mode"`
	Version string `json:"version"`
	// Rows and Connection tell that these can be asked for.
	Rows       bool            `json:"rows"`
	Connection bool            `json:"connection"`
	Stream     string          `json:"stream"`
	Bucket     string          `json:"bucket"`
	Boxes      []Box           `json:"boxes"`
	Arrows     []Arrow         `json:"arrows"`
	Point      Point           `json:"point"`
	History    []Point         `json:"history,omitempty"`
	Shards     Shards          `json:"shards"`
	Files      []File          `json:"files"`
	Quarantine Quarantine      `json:"quarantine"`
	Audit      *Audit          `json:"audit"`
	Producer   *ProducerStatus `json:"producer"`
	Breaks     []BreakStatus   `json:"breaks"`
	// Problem says why the numbers are old, or what the stack itself suffers from, as a full disk; empty if nothing is wrong.
	Problem string `json:"problem"`
}

// Box is one box of the drawing.
type Box struct {
	ID    string  `json:"id"`
	Name  string  `json:"name"`
	Count int64   `json:"count"`
	Unit  string  `json:"unit"`
	Rate  float64 `json:"rate"`
	// State is ok, idle, warning, error or off.
	State  string `json:"state"`
	Detail string `json:"detail"`
}

// Arrow is one arrow of the drawing; Rate counts records.
type Arrow struct {
	From string   `json:"from"`
	To   string   `json:"to"`
	Rate float64  `json:"rate"`
	Lag  *float64 `json:"lag_s"`
}

// Point is one moment of the charts: rates in records per second, latencies in seconds.
type Point struct {
	T             int64    `json:"t"`
	Accepted      float64  `json:"accepted"`
	Streaming     float64  `json:"streaming"`
	Microbatch    float64  `json:"microbatch"`
	StreamingP50  *float64 `json:"s50"`
	StreamingP99  *float64 `json:"s99"`
	MicrobatchP50 *float64 `json:"m50"`
	MicrobatchP99 *float64 `json:"m99"`
}

// Shards sums all shards up and shows those with the most waiting records. Retired ones are not in Total.
type Shards struct {
	Total   int     `json:"total"`
	Waiting int64   `json:"waiting"`
	Lag     float64 `json:"lag_s"`
	Retired int     `json:"retired"`
	Top     []Shard `json:"top"`
}

// Quarantine counts the records that have no row and shows the last ones.
type Quarantine struct {
	Count int64    `json:"count"`
	Last  []Reject `json:"last"`
}

// BreakStatus is something that can be broken, and whether it is.
type BreakStatus struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Active      bool   `json:"active"`
	// Until is when it will be whole again, in Unix milliseconds, if that is known.
	Until *int64 `json:"until"`
}
