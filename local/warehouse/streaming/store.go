package streaming

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Schema makes the tables that the server keeps its state in. They are in the schema of the warehouse's own tables, which
// must be there.
func Schema() []string {
	return []string{
		`CREATE SEQUENCE IF NOT EXISTS "warehouse"."channel_ids"`,
		`CREATE TABLE IF NOT EXISTS "warehouse"."channels" (id BIGINT, pipe_id BIGINT, pipe_db VARCHAR, pipe_sch VARCHAR, pipe_name VARCHAR, table_id BIGINT,
			name VARCHAR, created TIMESTAMPTZ, client BIGINT, "row" BIGINT, token VARCHAR, inserted BIGINT, parsed BIGINT, errors BIGINT,
			error_token VARCHAR, error_message VARCHAR, error_time TIMESTAMPTZ, used TIMESTAMPTZ, code VARCHAR, latency BIGINT)`,
		`CREATE TABLE IF NOT EXISTS "warehouse"."error_rows" (table_id BIGINT, noted TIMESTAMPTZ, code BIGINT, message VARCHAR, column_name VARCHAR,
			pipe VARCHAR, channel VARCHAR, token VARCHAR, data VARCHAR)`,
	}
}

const stateColumns = `id, pipe_id, pipe_db, pipe_sch, pipe_name, table_id, name, created, client, "row", token, inserted, parsed, errors,
	error_token, error_message, error_time, used, code, latency`

// load reads the channels as the last commits left them.
func (s *Server) load(ctx context.Context) error {
	return s.cfg.Account.Transaction(ctx, func(ctx context.Context, conn *sql.Conn) error {
		for _, statement := range Schema() {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("make the table of channels: %w", err)
			}
		}
		rows, err := conn.QueryContext(ctx, `SELECT `+stateColumns+` FROM "warehouse"."channels"`)
		if err != nil {
			return fmt.Errorf("read the channels: %w", err)
		}
		defer rows.Close()
		clear(s.channels)
		for rows.Next() {
			c := &channel{}
			st := &c.state
			if err := rows.Scan(&st.ID, &st.PipeID, &st.Pipe.Database, &st.Pipe.Schema, &st.Pipe.Object, &st.TableID, &st.Name, &st.Created,
				&st.Client, &st.Row, &st.Token, &st.Inserted, &st.Parsed, &st.Errors, &st.ErrorToken, &st.ErrorMessage, &st.ErrorTime,
				&st.Used, &st.Code, &st.Latency); err != nil {
				return fmt.Errorf("read the channels: %w", err)
			}
			c.next = st.Row
			s.channels[keyOf(&Pipe{ID: st.PipeID}, st.Name)] = c
		}
		return rows.Err()
	})
}

// store makes a channel's state durable. One without an ID gets one.
func (s *Server) store(ctx context.Context, st *state) error {
	err := s.cfg.Account.Transaction(ctx, func(ctx context.Context, conn *sql.Conn) error {
		if st.ID == 0 {
			if err := conn.QueryRowContext(ctx, `SELECT nextval('"warehouse"."channel_ids"')`).Scan(&st.ID); err != nil {
				return err
			}
		}
		return st.write(ctx, conn)
	})
	if err != nil {
		return fmt.Errorf("store a channel: %w", err)
	}
	return nil
}

// write replaces the row of a channel, in the transaction of conn.
func (st *state) write(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, `DELETE FROM "warehouse"."channels" WHERE id = $1`, st.ID); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, `INSERT INTO "warehouse"."channels" (`+stateColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`,
		st.ID, st.PipeID, st.Pipe.Database, st.Pipe.Schema, st.Pipe.Object, st.TableID, st.Name, st.Created, st.Client, st.Row, st.Token,
		st.Inserted, st.Parsed, st.Errors, st.ErrorToken, st.ErrorMessage, st.ErrorTime, st.Used, st.Code, st.Latency)
	return err
}

// forget removes a channel.
func (s *Server) forget(ctx context.Context, ids ...int64) error {
	err := s.cfg.Account.Transaction(ctx, func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `DELETE FROM "warehouse"."channels" WHERE id IN (SELECT unnest($1::BIGINT[]))`, ids)
		return err
	})
	if err != nil {
		return fmt.Errorf("drop a channel: %w", err)
	}
	return nil
}

// expire ends the channels that nobody has used since before.
func (s *Server) expire(ctx context.Context, before time.Time) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	s.mu.Lock()
	var idle []int64
	for _, c := range s.channels {
		if len(c.appends) == 0 && c.Used.Before(before) {
			idle = append(idle, c.ID)
		}
	}
	s.mu.Unlock()
	return s.remove(ctx, idle)
}

// remove ends channels, with what they have not committed. The caller holds committing.
func (s *Server) remove(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := s.forget(ctx, ids...); err != nil {
		return err
	}
	gone := map[int64]bool{}
	for _, id := range ids {
		gone[id] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, c := range s.channels {
		if gone[c.ID] {
			s.discard(c)
			delete(s.channels, key)
		}
	}
	return nil
}
