// Package catalog is what exists in the account: databases, tables, stages, pipes, users, rights, and the views of
// INFORMATION_SCHEMA over them.
//
// Objects are in memory and in the database, and change in one commit with the tables that they describe. It may define
// and drop tables of users, and knows no statement, no session and no file.
package catalog

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
	"github.com/snowstream/snowstream/local/warehouse/engine"
)

// Object is anything that has a name in Snowflake: a database, a table, a pipe, a role, …. A published object never
// changes; a change publishes a copy.
type Object struct {
	ID      int64 // never used again, so it tells an object from its replacement
	Kind    string
	Name    dialect.Name
	Created time.Time
	Owner   string
	Comment string
	Body    Body
}

// Body is what only some kinds have. It is stored as JSON.
type Body struct {
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

type ObjectKey struct {
	Kind string
	Name dialect.Name
}

// Catalog is the published objects in memory. The database holds the same, written in the transaction that
// made the change; memory follows after the commit.
type Catalog struct {
	engine *engine.Engine
	ddl    sync.Mutex // one definition at a time

	mu     sync.RWMutex // covers the fields below
	byKey  map[ObjectKey]*Object
	nextID int64
	// temporary counts the temporary tables of all sessions: most of the time there is none to look for.
	temporary int
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

// Open reads the catalog that the database holds, or makes an empty one.
func Open(ctx context.Context, e *engine.Engine) (*Catalog, error) {
	if err := e.Install(ctx, catalogSchema()); err != nil {
		return nil, fmt.Errorf("make the catalog: %w", err)
	}
	c := &Catalog{engine: e, byKey: map[ObjectKey]*Object{}}
	rows, err := e.DB.QueryContext(ctx, `SELECT id, kind, db, sch, name, created, owner, comment, body FROM "warehouse"."objects"`)
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var o Object
		var text string
		if err := rows.Scan(&o.ID, &o.Kind, &o.Name.Database, &o.Name.Schema, &o.Name.Object, &o.Created, &o.Owner, &o.Comment, &text); err != nil {
			return nil, fmt.Errorf("read the catalog: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &o.Body); err != nil {
			return nil, fmt.Errorf("read the catalog: %s %s: %w", o.Kind, o.Name, err)
		}
		if o.Kind == "TABLE" {
			o.Name.Session = o.Body.Session
		}
		c.byKey[ObjectKey{o.Kind, o.Name}] = &o
		c.nextID = max(c.nextID, o.ID)
	}
	return c, rows.Err()
}

func (c *Catalog) Get(kind string, name dialect.Name) *Object {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byKey[ObjectKey{kind, name}]
}

// Relation is the table or view called name.
func (c *Catalog) Relation(name dialect.Name) *Object {
	if o := c.Get("TABLE", name); o != nil {
		return o
	}
	return c.Get("VIEW", name)
}

// Temporary are the names of a session's temporary tables, as those that they hide are called; nil for none.
func (c *Catalog) Temporary(session int64) map[dialect.Name]bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.temporary == 0 {
		return nil
	}
	var names map[dialect.Name]bool
	for key := range c.byKey {
		if key.Name.Session == session {
			if names == nil {
				names = map[dialect.Name]bool{}
			}
			hidden := key.Name
			hidden.Session = 0
			names[hidden] = true
		}
	}
	return names
}

// List is all objects of a kind that match, by name.
func (c *Catalog) List(kind string, match func(*Object) bool) []*Object {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var found []*Object
	for _, o := range c.byKey {
		if o.Kind == kind && (match == nil || match(o)) {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b *Object) int { return strings.Compare(a.Name.String(), b.Name.String()) })
	return found
}

// ByID finds an object that may have been replaced meanwhile: nil then.
func (c *Catalog) ByID(kind string, id int64) *Object {
	found := c.List(kind, func(o *Object) bool { return o.ID == id })
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// Draft is one definition in the making: rows written in its transaction, memory changed after the commit.
type Draft struct {
	Ctx   context.Context
	Conn  *sql.Conn
	Cat   *Catalog
	puts  []*Object
	Drops []*Object
	now   time.Time
}

// Define runs make as one durable definition.
func (c *Catalog) Define(ctx context.Context, make func(d *Draft) error) error {
	c.ddl.Lock()
	defer c.ddl.Unlock()
	var d *Draft
	err := c.engine.Autocommit(ctx, func(ctx context.Context, conn *sql.Conn) error {
		d = &Draft{Ctx: ctx, Conn: conn, Cat: c, now: time.Now().UTC()}
		return make(d)
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range d.Drops {
		if _, held := c.byKey[ObjectKey{o.Kind, o.Name}]; held && o.Name.Session != 0 {
			c.temporary--
		}
		delete(c.byKey, ObjectKey{o.Kind, o.Name})
	}
	for _, o := range d.puts {
		if _, held := c.byKey[ObjectKey{o.Kind, o.Name}]; !held && o.Name.Session != 0 {
			c.temporary++
		}
		c.byKey[ObjectKey{o.Kind, o.Name}] = o
	}
	return nil
}

func (d *Draft) Exec(text string, args ...any) error {
	_, err := d.Conn.ExecContext(d.Ctx, text, args...)
	return err
}

// Put writes o as a new object, or as the next form of one that keeps its ID.
func (d *Draft) Put(o *Object) error {
	if o.ID == 0 {
		d.Cat.mu.Lock()
		d.Cat.nextID++
		o.ID = d.Cat.nextID
		d.Cat.mu.Unlock()
		o.Created = d.now
	} else if err := d.forget(o.ID); err != nil {
		return err
	}
	text, err := json.Marshal(o.Body)
	if err != nil {
		return fmt.Errorf("store %s %s: %w", o.Kind, o.Name, err)
	}
	d.puts = append(d.puts, o)
	if err := d.Exec(`INSERT INTO "warehouse"."objects" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		o.ID, o.Kind, o.Name.Database, o.Name.Schema, o.Name.Object, o.Created, o.Owner, o.Comment, string(text)); err != nil {
		return err
	}
	for i, c := range o.Body.Columns {
		if err := d.Exec(`INSERT INTO "warehouse"."columns" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			o.ID, i+1, c.Name, c.Type.Base, c.Type.Name, !c.NotNull, Nullable(c.Default), Nullable(c.Comment), c.Type.Length, c.Type.Precision, c.Type.Scale); err != nil {
			return err
		}
	}
	return nil
}

func Nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (d *Draft) forget(id int64) error {
	if err := d.Exec(`DELETE FROM "warehouse"."objects" WHERE id = $1`, id); err != nil {
		return err
	}
	return d.Exec(`DELETE FROM "warehouse"."columns" WHERE object_id = $1`, id)
}

// Drop removes o and what hangs on it: the queue of a pipe, the tables of a schema.
func (d *Draft) Drop(o *Object) error {
	d.Drops = append(d.Drops, o)
	if err := d.forget(o.ID); err != nil {
		return err
	}
	switch o.Kind {
	case "TABLE", "VIEW":
		return d.Exec("DROP " + o.Kind + " IF EXISTS " + o.Name.DuckDB())
	case "PIPE":
		return d.Exec(`DELETE FROM "warehouse"."queue" WHERE pipe_id = $1`, o.ID)
	case "SCHEMA", "DATABASE":
		return d.dropWithin(o)
	}
	return nil
}

func (d *Draft) dropWithin(o *Object) error {
	d.Cat.mu.RLock()
	inside := slices.Collect(maps.Values(d.Cat.byKey))
	d.Cat.mu.RUnlock()
	for _, other := range inside {
		within := other.Name.Database == o.Name.Database && other.Name.Object != "" && (o.Kind == "DATABASE" || other.Name.Schema == o.Name.Schema)
		if within || o.Kind == "DATABASE" && other.Kind == "SCHEMA" && other.Name.Database == o.Name.Database {
			if other.Kind == "SCHEMA" {
				continue
			}
			if err := d.Drop(other); err != nil {
				return err
			}
		}
	}
	for _, other := range inside {
		if other.Kind == "SCHEMA" && other.Name.Database == o.Name.Database && (o.Kind == "DATABASE" || other == o) {
			if other != o {
				d.Drops = append(d.Drops, other)
				if err := d.forget(other.ID); err != nil {
					return err
				}
			}
			if err := d.Exec("DROP SCHEMA IF EXISTS " + dialect.Quote(other.Name.DuckDBSchema()) + " CASCADE"); err != nil {
				return err
			}
		}
	}
	return nil
}

// DropTemporary ends the temporary objects of one session, or of all with session 0.
func (c *Catalog) DropTemporary(ctx context.Context, session int64) error {
	ended := func(o *Object) bool { return o.Body.Session != 0 && (session == 0 || o.Body.Session == session) }
	kinds := []string{"TABLE", "STAGE"}
	if !slices.ContainsFunc(kinds, func(kind string) bool { return len(c.List(kind, ended)) > 0 }) {
		return nil
	}
	return c.Define(ctx, func(d *Draft) error {
		for _, kind := range kinds {
			for _, o := range d.Cat.List(kind, ended) {
				if err := d.Drop(o); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// PutSchema makes a schema: one of DuckDB called DATABASE.SCHEMA, since DuckDB's own databases are files.
func (d *Draft) PutSchema(name dialect.Name, owner, comment string) error {
	if err := d.Exec("CREATE SCHEMA IF NOT EXISTS " + dialect.Quote(name.DuckDBSchema())); err != nil {
		return err
	}
	return d.Put(&Object{Kind: "SCHEMA", Name: name, Owner: owner, Comment: comment})
}
