package dialect

import "strings"

// shown are the objects that SHOW lists, longest names first.
const shown = "PRIMARY KEYS,UNIQUE KEYS,IMPORTED KEYS,EXPORTED KEYS,USER FUNCTIONS,USER PROCEDURES,EXTERNAL FUNCTIONS,DYNAMIC TABLES,EXTERNAL TABLES," +
	"ICEBERG TABLES,EVENT TABLES,HYBRID TABLES,MATERIALIZED VIEWS,MASKING POLICIES,ROW ACCESS POLICIES,TAGS,SECRETS,ALERTS,FILE FORMATS,NETWORK POLICIES,RESOURCE MONITORS,STORAGE INTEGRATIONS,TABLES,VIEWS,PIPES,STAGES,SCHEMAS,DATABASES,INTEGRATIONS," +
	"WAREHOUSES,USERS,ROLES,COLUMNS,PARAMETERS,VARIABLES,TRANSACTIONS,LOCKS,GRANTS,OBJECTS,STREAMS,TASKS,SEQUENCES,FUNCTIONS,PROCEDURES,CHANNELS"

func (p *parser) show() Statement {
	s := &Show{}
	s.Terse = p.words("TERSE")
	s.Kind = p.shownKind()
	s.History = p.words("HISTORY")
	if s.Kind == "GRANTS" {
		p.showGrants(s)
	}
	if p.words("LIKE") {
		s.Like, s.HasLike = p.str(), true
	}
	if p.words("IN") || p.words("FOR") {
		p.showIn(s)
	}
	if p.words("STARTS", "WITH") {
		s.StartsWith = p.str()
	}
	if p.words("LIMIT") {
		s.Limit = p.whole()
		if p.words("FROM") {
			s.From = p.str()
		}
	}
	return s
}

func (p *parser) shownKind() string {
	for kind := range strings.SplitSeq(shown, ",") {
		if p.words(strings.Fields(kind)...) {
			return strings.TrimPrefix(kind, "STORAGE ")
		}
	}
	t := p.peek()
	if t.class != classWord {
		p.fail(unexpected(t))
	}
	p.fail(unsupported(t, "SHOW "+t.folded))
	return ""
}

// showIn reads what IN names. A bare name is a schema, or a table for SHOW COLUMNS.
func (p *parser) showIn(s *Show) {
	switch {
	case p.words("ACCOUNT"):
		s.InKind = "ACCOUNT"
	case p.words("SESSION"):
		s.InKind = "SESSION"
	case p.words("DATABASE"):
		s.InKind = "DATABASE"
		if p.namesFollow() {
			s.In = p.databaseName()
		} else {
			s.In = Name{Database: p.env.Database}
		}
	case p.words("SCHEMA"):
		s.InKind = "SCHEMA"
		if p.namesFollow() {
			s.In = p.schemaName()
		} else {
			s.In = Name{Database: p.env.Database, Schema: p.env.Schema}
		}
	case p.words("PIPE"):
		s.InKind, s.In = "PIPE", p.object()
	case p.isAny("TABLE", "VIEW"):
		p.at++
		s.InKind, s.In = "TABLE", p.object()
	case s.Kind == "COLUMNS" || strings.HasSuffix(s.Kind, " KEYS"):
		s.InKind, s.In = "TABLE", p.object()
	case s.Kind == "SCHEMAS":
		s.InKind, s.In = "DATABASE", p.databaseName()
	default:
		s.InKind, s.In = "SCHEMA", p.schemaName()
	}
}

// namesFollow tells whether a name is next rather than another clause.
func (p *parser) namesFollow() bool {
	t := p.peek()
	return t.class == classQuoted || t.class == classWord && !p.isAny("STARTS", "LIMIT", "LIKE")
}

// showGrants reads ON kind name, TO kind name and OF ROLE name.
func (p *parser) showGrants(s *Show) {
	switch {
	case p.words("ON", "ACCOUNT"):
		s.OnKind = "ACCOUNT"
	case p.words("ON"):
		s.OnKind = p.mustKind("SHOW GRANTS ON")
		s.On = p.nameOf(s.OnKind)
	case p.is("TO"), p.is("OF"):
		s.Members = p.take().folded == "OF"
		s.GranteeKind = p.mustKind("SHOW GRANTS TO")
		s.Grantee = p.single()
	}
}
