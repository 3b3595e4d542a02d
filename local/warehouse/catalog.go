package warehouse

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// object is anything that has a name in Snowflake: a database, a table, a pipe, a role, …. A published object never
// changes; a change publishes a copy.
type object struct {
	ID      int64 // never used again, so it tells an object from its replacement
	Kind    string
	Name    dialect.Name
	Created time.Time
	Owner   string
	Comment string
	Body    body
}

// body is what only some kinds have. It is stored as JSON.
type body struct {
	Columns     []dialect.Column `json:",omitempty"` // TABLE and VIEW
	ClusterBy   []string         `json:",omitempty"`
	Text        string           `json:",omitempty"` // VIEW: the statement; PIPE: the COPY
	Options     dialect.Options  `json:",omitempty"` // of FILE FORMAT the format, of STAGE its file format
	FormatName  *dialect.Name    `json:",omitempty"`
	URL         string           `json:",omitempty"`
	Integration string           `json:",omitempty"`
	ExternalID  string           `json:",omitempty"`
	AutoIngest  bool             `json:",omitempty"`
	Paused      bool             `json:",omitempty"`
	Copy        *dialect.Copy    `json:",omitempty"`
	Transient   bool             `json:",omitempty"`
	Session     int64            `json:",omitempty"` // of a temporary table: it ends with the session
	Privileges  []string         `json:",omitempty"` // GRANT
	OnKind      string           `json:",omitempty"`
	Grantee     string           `json:",omitempty"`
	GranteeKind string           `json:",omitempty"`
}

type objectKey struct {
	kind string
	name dialect.Name
}

// catalog is the published objects in memory. The database holds the same, written in the transaction that
// made the change; memory follows after the commit.
type catalog struct {
	engine *engine
	ddl    sync.Mutex // one definition at a time

	mu     sync.RWMutex // covers the fields below
	byKey  map[objectKey]*object
	nextID int64
}

// catalogSchema makes the tables of the catalog. No user schema can be called "warehouse": theirs have a dot.
func catalogSchema() []string {
	return append([]string{
		`CREATE SCHEMA IF NOT EXISTS "warehouse"`,
		`CREATE TABLE IF NOT EXISTS "warehouse"."objects" (id BIGINT, kind VARCHAR, db VARCHAR, sch VARCHAR, name VARCHAR,
			created TIMESTAMPTZ, owner VARCHAR, comment VARCHAR, body VARCHAR)`,
		`CREATE TABLE IF NOT EXISTS "warehouse"."columns" (object_id BIGINT, ordinal INTEGER, name VARCHAR, base VARCHAR, type VARCHAR,
			nullable BOOLEAN, default_text VARCHAR, comment VARCHAR, length BIGINT, "precision" BIGINT, scale BIGINT)`,
		`CREATE TABLE IF NOT EXISTS "warehouse"."history" (pipe_id BIGINT, table_id BIGINT, place VARCHAR, file VARCHAR, loaded TIMESTAMPTZ,
			row_count BIGINT, row_parsed BIGINT, file_size BIGINT, error_message VARCHAR, error_line BIGINT, error_character BIGINT,
			error_column VARCHAR, error_count BIGINT, error_limit BIGINT, status VARCHAR, received TIMESTAMPTZ,
			pipe_db VARCHAR, pipe_sch VARCHAR, pipe_name VARCHAR, table_db VARCHAR, table_sch VARCHAR, table_name VARCHAR, etag VARCHAR)`,
		`CREATE TABLE IF NOT EXISTS "warehouse"."queue" (id BIGINT, pipe_id BIGINT, file VARCHAR, received TIMESTAMPTZ)`,
	}, systemViews()...)
}

// openCatalog reads the catalog that the database holds, or makes an empty one.
func openCatalog(ctx context.Context, e *engine) (*catalog, error) {
	if err := e.install(ctx, catalogSchema()); err != nil {
		return nil, fmt.Errorf("make the catalog: %w", err)
	}
	c := &catalog{engine: e, byKey: map[objectKey]*object{}}
	rows, err := e.db.QueryContext(ctx, `SELECT id, kind, db, sch, name, created, owner, comment, body FROM "warehouse"."objects"`)
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var o object
		var text string
		if err := rows.Scan(&o.ID, &o.Kind, &o.Name.Database, &o.Name.Schema, &o.Name.Object, &o.Created, &o.Owner, &o.Comment, &text); err != nil {
			return nil, fmt.Errorf("read the catalog: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &o.Body); err != nil {
			return nil, fmt.Errorf("read the catalog: %s %s: %w", o.Kind, o.Name, err)
		}
		c.byKey[objectKey{o.Kind, o.Name}] = &o
		c.nextID = max(c.nextID, o.ID)
	}
	return c, rows.Err()
}

func (c *catalog) get(kind string, name dialect.Name) *object {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byKey[objectKey{kind, name}]
}

// relation is the table or view called name.
func (c *catalog) relation(name dialect.Name) *object {
	if o := c.get("TABLE", name); o != nil {
		return o
	}
	return c.get("VIEW", name)
}

// list is all objects of a kind that match, by name.
func (c *catalog) list(kind string, match func(*object) bool) []*object {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var found []*object
	for _, o := range c.byKey {
		if o.Kind == kind && (match == nil || match(o)) {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b *object) int { return strings.Compare(a.Name.String(), b.Name.String()) })
	return found
}

