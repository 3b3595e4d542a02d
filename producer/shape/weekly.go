package shape

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// The Kinesis Data Generator's table starts with these in each hour.
const (
	defaultMean  = 100
	defaultSigma = 10
)

// Hour is a cell of a weekly table: the rate's mean and standard deviation, in records per second.
type Hour struct{ Mean, Sigma float64 }

// Week is a table of 7 days, from Sunday, and 24 hours.
type Week [7][24]Hour

// ParseWeek reads a table as CSV with the columns day, hour, mean, sigma: a day is an English name, of which three
// letters do, or * for all; an hour is 0 to 23, a range such as 9-17, or *. A later line overrules an earlier one, and
// hours without a line have 100 and 10. A header and lines that start with # are skipped.
func ParseWeek(r io.Reader, most float64) (Week, error) {
	var w Week
	for d := range w {
		for h := range w[d] {
			w[d][h] = Hour{defaultMean, defaultSigma}
		}
	}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || n == 1 && strings.HasPrefix(strings.ToLower(line), "day") {
			continue
		}
		if err := w.read(line, most); err != nil {
			return w, fmt.Errorf("read the weekly table, line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return w, fmt.Errorf("read the weekly table: %w", err)
	}
	return w, nil
}

func (w *Week) read(line string, most float64) error {
	cells := strings.Split(line, ",")
	if len(cells) != 4 {
		return fmt.Errorf("it has %d columns, not the four day, hour, mean, sigma", len(cells))
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	firstDay, lastDay, err := days(cells[0])
	if err != nil {
		return err
	}
	firstHour, lastHour, err := hours(cells[1])
	if err != nil {
		return err
	}
	mean, err := number(cells[2], most)
	if err != nil {
		return fmt.Errorf("mean: %w", err)
	}
	sigma, err := number(cells[3], most)
	if err != nil {
		return fmt.Errorf("sigma: %w", err)
	}
	for d := firstDay; d <= lastDay; d++ {
		for h := firstHour; h <= lastHour; h++ {
			w[d][h] = Hour{mean, sigma}
		}
	}
	return nil
}

func days(text string) (first, last time.Weekday, err error) {
	if text == "*" {
		return time.Sunday, time.Saturday, nil
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		if len(text) >= 3 && strings.HasPrefix(strings.ToLower(d.String()), strings.ToLower(text)) {
			return d, d, nil
		}
	}
	return 0, 0, fmt.Errorf("%q is no day: use sunday to saturday, or *", text)
}

func hours(text string) (first, last int, err error) {
	if text == "*" {
		return 0, 23, nil
	}
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	first, err = strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	if errors.Join(err, err2) != nil || first < 0 || first > last || last > 23 {
		return 0, 0, fmt.Errorf("%q is no hour: use 0 to 23, a range such as 9-17, or *", text)
	}
	return first, last, nil
}

// Shape is the table's load for a run that starts at that time, in the time's zone. The rate of a second is drawn from
// the normal distribution of its hour; within an hour, mean and sigma move evenly to those of the next one. The seed
// decides what is drawn.
//
// The next hour of 22 is 23 of the same day, and that of 23 is 0 of the next day: the Kinesis Data Generator moves to
// Sunday 0 in both.
func (w Week) Shape(start time.Time, seed uint64) Shape {
	return func(since time.Duration) float64 {
		at := start.Add(since)
		second := at.Unix()
		now := at.Add(time.Duration(-at.Nanosecond()))
		this, next := w.around(now)
		part := float64(now.Minute()*60+now.Second()) / 3600
		mean := this.Mean + (next.Mean-this.Mean)*part
		sigma := this.Sigma + (next.Sigma-this.Sigma)*part
		r := rand.New(rand.NewPCG(seed, uint64(second)))
		return math.Ceil(max(0, mean+sigma*r.NormFloat64()))
	}
}

// around is the hour of a time and the one after it.
func (w *Week) around(at time.Time) (this, next Hour) {
	d, h := int(at.Weekday()), at.Hour()
	this = w[d][h]
	if h == 23 {
		return this, w[(d+1)%7][0]
	}
	return this, w[d][h+1]
}
