package producer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/klauspost/compress/gzip"

	"github.com/snowstream/snowstream/producer/spoil"
	"github.com/snowstream/snowstream/producer/template"
	"github.com/snowstream/snowstream/record"
)

// Bad is a record that was spoiled on purpose.
type Bad struct {
	// Number is its place in the run, from 0.
	Number int64  `json:"number"`
	Kind   string `json:"kind"`
	// Ends is where it should end: quarantine, tables or refused.
	Ends string `json:"ends"`
	Key  string `json:"partition_key"`
	// SHA256 is that of its data as it was sent, in hexadecimal.
	SHA256 string `json:"sha256"`
}

// batch makes the records of one Put in buffers that it uses again.
type batch struct {
	*Producer
	// by is the template that makes them, with its generator.
	by        *template.Template
	generator *template.Generator
	zip       *gzip.Writer
	zipped    bytes.Buffer

	data, keys       []byte
	dataEnd, keysEnd []int
	made             []record.Entry
}

func (p *Producer) newBatch() *batch {
	b := &batch{Producer: p}
	b.follow()
	if p.config.Gzip {
		b.zip = gzip.NewWriter(&b.zipped)
	}
	return b
}

// follow takes over the template that somebody has changed. The batch is empty then.
func (b *batch) follow() {
	if t := b.template.Load(); t != b.by {
		b.by, b.generator = t, t.Generator(b.config.Seed)
	}
}

// add makes record k of a job.
func (b *batch) add(j *job, k int) error {
	i := j.first + int64(k)
	kind, place, content := spoil.None, i, i
	if b.spoils {
		kind = b.config.Bad.Kind(b.config.Seed, i)
		place = b.config.Bad.Original(b.config.Seed, i)
		content = b.config.Bad.Number(b.config.Seed, place)
	}
	if j.times != nil {
		b.generator.SetTime(j.times[k])
	}
	way := kind
	if kind == spoil.Duplicate {
		way = b.config.Bad.Kind(b.config.Seed, place)
	}
	start := len(b.data)
	if err := b.content(j, k, content, way); err != nil {
		return err
	}
	if b.spoils {
		b.data = way.Record(b.data, start, b.generator.Rand())
	}
	b.finish(start)
	if err := b.addKey(way, place); err != nil {
		b.data = b.data[:start]
		return err
	}
	b.dataEnd = append(b.dataEnd, len(b.data))
	b.keysEnd = append(b.keysEnd, len(b.keys))
	if kind != spoil.None {
		b.report(i, kind, way)
	}
	return nil
}

// content appends what the record would be if it were good.
func (b *batch) content(j *job, k int, number int64, way spoil.Kind) (err error) {
	if b.spoils {
		switch way {
		case spoil.Late:
			b.generator.SetBehind(spoil.LateBy)
		case spoil.OutOfOrder:
			b.generator.SetBehind(spoil.OutOfOrderBy)
		default:
			b.generator.SetBehind(0)
		}
	}
	if j.lines != nil {
		b.generator.Skip(number)
		b.data = append(b.data, j.lines[k]...)
		return nil
	}
	b.data, err = b.generator.Append(b.data, number)
	return err
}

// finish ends the record that starts there, or packs it.
func (b *batch) finish(start int) {
	if b.config.Newline {
		b.data = append(b.data, '\n')
	}
	if b.zip == nil {
		return
	}
	b.zipped.Reset()
	b.zip.Reset(&b.zipped)
	// A buffer takes everything.
	_, _ = b.zip.Write(b.data[start:])
	_ = b.zip.Close()
	b.data = append(b.data[:start], b.zipped.Bytes()...)
}

// addKey makes the partition key. A record that should end in quarantine is marked by it.
func (b *batch) addKey(way spoil.Kind, place int64) (err error) {
	switch {
	case b.spoils && way.Ends() == "quarantine":
		b.keys = append(b.keys, way.Key(place)...)
	case b.config.Key != nil:
		b.keys, err = b.generator.AppendWith(b.keys, b.config.Key)
	default:
		b.keys = strconv.AppendUint(b.keys, b.generator.Rand().Uint64N(1e10), 10)
	}
	return err
}

// report tells of the bad record that was added last.
func (b *batch) report(number int64, kind, way spoil.Kind) {
	b.counts.bad[kind].Add(1)
	if b.config.OnBad == nil {
		return
	}
	data, key := b.last()
	sum := sha256.Sum256(data)
	ends := kind.Ends()
	if kind == spoil.Duplicate {
		ends = way.Ends()
	}
	b.config.OnBad(Bad{Number: number, Kind: kind.String(), Ends: ends, Key: string(key), SHA256: hex.EncodeToString(sum[:])})
}

// last is the data and the key of the record that was added last.
func (b *batch) last() (data, key []byte) {
	n := len(b.dataEnd) - 1
	dataStart, keyStart := 0, 0
	if n > 0 {
		dataStart, keyStart = b.dataEnd[n-1], b.keysEnd[n-1]
	}
	return b.data[dataStart:], b.keys[keyStart:]
}

// entries are the records made since the last reset. They are valid until the next one.
func (b *batch) entries() []record.Entry {
	keys := string(b.keys)
	data, key := 0, 0
	for i, end := range b.dataEnd {
		b.made = append(b.made, record.Entry{PartitionKey: keys[key:b.keysEnd[i]], Data: b.data[data:end:end]})
		data, key = end, b.keysEnd[i]
	}
	return b.made
}

func (b *batch) reset() {
	b.data, b.keys, b.made = b.data[:0], b.keys[:0], b.made[:0]
	b.dataEnd, b.keysEnd = b.dataEnd[:0], b.keysEnd[:0]
}
