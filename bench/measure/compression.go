package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"

	fast "github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compression measures what it costs to compress an object of rows, and how much smaller it becomes.
func compression(ctx context.Context, s settings) ([]table, error) {
	var tables []table
	for _, size := range sizes() {
		t, err := compressionOf(ctx, s, size)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	tables[len(tables)-1].notes = []string{
		"The objects are those of the record path above, lineage columns included. Every compressed object is unpacked once and compared.",
		"One core; the compressors are kept from object to object.",
	}
	return tables, nil
}

// compressor makes a small object of a large one.
type compressor struct {
	name     string
	compress func(dst *bytes.Buffer, csv []byte) error
}

func compressors() ([]compressor, error) {
	slow, err := gzip.NewWriterLevel(nil, gzip.DefaultCompression)
	if err != nil {
		return nil, err
	}
	quick, err := fast.NewWriterLevel(nil, fast.BestSpeed)
	if err != nil {
		return nil, err
	}
	out := []compressor{
		{"compress/gzip, default (-6)", func(dst *bytes.Buffer, csv []byte) error {
			slow.Reset(dst)
			_, err := slow.Write(csv)
			return firstOf(err, slow.Close())
		}},
		{"klauspost gzip -1", func(dst *bytes.Buffer, csv []byte) error {
			quick.Reset(dst)
			_, err := quick.Write(csv)
			return firstOf(err, quick.Close())
		}},
	}
	for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault} {
		z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		out = append(out, compressor{"zstd, " + level.String(), func(dst *bytes.Buffer, csv []byte) error {
			_, err := dst.Write(z.EncodeAll(csv, dst.AvailableBuffer()))
			return err
		}})
	}
	return out, nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func compressionOf(ctx context.Context, s settings, size int) (table, error) {
	o, err := newOurs()
	if err != nil {
		return table{}, err
	}
	event := kinesisEvent(size)
	csv, err := o.handle(event)
	if err != nil {
		return table{}, err
	}
	csv = bytes.Clone(csv)
	all, err := compressors()
	if err != nil {
		return table{}, err
	}
	contenders := []contender{here("the record path, for comparison", func() error { _, err := o.handle(event); return err })}
	ratios := []string{"1.0"}
	for _, c := range all {
		var out bytes.Buffer
		if err := c.compress(&out, csv); err != nil {
			return table{}, fmt.Errorf("%s: %w", c.name, err)
		}
		if err := unpacks(out.Bytes(), csv); err != nil {
			return table{}, fmt.Errorf("%s: %w", c.name, err)
		}
		ratios = append(ratios, digits(float64(len(csv))/float64(out.Len())))
		contenders = append(contenders, here(c.name, func() error {
			out.Reset()
			return c.compress(&out, csv)
		}))
	}
	results, err := one(func() ([]result, error) { return contest(ctx, s, contenders) })
	if err != nil {
		return table{}, err
	}
	t := table{
		text: fmt.Sprintf("Objects of %s rows, %d bytes a row, %d rounds:", grouped(int64(size)), len(csv)/size, s.rounds),
		head: []string{"", "ns per row", "times the record path", "smaller by ×"},
	}
	for i, r := range results {
		per := spreadOf(r.times)
		per = spread{per.low / float64(size), per.median / float64(size), per.high / float64(size)}
		t.rows = append(t.rows, []string{r.name, per.String(), times(results[0], r).String(), ratios[i]})
	}
	t.rows[0][2] = ""
	return t, nil
}

// unpacks reports what keeps a compressed object from being the one it was made of.
func unpacks(compressed, csv []byte) error {
	var out bytes.Buffer
	if bytes.HasPrefix(compressed, []byte{0x1f, 0x8b}) {
		r, err := gzip.NewReader(bytes.NewReader(compressed))
		if err != nil {
			return err
		}
		if _, err := out.ReadFrom(r); err != nil {
			return err
		}
	} else {
		z, err := zstd.NewReader(bytes.NewReader(compressed))
		if err != nil {
			return err
		}
		defer z.Close()
		if _, err := out.ReadFrom(z); err != nil {
			return err
		}
	}
	if !bytes.Equal(out.Bytes(), csv) {
		return fmt.Errorf("it does not unpack to the object")
	}
	return nil
}
