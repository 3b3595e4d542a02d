package warehouse

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

const (
	// maxSessions bounds the sessions that are open at once.
	maxSessions = 1000
	// tokenValidity and masterValidity are the service's: an hour, and four hours without use.
	tokenValidity  = time.Hour
	masterValidity = 4 * time.Hour
	// serverVersion is what CURRENT_VERSION() answers.
	serverVersion = "10.41.2"
)

// session is one login. Its transaction, if any, owns a connection; outside a transaction it holds nothing.
type session struct {
	id   int64
	user *User

	mu        sync.Mutex // covers the fields below
	info      sessionInfo
	settings  map[string]any
	variables map[string]string
	token     string
	master    string
	tokenEnd  time.Time
	masterEnd time.Time
	merge     readMerge

	statement sync.Mutex   // held while a statement of an open transaction runs
	tx        *transaction // covered by statement
}

// sessions are all logins, found by the hash of their tokens. They live in memory: after a restart clients log in again.
type sessions struct {
	validity, masterValidity time.Duration

	mu       sync.Mutex // covers the maps
	nextID   int64
	all      map[int64]*session
	byToken  map[[32]byte]*session
	byMaster map[[32]byte]*session
}

func newSessions(validity, master time.Duration) *sessions {
	return &sessions{
		validity: validity, masterValidity: master, nextID: time.Now().UnixMicro(),
		all: map[int64]*session{}, byToken: map[[32]byte]*session{}, byMaster: map[[32]byte]*session{},
	}
}

func newToken() string {
	var secret [48]byte
	_, _ = rand.Read(secret[:])
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

func hashToken(token string) [32]byte { return sha256.Sum256([]byte(token)) }

func (all *sessions) open(user *User, info sessionInfo, settings map[string]any) (*session, *failure) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.all) >= maxSessions {
		return nil, refuse(390151, "08004", "Too many open sessions (%d): close some and log in again.", maxSessions)
	}
	all.nextID++
	now := time.Now()
	s := &session{
		id: all.nextID, user: user, info: info, settings: defaultSettings(), variables: map[string]string{},
		token: newToken(), master: newToken(), tokenEnd: now.Add(all.validity), masterEnd: now.Add(all.masterValidity),
	}
	for name, value := range settings {
		s.settings[strings.ToUpper(name)] = value
	}
	s.settings["CLIENT_STAGE_ARRAY_BINDING_THRESHOLD"] = 0
	all.all[s.id], all.byToken[hashToken(s.token)], all.byMaster[hashToken(s.master)] = s, s, s
	return s, nil
}

// defaultSettings are the parameters told to the client at login. A binding threshold of 0 keeps array binds inline.
func defaultSettings() map[string]any {
	return map[string]any{
		"AUTOCOMMIT": true, "TIMEZONE": "Etc/UTC", "CLIENT_TELEMETRY_ENABLED": false, "CLIENT_PREFETCH_THREADS": 4,
		"CLIENT_SESSION_KEEP_ALIVE": false, "LOCK_TIMEOUT": 43200, "STATEMENT_TIMEOUT_IN_SECONDS": 172800,
		"TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ", "QUERY_TAG": "",
	}
}

