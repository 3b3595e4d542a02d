// Package session is who is logged in and what holds for their next statement: tokens, settings, variables, the open
// transaction.
//
// All of it is in memory and ends with the process. It may begin and end transactions of the engine; it reads users of
// the catalog and changes nothing there.
package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
	"github.com/snowstream/snowstream/local/warehouse/fault"
)

const (
	// maxSessions bounds the sessions that are open at once.
	maxSessions = 1000
	// tokenValidity and masterValidity are the service's: an hour, and four hours without use.
	tokenValidity  = time.Hour
	masterValidity = 4 * time.Hour
	// ServerVersion is what CURRENT_VERSION() answers.
	ServerVersion = "10.41.2"
)

// Session is one login. Its transaction, if any, owns a connection; outside a transaction it holds nothing.
type Session struct {
	ID int64
	// Client is what the client program calls itself: Go, PythonConnector, JDBC, ….
	Client  string
	User    *catalog.User
	account *catalog.Account
	engine  *engine.Engine

	mu        sync.Mutex // covers the fields below
	info      Info
	settings  map[string]any
	variables map[string]string
	token     string
	master    string
	tokenEnd  time.Time
	masterEnd time.Time
	merge     readMerge

	statement sync.Mutex          // held while a statement of an open transaction runs
	tx        *engine.Transaction // covered by statement
}

// Info is what a session works with when a statement names nothing else.
type Info struct {
	DatabaseName  string `json:"databaseName"`
	SchemaName    string `json:"schemaName"`
	WarehouseName string `json:"warehouseName"`
	RoleName      string `json:"roleName"`
}

// Parameter is a session parameter told to the client.
type Parameter struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// Registry are all logins, found by the hash of their tokens. They live in memory: after a restart clients log in again.
type Registry struct {
	account                  *catalog.Account
	engine                   *engine.Engine
	validity, masterValidity time.Duration

	mu       sync.Mutex // covers the maps
	nextID   int64
	all      map[int64]*Session
	byToken  map[[32]byte]*Session
	byMaster map[[32]byte]*Session
}

func NewRegistry(a *catalog.Account, e *engine.Engine, validity, master time.Duration) *Registry {
	if validity == 0 {
		validity, master = tokenValidity, masterValidity
	}
	return &Registry{
		account: a, engine: e, validity: validity, masterValidity: master, nextID: time.Now().UnixMicro(),
		all: map[int64]*Session{}, byToken: map[[32]byte]*Session{}, byMaster: map[[32]byte]*Session{},
	}
}

