// Package s3 is an S3 server for one machine: the raw zone of the local stack.
//
// # What it speaks
//
// The REST protocol of S3 in path style, as the official SDKs speak it: buckets; objects with metadata, ranges,
// copies and conditional reads and writes; versions and delete markers; the listings; multipart uploads; notifications of new
// objects to queues; lifecycle rules, of which expirations have an effect.
// A request for anything else is refused with NotImplemented and the name of what was asked for, so that a test
// against this server never passes because something was ignored. Requests must be signed or presigned, but no
// signature is checked: the listener belongs on the loopback interface.
//
// A key may be any 1 to 1,024 bytes. Those that XML cannot carry are listed faithfully only with encoding-type=url.
//
// The handler must see request paths as they were sent. Do not mount it behind an http.ServeMux, which cleans "..",
// "." and "//" out of keys.
//
// # What an answer promises
//
// An object, its metadata and the notification it owes are one file, written aside, flushed and renamed into its
// folder, and the folder is flushed before the client hears of it: two flushes a write. What was acknowledged survives
// kill -9 and power loss; what was not is absent or whole. After a failed flush nothing more is acknowledged until a
// restart. Content that does not match its length or one of its checksums, in headers or in trailers, is not stored.
//
// Conditions are decided under the lock of their key: of many writers with If-None-Match: * exactly one wins.
//
// With versioning each write and each delete marker is a file of its own that is never replaced, and the newest of them is what
// a key shows: a crash leaves the one before or the new one, and a file that cannot be read never lets an older one show.
//
// Every MiB at rest has a checksum, checked before any of it is served: a changed byte is an InternalError, never
// content.
//
// # Notifications
//
// A new object that matches a rule is announced to the rule's queue at least once and in the order of the writes, in
// the JSON of AWS, with SQS's SendMessage and SendMessageBatch calls, four calls a second at most. While the queue is out of reach messages wait, also over restarts.
//
// # Bounds
//
// Memory grows with the number of objects (about 250 bytes each), of undelivered notifications (1 KB each) and of
// uploads in progress; multipart uploads that lie idle for a day are dropped. Bodies are never held in memory.
//
// # Below Config.Dir
//
//	buckets/<name>/bucket.json           creation time and notification rules
//	buckets/<name>/objects/<SHA-256>     an object under the digest of its key; its footer is JSON
//	buckets/<name>/versions/<SHA-256>-<sequence number>    with versioning: all but the null version of each key
//	uploads/<id>/                        a multipart upload: upload.json and the parts by number
//	outbox/                              messages whose objects are gone, and how far each queue was served
//	epoch, lock, tmp/                    number of starts, the running server's lock, files being written
package s3

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/rclone/gofakes3"
)

const (
	fileLock  = "lock"
	fileEpoch = "epoch"
	// epochShift leaves a run 2^40 sequence numbers.
	epochShift = 40
)

// Config says what to serve. Dir, Region and AccountID are required.
type Config struct {
	// Dir is the folder of all state, created if missing. One server at a time may have it open.
	Dir string
	// Region is the region the server stands for; queues must be in it.
	Region string
	// AccountID is the 12-digit account that owns everything.
	AccountID string
	// QueueEndpoint is the base URL of an SQS-compatible endpoint (JSON protocol) that notifications are sent to, such
	// as http://127.0.0.1:7403. Without it they wait in the outbox.
	QueueEndpoint string
	// Log receives failures and redeliveries, with names of buckets and files and never with content; nil discards it.
	Log *slog.Logger
	// Say is told, in a sentence and once, what was let go because it can never come: notifications to a queue that does
	// not exist. It is called concurrently; nil is for nobody.
	Say func(string)
	// Timed is told how long each PutObject of a key took, receiving and flushing included. It must be quick, and is
	// called concurrently; nil is for nobody.
	Timed func(key string, took time.Duration)
}

// Server is an S3 server; it is an http.Handler and safe for concurrent use.
type Server struct {
	backend *backend
	handler http.Handler
	region  string
	account string
	lock    *flock.Flock

	closed   atomic.Bool
	closing  sync.Once
	closeErr error
}

