package simulation

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/snowstream/snowstream/record/rawzone"
)

// compress draws how this seed's objects are packed: not at all, all alike, or as each process was started. The draws are
// apart from all others, so that the setting changes nothing else in a run.
func (w *world) compress(seed uint64) {
	all := rawzone.Compressions()
	w.settings = rand.New(rand.NewPCG(seed, 0xc0_de))
	switch n := w.settings.IntN(5); {
	case n < len(all):
		w.compressions = all[n : n+1]
	default:
		w.compressions = all
	}
}

// compression is what the next process is started with.
func (w *world) compression() rawzone.Compression {
	switch len(w.compressions) {
	case 0:
		return rawzone.None
	case 1:
		return w.compressions[0]
	}
	return w.compressions[w.settings.IntN(len(w.compressions))]
}

// readRows reads an object of rows as Snowflake does with COMPRESSION = AUTO: its name says how it is packed. It shares no
// code with the writer.
func readRows(key string, body []byte) ([]row, error) {
	text, err := unpacked(key, body)
	if err != nil {
		return nil, err
	}
	return readCSV(text)
}

func unpacked(key string, body []byte) ([]byte, error) {
	var in io.Reader = bytes.NewReader(body)
	switch _, extension, _ := strings.Cut(key, ".csv"); extension {
	case "":
	case ".gz":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		in = z
	case ".zst":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		in = z
	default:
		return nil, fmt.Errorf("the extension %s means nothing", extension)
	}
	return io.ReadAll(in)
}

// TestSettingChanges: a writer dies after each call of a batch, and the next ones were started with another compression. They
// void or cover the name that the ledger has, and not the one that they would have given.
func TestSettingChanges(t *testing.T) {
	for _, before := range rawzone.Compressions() {
		for _, after := range rawzone.Compressions() {
			for call := 1; call <= 6; call++ {
				inCalm(t, func(w *world) {
					const at, end = 4, 10
					s := w.shardOne()
					s.records[at+1].spoil()
					w.compressions = []rawzone.Compression{before}
					dying := w.fresh(t)
					if err := w.deliver(dying, 0, at); err != nil {
						t.Fatal(err)
					}
					w.dieAfter(dying, call, at, end)
					w.compressions = []rawzone.Compression{after}
					for _, to := range []int{end - 2, end, end + 5} {
						if err := w.deliver(w.fresh(t), at, to); err != nil {
							t.Fatalf("%s, %s, call %d: %v", before, after, call, err)
						}
					}
					w.wantRows(t, end+5)
					w.wantNames(t, before, after)
				})
			}
		}
	}
}

// dieAfter delivers records to a process that is killed after a call.
func (w *world) dieAfter(p *orchestratorProcess, call, from, to int) {
	var batch []byte
	w.locked(func() {
		p.begin(functionTimeout)
		p.left, p.after = call, true
		batch = event(w.shardOne().id, w.shardOne().records[from:to])
	})
	_ = p.function.Handle(p.ctx, batch)
}

// wantNames checks that the first object is packed as before, and the last one as after.
func (w *world) wantNames(t *testing.T, before, after rawzone.Compression) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var last rawzone.Name
	end := rawzone.None
	for _, key := range w.bucket.keys(rawzone.Rows) {
		n, ok := w.chain(w.shardOne().id).Name(key)
		if !ok {
			t.Errorf("%s is not an object of the shard", key)
		}
		if n.Ordinal > last.Ordinal {
			last, end = n, rawzone.CompressionOf(key)
		}
		if n.Ordinal == base(w.shardOne().id)+1 && rawzone.CompressionOf(key) != before {
			t.Errorf("the first object is %s, with --compress %s", key, before)
		}
	}
	if end != after {
		t.Errorf("the last object is packed with %s, want %s", end, after)
	}
}
