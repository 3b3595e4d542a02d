package e2e

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/snowstream/snowstream/internal/long"
)

// earlierFolder is a data folder of 23 November 2026, before generations and Snowpipe Streaming: two shards, 196 rows, 4 records in
// quarantine, and a stack that was killed. Its keys and logs were taken out.
const earlierFolder = "testdata/folder-before-generations.tar.gz"

// unpack writes an archive's files below a folder.
func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(name, 0o700)
		} else {
			var content []byte
			if content, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(name, content, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestFolderOfAnEarlierVersion opens a folder of an earlier version. Its rows, objects and quarantine stay as they are, its shards
// go on where they were, by both row paths, and the audit and the repair know both halves.
func TestFolderOfAnEarlierVersion(t *testing.T) {
	long.Test(t)
	for _, path := range []string{"snowpipe", "merge"} {
		t.Run(path, func(t *testing.T) {
			dir := t.TempDir()
			unpack(t, earlierFolder, dir)
			l, o := quiet(t, dir, by(path)...)
			before := map[string]map[place]row{}
			for _, table := range both {
				before[table] = o.rows(t, table)
			}
			objects, _ := o.ranges(t)
			o.put(t, batchOf(1000, 100))
			o.exact(t, 296)
			repairTwice(t, dir)
			o.exec(t, `DELETE FROM `+both[0]+` WHERE MOD("_ORDINAL", 40) = 3`)
			repairTwice(t, dir)
			o.exact(t, 296)
			for _, table := range both {
				if n := o.number(t, `SELECT COUNT(*) FROM `+table+` WHERE "_GENERATION" IS NOT NULL`); n != 0 {
					t.Errorf("%s has %d rows of a new generation: the shards did not go on", table, n)
				}
				after := o.rows(t, table)
				for at, want := range before[table] {
					if after[at] != want {
						t.Errorf("%s has %+v at %v, and had %+v", table, after[at], at, want)
					}
				}
				if len(before[table]) != 196 {
					t.Errorf("%s had %d rows", table, len(before[table]))
				}
			}
			if now, _ := o.ranges(t); len(now) <= len(objects) || len(quarantineOf(t, dir)) != 4 {
				t.Errorf("%d objects, and there were %d; %d records in quarantine", len(now), len(objects), len(quarantineOf(t, dir)))
			}
			l.stop(t).complete(t)
		})
	}
}
