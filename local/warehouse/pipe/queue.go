package pipe

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/engine"
)

// queue takes bucket notifications for pipes and keeps them in the database until their files are loaded. Messages
// that arrive together are committed together.
type queue struct {
	engine *engine.Engine

	mu      sync.Mutex // covers the fields below
	nextID  int64
	waiting []*arrival
	busy    bool
}

// arrival is a message that waits for the commit of its notices.
type arrival struct {
	byPipe map[int64][]string
	done   chan error
}

func openQueue(ctx context.Context, e *engine.Engine) (*queue, error) {
	q := &queue{engine: e}
	err := e.DB.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM "warehouse"."queue"`).Scan(&q.nextID)
	if err != nil {
		return nil, fmt.Errorf("read the queue of notices: %w", err)
	}
	return q, nil
}

// insert writes notices in the transaction of conn.
func (q *queue) insert(ctx context.Context, conn *sql.Conn, pipe int64, keys []string, received time.Time) error {
	if len(keys) == 0 {
		return nil
	}
	q.mu.Lock()
	first := q.nextID + 1
	q.nextID += int64(len(keys))
	q.mu.Unlock()
	_, err := conn.ExecContext(ctx, `INSERT INTO "warehouse"."queue" SELECT $1::BIGINT + i - 1, $2::BIGINT, k[i], $3::TIMESTAMPTZ
		FROM (SELECT k, unnest(range(1, len(k) + 1)) AS i FROM (SELECT $4::VARCHAR[] AS k))`, first, pipe, received.UTC(), keys)
	return err
}

// send commits the notices of one message, together with those of others that arrive meanwhile. The first to come
// commits for all who wait.
func (q *queue) send(ctx context.Context, byPipe map[int64][]string) error {
	a := &arrival{byPipe: byPipe, done: make(chan error, 1)}
	q.mu.Lock()
	q.waiting = append(q.waiting, a)
	lead := !q.busy
	q.busy = true
	q.mu.Unlock()
	if lead {
		q.commit(context.WithoutCancel(ctx))
	}
	return <-a.done
}

func (q *queue) commit(ctx context.Context) {
	for {
		q.mu.Lock()
		batch := q.waiting
		q.waiting = nil
		q.busy = len(batch) > 0
		q.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		now := time.Now()
		err := q.engine.Autocommit(ctx, func(ctx context.Context, conn *sql.Conn) error {
			for _, a := range batch {
				for pipe, keys := range a.byPipe {
					if err := q.insert(ctx, conn, pipe, keys, now); err != nil {
						return err
					}
				}
			}
			return nil
		})
		for _, a := range batch {
			a.done <- err
		}
	}
}
