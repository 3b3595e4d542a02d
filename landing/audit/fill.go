package audit

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// ahead is how many objects are read at once while rows are merged. An object is at most some 40 MiB.
const ahead = 8

// fill merges the rows of objects into the micro-batch table: many objects are read at once, and as many rows as fit into one
// statement go into it, whichever objects they come from. An object whose bytes are not ours is left out and said. done
// is called for each object. Two fills of one table do not run at once: they would wait for each other's locks.
func (m *mender) fill(ctx context.Context, objects []object, done func()) (inserted int64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	queue := make(chan chan opening, ahead)
	group.Go(func() error { // opens objects in order; the queue bounds how many are open
		defer close(queue)
		for _, o := range objects {
			next := make(chan opening, 1)
			select {
			case queue <- next:
			case <-ctx.Done():
				return ctx.Err()
			}
			group.Go(func() error {
				next <- m.open(ctx, o.key)
				return nil
			})
		}
		return nil
	})
	group.Go(func() error {
		var rows []rawRow
		flush := func() error {
			n, err := m.insertEach(ctx, rows)
			inserted, rows = inserted+n, nil
			return err
		}
		size := 0
		for next := range queue {
			o := <-next
			m.cost.Reads++
			if o.err != nil {
				if err := m.tolerate(ctx, nil, o.key, o.err); err != nil {
					return err
				}
				m.done.Left = append(m.done.Left, fmt.Sprintf("object %s: %s; `snowstream audit --repair` restores what is damaged, if the stream still has its records", o.key, m.broken[o.key].Note))
			}
			o.rows = m.wanted(o.rows)
			for _, r := range o.rows {
				size += r.size
			}
			if rows = append(rows, o.rows...); len(rows) >= leaf || size >= maxBind {
				if err := flush(); err != nil {
					return err
				}
				size = 0
			}
			done()
		}
		return flush()
	})
	err = group.Wait()
	return inserted, err
}

// opening is an object that was read, or why it was not.
type opening struct {
	key  string
	rows []rawRow
	err  error
}

// open reads an object, for many goroutines at once.
func (a *Auditor) open(ctx context.Context, key string) opening {
	csv, err := a.c.Lake.Read(ctx, key)
	if err != nil {
		return opening{key: key, err: err}
	}
	rows, err := parseRows(csv, a.c.Schema.TableColumns(), nil)
	if err != nil {
		return opening{key: key, err: &contentError{fmt.Errorf("object %s: %w", key, err)}}
	}
	return opening{key: key, rows: rows}
}

// insert merges rows into the micro-batch table, in one transaction.
func (m *mender) insert(ctx context.Context, rows []rawRow) (inserted int64, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	err = m.tools.Transaction(ctx, func(tx Statements) (err error) {
		inserted, err = m.merge(ctx, tx, Microbatch, rows)
		return err
	})
	return inserted, err
}