// Open recovers the state under cfg.Dir and starts delivering notifications. It fails if another server has the folder
// open, or if state other than an object is damaged; damaged objects are logged and answer with InternalError.
func Open(cfg Config) (*Server, error) {
	if cfg.Dir == "" || cfg.Region == "" || cfg.AccountID == "" {
		return nil, errors.New("open the S3 server: Dir, Region and AccountID are required")
	}
	if cfg.Say == nil {
		cfg.Say = func(string) {}
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := makeFolder(cfg.Dir); err != nil {
		return nil, fmt.Errorf("open the S3 server: %w", err)
	}
	lock := flock.New(filepath.Join(cfg.Dir, fileLock))
	if ok, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("open the S3 server: lock its folder: %w", err)
	} else if !ok {
		return nil, fmt.Errorf("open the S3 server: another process serves %s; stop it first", cfg.Dir)
	}
	b, err := openBackend(cfg, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the S3 server in %s: %w", cfg.Dir, err), lock.Unlock())
	}
	return &Server{backend: b, handler: b.library.Server(), region: cfg.Region, account: cfg.AccountID, lock: lock}, nil
}

func openBackend(cfg Config, log *slog.Logger) (*backend, error) {
	d, err := openDisk(cfg.Dir)
	if err != nil {
		return nil, err
	}
	epoch, err := d.nextEpoch()
	if err != nil {
		return nil, err
	}
	var s *sender
	if cfg.QueueEndpoint != "" {
		s = newSender(cfg.QueueEndpoint, cfg.Region, log)
	}
	box, err := openOutbox(d, s, epoch<<epochShift, log, cfg.Say)
	if err != nil {
		return nil, err
	}
	b := &backend{
		disk: d, outbox: box, log: log, region: cfg.Region, account: cfg.AccountID, timed: cfg.Timed,
		seed: maphash.MakeSeed(), buckets: map[string]*bucket{}, uploads: uploads{byID: map[string]*upload{}},
	}
	// Local clocks may be false on purpose, so the library's limit on the age of a request is off.
	b.library = gofakes3.New(b, gofakes3.WithTimeSkewLimit(0))
	if err := b.load(); err != nil {
		return nil, errors.Join(err, box.close())
	}
	return b, nil
}

func (b *backend) load() error {
	f, err := b.loadBuckets()
	if err != nil {
		return err
	}
	if err := b.loadUploads(f.uploads); err != nil {
		return err
	}
	if err := b.outbox.restore(f.notices); err != nil {
		return err
	}
	b.outbox.tasks.Go(b.outbox.saveCursors)
	b.outbox.tasks.Go(b.expireAll)
	return nil
}

// nextEpoch counts the starts of the server. The count stands before every sequence number, so that they grow over
// restarts whatever the clock says and whichever objects were deleted.
func (d *disk) nextEpoch() (uint64, error) {
	data, err := os.ReadFile(d.path(fileEpoch))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("read the number of starts: %w", err)
	}
	var epoch uint64
	if err == nil {
		if epoch, err = strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64-epochShift); err != nil {
			return 0, fmt.Errorf("read the number of starts: the file %s holds no number: %w", fileEpoch, err)
		}
	}
	epoch++
	return epoch, d.write(d.root, fileEpoch, []byte(strconv.FormatUint(epoch, 10)+"\n"))
}

// Objects returns how many objects a bucket holds under a prefix, and their bytes together. It reads memory only.
func (s *Server) Objects(bucket, prefix string) (count, bytes int64, err error) {
	bk, err := s.backend.bucket(bucket)
	if err != nil {
		return 0, 0, fmt.Errorf("count the objects of bucket %s: %w", bucket, err)
	}
	count, bytes = bk.index.total(prefix)
	return count, bytes, nil
}

// Flush returns when every notification owed has been delivered, or with an error that says how many have not when
// ctx ends.
func (s *Server) Flush(ctx context.Context) error { return s.backend.outbox.flush(ctx) }

// Waiting says what a Flush waits for at this moment; it is empty while none does.
func (s *Server) Waiting() string { return s.backend.outbox.waiting() }

// Close waits for the writes under way, stops delivering and releases the folder; undelivered notifications stay there
// for the next run. Requests are answered with 503 from then on. Further calls return the first result.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.closed.Store(true)
		err := s.backend.outbox.close()
		s.backend.disk.close()
		if s.backend.outbox.sender != nil {
			s.backend.outbox.sender.client.CloseIdleConnections()
		}
		s.closeErr = errors.Join(err, s.lock.Unlock())
	})
	return s.closeErr
}
