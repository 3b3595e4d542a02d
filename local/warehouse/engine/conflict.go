package engine

import (
	"errors"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// IsConflict says whether the statement lost against a concurrent transaction and may be tried again.
func IsConflict(err error) bool {
	var engine *duckdb.Error
	if !errors.As(err, &engine) {
		return false
	}
	if engine.Type != duckdb.ErrorTypeTransaction {
		// What an appender reports has lost its type.
		return strings.HasPrefix(engine.Msg, "Failed to append: Transaction conflict")
	}
	text := strings.ToLower(engine.Msg)
	return strings.Contains(text, "conflict") || strings.Contains(text, "concurrent transaction")
}

// isInUse says whether a macro could not be replaced because the default of a column calls it. It stays as it was when
// that table was made, which an older release may have done.
func isInUse(err error) bool {
	var engine *duckdb.Error
	return errors.As(err, &engine) && engine.Type == duckdb.ErrorTypeDependency
}

// endsTransaction says whether DuckDB has aborted the open transaction because of err.
func endsTransaction(err error) bool {
	var engine *duckdb.Error
	if !errors.As(err, &engine) {
		return false
	}
	switch engine.Type {
	case duckdb.ErrorTypeParser, duckdb.ErrorTypeSyntax, duckdb.ErrorTypeCatalog, duckdb.ErrorTypeBinder, duckdb.ErrorTypeConnection, duckdb.ErrorTypeParameterNotAllowed:
		return false
	}
	return true
}
