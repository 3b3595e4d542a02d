package record

import (
	"strconv"
	"time"
)

// appendLineage appends the end of a row's line: who the record is. Shard ids, sequence numbers and generations need no
// quotes; no generation is NULL.
func (d *Decoder) appendLineage(dst []byte, r *Record, generation string, ordinal int64) []byte {
	dst = append(append(dst, r.Shard...), ',')
	dst = append(append(dst, r.Sequence...), ',')
	if r.Subsequence == 0 {
		dst = append(dst, '0', ',')
	} else {
		dst = append(strconv.AppendInt(dst, r.Subsequence, 10), ',')
	}
	dst = append(append(dst, d.ordinal.of(ordinal)...), ',')
	dst = append(d.clock.append(dst, r.ArrivedAt), ',')
	return append(append(dst, generation...), '\n')
}

// counter writes numbers that mostly follow each other.
type counter struct {
	n    int64
	text []byte
}

func (c *counter) of(n int64) []byte {
	if last := len(c.text) - 1; n == c.n+1 && n > 0 && last >= 0 && c.text[last] < '9' {
		c.text[last]++
	} else {
		c.text = strconv.AppendInt(c.text[:0], n, 10)
	}
	c.n = n
	return c.text
}

// clock writes points in time by TimestampLayout. It keeps the text of the last second, which a batch's records mostly
// share.
type clock struct {
	unix int64
	text []byte
}

func (c *clock) append(dst []byte, at time.Time) []byte {
	if unix := at.Unix(); unix != c.unix || len(c.text) == 0 {
		c.unix, c.text = unix, at.UTC().AppendFormat(c.text[:0], time.DateTime)
	}
	dst = append(dst, c.text...)
	left := at.Nanosecond()
	if ms := left / 1e6; ms*1e6 == left && ms%10 != 0 { // what Kinesis gives, nine times out of ten
		return append(dst, '.', '0'+byte(ms/100), '0'+byte(ms/10%10), '0'+byte(ms%10))
	}
	if left > 0 {
		dst = append(dst, '.')
	}
	const first = 100_000_000 // nanoseconds that the first decimal place stands for
	for ; left > 0; left = left % first * 10 {
		dst = append(dst, '0'+byte(left/first))
	}
	return dst
}