// find is the session that the Authorization header names, or why there is none.
func (all *sessions) find(r *http.Request) (*session, *failure) {
	token := bearer(r)
	all.mu.Lock()
	s := all.byToken[hashToken(token)]
	all.mu.Unlock()
	if s == nil {
		return nil, refuse(390104, "08001", "Authentication token is missing or not valid. Log in again.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case now.After(s.masterEnd):
		return nil, refuse(390114, "08001", "Authentication token has expired. The user must authenticate again.")
	case now.After(s.tokenEnd):
		return nil, refuse(390112, "08001", "Your session has expired. The token must be renewed.")
	}
	s.masterEnd = now.Add(all.masterValidity)
	return s, nil
}

// bearer is the token in a header of the form Snowflake Token="…".
func bearer(r *http.Request) string {
	_, rest, found := strings.Cut(r.Header.Get("Authorization"), `Snowflake Token="`)
	if !found {
		return ""
	}
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

// renew gives the session that the master token names a new pair of tokens. The old session token ends at once.
func (all *sessions) renew(r *http.Request) (*session, *failure) {
	all.mu.Lock()
	defer all.mu.Unlock()
	s := all.byMaster[hashToken(bearer(r))]
	if s == nil {
		return nil, refuse(390114, "08001", "Authentication token has expired. The user must authenticate again.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.After(s.masterEnd) {
		return nil, refuse(390114, "08001", "Authentication token has expired. The user must authenticate again.")
	}
	delete(all.byToken, hashToken(s.token))
	s.token, s.tokenEnd, s.masterEnd = newToken(), now.Add(all.validity), now.Add(all.masterValidity)
	all.byToken[hashToken(s.token)] = s
	return s, nil
}

// close ends a session and rolls its transaction back.
func (all *sessions) close(s *session) {
	all.mu.Lock()
	s.mu.Lock()
	delete(all.byToken, hashToken(s.token))
	delete(all.byMaster, hashToken(s.master))
	s.mu.Unlock()
	delete(all.all, s.id)
	all.mu.Unlock()
	s.statement.Lock()
	defer s.statement.Unlock()
	s.tx.abandon()
	s.tx = nil
}

// expire closes sessions whose master token is over, and rolls back transactions that were idle since before.
func (all *sessions) expire(now time.Time, txIdle time.Duration) {
	all.mu.Lock()
	open := slices.Collect(maps.Values(all.all))
	all.mu.Unlock()
	for _, s := range open {
		s.mu.Lock()
		over := now.After(s.masterEnd)
		s.mu.Unlock()
		if over {
			all.close(s)
			continue
		}
		if !s.statement.TryLock() {
			continue
		}
		if s.tx != nil && now.Sub(s.tx.used) > txIdle {
			s.tx.abandon()
			s.tx = nil
		}
		s.statement.Unlock()
	}
}

func (all *sessions) closeAll() {
	all.mu.Lock()
	open := slices.Collect(maps.Values(all.all))
	all.mu.Unlock()
	for _, s := range open {
		all.close(s)
	}
}

func (s *session) loginData() loginData {
	s.mu.Lock()
	defer s.mu.Unlock()
	return loginData{
		Token: s.token, MasterToken: s.master, SessionID: s.id, ServerVersion: serverVersion, DisplayUserName: strings.ToUpper(s.user.Name),
		Validity: int64(time.Until(s.tokenEnd).Seconds()), MasterValidity: int64(time.Until(s.masterEnd).Seconds()),
		Parameters: s.parameters(), SessionInfo: s.info,
	}
}

// parameters lists the settings by name. The caller holds s.mu.
func (s *session) parameters() []parameter {
	list := make([]parameter, 0, len(s.settings))
	for _, name := range slices.Sorted(maps.Keys(s.settings)) {
		list = append(list, parameter{Name: name, Value: s.settings[name]})
	}
	return list
}

// env is what the reader of SQL must know about the session.
func (s *session) env(account, region string) dialect.Env {
	s.mu.Lock()
	defer s.mu.Unlock()
	return dialect.Env{
		Database: s.info.DatabaseName, Schema: s.info.SchemaName, Role: s.info.RoleName, Warehouse: s.info.WarehouseName,
		User: strings.ToUpper(s.user.Name), Account: strings.ToUpper(account), Session: fmt.Sprint(s.id), Version: serverVersion,
		Region: region, Variables: maps.Clone(s.variables),
	}
}

// readMerge is a MERGE that was read, with what it was read with.
type readMerge struct {
	text string
	env  dialect.Env
	is   *dialect.Merge
}

// parse reads a statement. It keeps a session's last MERGE, for whoever writes a table sends the same one again and
// again, and reading it takes a fifth of the time that a small one takes.
func (s *session) parse(text string, env dialect.Env) (dialect.Statement, error) {
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

// setting is a parameter's text, in capitals.
func (s *session) setting(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ToUpper(fmt.Sprint(s.settings[name]))
}