func NewToken() string {
	var secret [48]byte
	_, _ = rand.Read(secret[:])
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

func hashToken(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// Open makes a session for a program that calls itself client, or says why there is none.
func (all *Registry) Open(user *catalog.User, client string, info Info, settings map[string]any) (*Session, *fault.Error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.all) >= maxSessions {
		return nil, fault.New(390151, "08004", "Too many open sessions (%d): close some and log in again.", maxSessions)
	}
	all.nextID++
	now := time.Now()
	s := &Session{
		ID: all.nextID, User: user, Client: client, account: all.account, engine: all.engine, info: info, settings: DefaultSettings(), variables: map[string]string{},
		token: NewToken(), master: NewToken(), tokenEnd: now.Add(all.validity), masterEnd: now.Add(all.masterValidity),
	}
	values := map[string]any{}
	for name, value := range settings {
		// What a server does not know at login it passes over: clients send their own options, too.
		if name = strings.ToUpper(name); known(name) {
			values[name] = value
		}
	}
	if refused := s.put(values); refused != nil {
		return nil, refused
	}
	all.all[s.ID], all.byToken[hashToken(s.token)], all.byMaster[hashToken(s.master)] = s, s, s
	return s, nil
}

// Find is the session of a token, or why there is none.
func (all *Registry) Find(token string) (*Session, *fault.Error) {
	all.mu.Lock()
	s := all.byToken[hashToken(token)]
	all.mu.Unlock()
	if s == nil {
		return nil, fault.New(390104, "08001", "Authentication token is missing or not valid. Log in again.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case now.After(s.masterEnd):
		return nil, fault.New(390114, "08001", "Authentication token has expired. The user must authenticate again.")
	case now.After(s.tokenEnd):
		return nil, fault.New(390112, "08001", "Your session has expired. The token must be renewed.")
	}
	s.masterEnd = now.Add(all.masterValidity)
	return s, nil
}

// Renew gives the session of the master token a new pair of tokens. The old session token ends at once.
func (all *Registry) Renew(master string) (*Session, *fault.Error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	s := all.byMaster[hashToken(master)]
	if s == nil {
		return nil, fault.New(390114, "08001", "Authentication token has expired. The user must authenticate again.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.After(s.masterEnd) {
		return nil, fault.New(390114, "08001", "Authentication token has expired. The user must authenticate again.")
	}
	delete(all.byToken, hashToken(s.token))
	s.token, s.tokenEnd, s.masterEnd = NewToken(), now.Add(all.validity), now.Add(all.masterValidity)
	all.byToken[hashToken(s.token)] = s
	return s, nil
}

// Close ends a session and rolls its transaction back.
func (all *Registry) Close(s *Session) {
	all.mu.Lock()
	s.mu.Lock()
	delete(all.byToken, hashToken(s.token))
	delete(all.byMaster, hashToken(s.master))
	s.mu.Unlock()
	delete(all.all, s.ID)
	all.mu.Unlock()
	s.statement.Lock()
	defer s.statement.Unlock()
	s.tx.Abandon()
	s.tx = nil
}

// Expire closes sessions whose master token is over, and rolls back transactions that were idle since before.
func (all *Registry) Expire(now time.Time, txIdle time.Duration) {
	all.mu.Lock()
	open := slices.Collect(maps.Values(all.all))
	all.mu.Unlock()
	for _, s := range open {
		s.mu.Lock()
		over := now.After(s.masterEnd)
		s.mu.Unlock()
		if over {
			all.Close(s)
			continue
		}
		if !s.statement.TryLock() {
			continue
		}
		if s.tx != nil && now.Sub(s.tx.Used) > txIdle {
			s.tx.Abandon()
			s.tx = nil
		}
		s.statement.Unlock()
	}
}

func (all *Registry) CloseAll() {
	all.mu.Lock()
	open := slices.Collect(maps.Values(all.all))
	all.mu.Unlock()
	for _, s := range open {
		all.Close(s)
	}
}

// grants are the tokens of a session, and how long they are good for.
type grants struct {
	Token, Master            string
	Validity, MasterValidity time.Duration
	Parameters               []Parameter
	Info                     Info
}

func (s *Session) Granted() grants {
	s.mu.Lock()
	defer s.mu.Unlock()
	return grants{Token: s.token, Master: s.master, Validity: time.Until(s.tokenEnd), MasterValidity: time.Until(s.masterEnd), Parameters: s.parameters(), Info: s.info}
}

// State is where the session stands: its database, schema, warehouse and role, and its parameters by name.
func (s *Session) State() (Info, []Parameter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info, s.parameters()
}

// parameters lists the settings by name. The caller holds s.mu.
func (s *Session) parameters() []Parameter {
	list := make([]Parameter, 0, len(s.settings))
	for _, name := range slices.Sorted(maps.Keys(s.settings)) {
		list = append(list, Parameter{Name: name, Value: s.settings[name]})
	}
	return list
}

// Env is what the reader of SQL must know about the session.
func (s *Session) Env() dialect.Env {
	s.mu.Lock()
	defer s.mu.Unlock()
	return dialect.Env{
		Database: s.info.DatabaseName, Schema: s.info.SchemaName, Role: s.info.RoleName, Warehouse: s.info.WarehouseName,
		User: strings.ToUpper(s.User.Name), Account: strings.ToUpper(s.account.Name), Session: fmt.Sprint(s.ID), Version: ServerVersion,
		Region: s.account.Region, SessionID: s.ID, Variables: maps.Clone(s.variables),
	}
}

// readMerge is a MERGE that was read, with what it was read with.
type readMerge struct {
	text string
	env  dialect.Env
	is   *dialect.Merge
}

// Parse reads a statement. It keeps a session's last MERGE, for whoever writes a table sends the same one again and
// again, and reading it takes a fifth of the time that a small one takes.
func (s *Session) Parse(text string, env dialect.Env) (dialect.Statement, error) {
	s.mu.Lock()
	last := s.merge
	s.mu.Unlock()
	if last.is != nil && last.text == text && reflect.DeepEqual(last.env, env) {
		return last.is, nil
	}
	parsed, err := dialect.Parse(text, env)
	if merge, ok := parsed.(*dialect.Merge); ok {
		s.mu.Lock()
		s.merge = readMerge{text, env, merge}
		s.mu.Unlock()
	}
	return parsed, err
}

// Setting is a parameter's text, in capitals.
func (s *Session) Setting(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ToUpper(fmt.Sprint(s.settings[name]))
}

// Use makes a new database or schema the session's, as CREATE does.
func (s *Session) Use(database, schema string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.info.DatabaseName, s.info.SchemaName = database, schema
}

// Assume makes a warehouse or a role the session's.
func (s *Session) Assume(kind, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case "WAREHOUSE":
		s.info.WarehouseName = name
	case "ROLE":
		s.info.RoleName = name
	}
}

// Set gives variables their values, as literals of SQL.
func (s *Session) Set(names, literals []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, name := range names {
		s.variables[name] = literals[i]
	}
}

// Unset forgets variables.
func (s *Session) Unset(names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		delete(s.variables, name)
	}
}

// ReadsArrow says whether answers to queries go to the client as Arrow: the Python connector reads them by default.
func (s *Session) ReadsArrow() bool {
	return strings.HasPrefix(s.Client, "Python") && s.Setting("PYTHON_CONNECTOR_QUERY_RESULT_FORMAT") != "JSON"
}
