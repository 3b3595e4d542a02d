package engine

import (
	"context"
	"sync"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
)

// MaxWaiters is the service's limit of statements that wait for one table.
const MaxWaiters = 20

// Locks are the locks that UPDATE, DELETE, MERGE and DDL take on a table until their transaction ends. DuckDB
// would fail the second of two writers at once where Snowflake lets it wait, so the waiting is done here, in the order of arrival.
type Locks struct {
	mu     sync.Mutex
	tables map[dialect.Name]*tableLock
}

// tableLock is held by one owner; the others queue.
type tableLock struct {
	holder *Owner
	queue  []*lockWait
}

type lockWait struct {
	owner   *Owner
	granted chan struct{}
}

// Owner is a transaction, or an autocommit statement, as a holder of locks. All fields are covered by tableLocks.mu.
type Owner struct {
	held    []dialect.Name
	waiting *tableLock
}

func newLocks() *Locks { return &Locks{tables: map[dialect.Name]*tableLock{}} }

// Acquire waits until owner holds the lock of table, at most for limit. It fails with 625 when the queue is full, when
// waiting would never end, and when the time is over.
func (l *Locks) Acquire(ctx context.Context, owner *Owner, table dialect.Name, limit time.Duration) error {
	l.mu.Lock()
	lock := l.tables[table]
	if lock == nil {
		lock = &tableLock{}
		l.tables[table] = lock
	}
	switch {
	case lock.holder == owner:
		l.mu.Unlock()
		return nil
	case lock.holder == nil:
		l.grant(lock, owner, table)
		l.mu.Unlock()
		return nil
	case len(lock.queue) >= MaxWaiters:
		l.mu.Unlock()
		return fault.New(625, "57014", "Statement was aborted because the number of waiters for the lock of table '%s' exceeds the %d statements limit.", table, MaxWaiters)
	case deadlock(lock, owner):
		l.mu.Unlock()
		return fault.New(625, "57014", "Statement was aborted: it waits for table '%s' in a circle with another transaction. Roll back and repeat.", table)
	}
	wait := &lockWait{owner: owner, granted: make(chan struct{})}
	lock.queue = append(lock.queue, wait)
	owner.waiting = lock
	l.mu.Unlock()
	return l.wait(ctx, lock, wait, table, limit)
}

func (l *Locks) wait(ctx context.Context, lock *tableLock, wait *lockWait, table dialect.Name, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var err error
	select {
	case <-wait.granted:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = fault.New(625, "57014", "Statement was aborted: the lock of table '%s' was not released within LOCK_TIMEOUT.", table)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-wait.granted: // in the last moment: the owner has it and releases it with the rest
		return nil
	default:
	}
	wait.owner.waiting = nil
	for i, other := range lock.queue {
		if other == wait {
			lock.queue = append(lock.queue[:i], lock.queue[i+1:]...)
			break
		}
	}
	return err
}

// deadlock follows the holders from lock and says whether one of them waits for something that owner holds.
func deadlock(lock *tableLock, owner *Owner) bool {
	for lock != nil {
		if lock.holder == owner {
			return true
		}
		if lock.holder == nil {
			return false
		}
		lock = lock.holder.waiting
	}
	return false
}

func (l *Locks) grant(lock *tableLock, owner *Owner, table dialect.Name) {
	lock.holder = owner
	owner.waiting = nil
	owner.held = append(owner.held, table)
}

// Release gives every lock of owner to the next in line.
func (l *Locks) Release(owner *Owner) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, table := range owner.held {
		lock := l.tables[table]
		lock.holder = nil
		if len(lock.queue) == 0 {
			delete(l.tables, table)
			continue
		}
		next := lock.queue[0]
		lock.queue = lock.queue[1:]
		l.grant(lock, next.owner, table)
		close(next.granted)
	}
	owner.held = nil
}

// lockState is a lock that is held, and how many wait for it.
type lockState struct {
	Table   dialect.Name
	Waiting int
}

// List is all locks that are held now.
func (l *Locks) List() []lockState {
	l.mu.Lock()
	defer l.mu.Unlock()
	var held []lockState
	for table, lock := range l.tables {
		held = append(held, lockState{table, len(lock.queue)})
	}
	return held
}
