package session

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
)

// setting is a parameter of a session.
type setting struct {
	// value is the default. A parameter without one is not told to clients before somebody sets it.
	value any
	// only lists the other values that mean the same here. With it the parameter cannot be changed: what would change values
	// or their texts in a way that this warehouse does not do is refused, not passed over.
	only []string
	// free says that any value will do: the parameter has no part in what a statement answers, or is obeyed.
	free bool
}

// settings are the parameters that are known. Others are refused, except those of clients, which the server only keeps.
func settings() map[string]setting {
	free := func(value any) setting { return setting{value: value, free: true} }
	only := func(value any, same ...string) setting { return setting{value: value, only: same} }
	return map[string]setting{
		"AUTOCOMMIT": free(true), "QUERY_TAG": free(""), "LOCK_TIMEOUT": free(43200), "STATEMENT_TIMEOUT_IN_SECONDS": free(172800),
		"STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": free(0), "MULTI_STATEMENT_COUNT": free(nil), "USE_CACHED_RESULT": free(true), "ROWS_PER_RESULTSET": only(0),
		"ABORT_DETACHED_QUERY": free(false), "LOG_LEVEL": free(nil), "TRACE_LEVEL": free(nil), "DEFAULT_DDL_COLLATION": only(""), "SEARCH_PATH": only("$current, $public"),
		"TIMEZONE": only("Etc/UTC", "UTC", "GMT", "Etc/GMT", "Etc/UCT", "UCT", "Zulu"), "WEEK_START": only(0, "1"), "WEEK_OF_YEAR_POLICY": only(0),
		"TIMESTAMP_TYPE_MAPPING": only("TIMESTAMP_NTZ"), "TIMESTAMP_DAY_IS_ALWAYS_24H": free(true), "TWO_DIGIT_CENTURY_START": only(1970),
		"DATE_INPUT_FORMAT": only("AUTO"), "TIME_INPUT_FORMAT": only("AUTO"), "TIMESTAMP_INPUT_FORMAT": only("AUTO"), "BINARY_INPUT_FORMAT": only("HEX"),
		"DATE_OUTPUT_FORMAT": only("YYYY-MM-DD"), "TIME_OUTPUT_FORMAT": only("HH24:MI:SS"), "BINARY_OUTPUT_FORMAT": only("HEX"),
		"TIMESTAMP_OUTPUT_FORMAT": only("YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM"), "TIMESTAMP_NTZ_OUTPUT_FORMAT": only("YYYY-MM-DD HH24:MI:SS.FF3"),
		"TIMESTAMP_LTZ_OUTPUT_FORMAT": only("", "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM"), "TIMESTAMP_TZ_OUTPUT_FORMAT": only("", "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM"),
		"GEOGRAPHY_OUTPUT_FORMAT": free(nil), "GEOMETRY_OUTPUT_FORMAT": free(nil), "JSON_INDENT": only(2), "STRICT_JSON_OUTPUT": only(false),
		"QUOTED_IDENTIFIERS_IGNORE_CASE": only(false), "ERROR_ON_NONDETERMINISTIC_MERGE": only(true), "ERROR_ON_NONDETERMINISTIC_UPDATE": only(false),
		"TRANSACTION_ABORT_ON_ERROR": only(false), "TRANSACTION_DEFAULT_ISOLATION_LEVEL": only("READ COMMITTED"),
		"CLIENT_TELEMETRY_ENABLED": free(false), "CLIENT_SESSION_KEEP_ALIVE": free(false), "CLIENT_PREFETCH_THREADS": free(4), "CLIENT_MEMORY_LIMIT": free(1536),
		"CLIENT_RESULT_CHUNK_SIZE": free(160), "CLIENT_RESULT_PREFETCH_SLOTS": free(2), "CLIENT_RESULT_PREFETCH_THREADS": free(1),
		"CLIENT_HONOR_CLIENT_TZ_FOR_TIMESTAMP_NTZ": free(true), "CLIENT_METADATA_REQUEST_USE_CONNECTION_CTX": free(false),
		"CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY": free(3600), "CLIENT_TIMESTAMP_TYPE_MAPPING": free("TIMESTAMP_LTZ"), "CLIENT_RESULT_COLUMN_CASE_INSENSITIVE": free(false),
	}
}

// ofClient tells the parameters that belong to a client and mean nothing to the server.
func ofClient(name string) bool {
	return slices.ContainsFunc([]string{"CLIENT_", "JDBC_", "ODBC_", "PYTHON_", "GO_", "NODE_", "JS_", "SNOWPARK_", "ENABLE_"}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// known tells the parameters that a session may have.
func known(name string) bool {
	_, of := settings()[name]
	return of || ofClient(name)
}

// DefaultSettings are the parameters told to the client at login.
func DefaultSettings() map[string]any {
	defaults := map[string]any{"CLIENT_STAGE_ARRAY_BINDING_THRESHOLD": inlineBinds}
	for name, s := range settings() {
		if s.value != nil {
			defaults[name] = s.value
		}
	}
	return defaults
}

// inlineBinds keeps array binds in the request: a client that may upload them would, and there is no stage to upload to.
const inlineBinds = 0

// check says why a parameter cannot have a value.
func check(name string, value any) *fault.Error {
	s, of := settings()[name]
	switch {
	case !known(name):
		return fault.New(1006, "22023", "SQL compilation error:\ninvalid parameter '%s'", name)
	case !of || s.free:
		return nil
	}
	text := fmt.Sprint(value)
	if strings.EqualFold(text, fmt.Sprint(s.value)) || slices.ContainsFunc(s.only, func(same string) bool { return strings.EqualFold(text, same) }) {
		return nil
	}
	return fault.Unsupported(fmt.Sprintf("%s = %s: it is always %v here", name, text, s.value))
}

// put sets parameters, all of them or none. The caller holds s.mu.
func (s *Session) put(values map[string]any) *fault.Error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := check(name, values[name]); err != nil {
			return err
		}
	}
	maps.Copy(s.settings, values)
	s.settings["CLIENT_STAGE_ARRAY_BINDING_THRESHOLD"] = inlineBinds
	return nil
}

// Alter does ALTER SESSION.
func (s *Session) Alter(st *dialect.AlterSession) error {
	values := map[string]any{}
	for _, o := range st.Set {
		var value any = o.Value.Text
		if truth, ok := o.Value.Bool(); ok && !o.Value.Quoted && o.Value.Text != "1" && o.Value.Text != "0" {
			value = truth
		} else if n, ok := o.Value.Int(); ok {
			value = n
		}
		values[o.Name] = value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.put(values); err != nil {
		return err
	}
	defaults := DefaultSettings()
	for _, name := range st.Unset {
		delete(s.settings, name)
		if value, ok := defaults[name]; ok {
			s.settings[name] = value
		}
	}
	return nil
}