// byID finds an object that may have been replaced meanwhile: nil then.
func (c *catalog) byID(kind string, id int64) *object {
	found := c.list(kind, func(o *object) bool { return o.ID == id })
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// draft is one definition in the making: rows written in its transaction, memory changed after the commit.
type draft struct {
	ctx   context.Context
	conn  *sql.Conn
	cat   *catalog
	puts  []*object
	drops []*object
	now   time.Time
}

// define runs make as one durable definition.
func (c *catalog) define(ctx context.Context, make func(d *draft) error) error {
	c.ddl.Lock()
	defer c.ddl.Unlock()
	var d *draft
	err := c.engine.autocommit(ctx, func(ctx context.Context, conn *sql.Conn) error {
		d = &draft{ctx: ctx, conn: conn, cat: c, now: time.Now().UTC()}
		return make(d)
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range d.drops {
		delete(c.byKey, objectKey{o.Kind, o.Name})
	}
	for _, o := range d.puts {
		c.byKey[objectKey{o.Kind, o.Name}] = o
	}
	return nil
}

func (d *draft) exec(text string, args ...any) error {
	_, err := d.conn.ExecContext(d.ctx, text, args...)
	return err
}

// put writes o as a new object, or as the next form of one that keeps its ID.
func (d *draft) put(o *object) error {
	if o.ID == 0 {
		d.cat.mu.Lock()
		d.cat.nextID++
		o.ID = d.cat.nextID
		d.cat.mu.Unlock()
		o.Created = d.now
	} else if err := d.forget(o.ID); err != nil {
		return err
	}
	text, err := json.Marshal(o.Body)
	if err != nil {
		return fmt.Errorf("store %s %s: %w", o.Kind, o.Name, err)
	}
	d.puts = append(d.puts, o)
	if err := d.exec(`INSERT INTO "warehouse"."objects" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		o.ID, o.Kind, o.Name.Database, o.Name.Schema, o.Name.Object, o.Created, o.Owner, o.Comment, string(text)); err != nil {
		return err
	}
	for i, c := range o.Body.Columns {
		if err := d.exec(`INSERT INTO "warehouse"."columns" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			o.ID, i+1, c.Name, c.Type.Base, c.Type.Name, !c.NotNull, nullable(c.Default), nullable(c.Comment), c.Type.Length, c.Type.Precision, c.Type.Scale); err != nil {
			return err
		}
	}
	return nil
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (d *draft) forget(id int64) error {
	if err := d.exec(`DELETE FROM "warehouse"."objects" WHERE id = $1`, id); err != nil {
		return err
	}
	return d.exec(`DELETE FROM "warehouse"."columns" WHERE object_id = $1`, id)
}

// drop removes o and what hangs on it: the queue of a pipe, the tables of a schema.
func (d *draft) drop(o *object) error {
	d.drops = append(d.drops, o)
	if err := d.forget(o.ID); err != nil {
		return err
	}
	switch o.Kind {
	case "TABLE", "VIEW":
		return d.exec("DROP " + o.Kind + " IF EXISTS " + o.Name.DuckDB())
	case "PIPE":
		return d.exec(`DELETE FROM "warehouse"."queue" WHERE pipe_id = $1`, o.ID)
	case "SCHEMA", "DATABASE":
		return d.dropWithin(o)
	}
	return nil
}

func (d *draft) dropWithin(o *object) error {
	d.cat.mu.RLock()
	inside := slices.Collect(maps.Values(d.cat.byKey))
	d.cat.mu.RUnlock()
	for _, other := range inside {
		within := other.Name.Database == o.Name.Database && other.Name.Object != "" && (o.Kind == "DATABASE" || other.Name.Schema == o.Name.Schema)
		if within || o.Kind == "DATABASE" && other.Kind == "SCHEMA" && other.Name.Database == o.Name.Database {
			if other.Kind == "SCHEMA" {
				continue
			}
			if err := d.drop(other); err != nil {
				return err
			}
		}
	}
	for _, other := range inside {
		if other.Kind == "SCHEMA" && other.Name.Database == o.Name.Database && (o.Kind == "DATABASE" || other == o) {
			if other != o {
				d.drops = append(d.drops, other)
				if err := d.forget(other.ID); err != nil {
					return err
				}
			}
			if err := d.exec("DROP SCHEMA IF EXISTS " + dialect.Quote(other.Name.DuckDBSchema()) + " CASCADE"); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropTemporary ends the temporary objects of one session, or of all with session 0.
func (c *catalog) dropTemporary(ctx context.Context, session int64) error {
	ended := func(o *object) bool { return o.Body.Session != 0 && (session == 0 || o.Body.Session == session) }
	kinds := []string{"TABLE", "STAGE"}
	if !slices.ContainsFunc(kinds, func(kind string) bool { return len(c.list(kind, ended)) > 0 }) {
		return nil
	}
	return c.define(ctx, func(d *draft) error {
		for _, kind := range kinds {
			for _, o := range d.cat.list(kind, ended) {
				if err := d.drop(o); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// putSchema makes a schema: one of DuckDB called DATABASE.SCHEMA, since DuckDB's own databases are files.
func (d *draft) putSchema(name dialect.Name, owner, comment string) error {
	if err := d.exec("CREATE SCHEMA IF NOT EXISTS " + dialect.Quote(name.DuckDBSchema())); err != nil {
		return err
	}
	return d.put(&object{Kind: "SCHEMA", Name: name, Owner: owner, Comment: comment})
}
