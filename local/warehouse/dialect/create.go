package dialect

// Properties by kind of object; a word that is not there is refused by name.
const (
	stageOptions = "URL STORAGE_INTEGRATION FILE_FORMAT COPY_OPTIONS DIRECTORY ENCRYPTION COMMENT AWS_ACCESS_POINT_ARN"
	pipeOptions  = "AUTO_INGEST ERROR_INTEGRATION AWS_SNS_TOPIC INTEGRATION COMMENT"
	placeOptions = "DATA_RETENTION_TIME_IN_DAYS MAX_DATA_EXTENSION_TIME_IN_DAYS DEFAULT_DDL_COLLATION LOG_LEVEL COMMENT"
	formatWords  = "TYPE FORMAT_NAME COMPRESSION RECORD_DELIMITER FIELD_DELIMITER FILE_EXTENSION PARSE_HEADER SKIP_HEADER SKIP_BLANK_LINES DATE_FORMAT TIME_FORMAT" +
		" TIMESTAMP_FORMAT BINARY_FORMAT ESCAPE ESCAPE_UNENCLOSED_FIELD TRIM_SPACE FIELD_OPTIONALLY_ENCLOSED_BY NULL_IF ERROR_ON_COLUMN_COUNT_MISMATCH" +
		" REPLACE_INVALID_CHARACTERS EMPTY_FIELD_AS_NULL SKIP_BYTE_ORDER_MARK ENCODING MULTI_LINE ENABLE_OCTAL ALLOW_DUPLICATE STRIP_OUTER_ARRAY STRIP_NULL_VALUES" +
		" IGNORE_UTF8_ERRORS USE_VECTORIZED_SCANNER BINARY_AS_TEXT USE_LOGICAL_TYPE SNAPPY_COMPRESSION COMMENT"
)

// create reads CREATE after its first word.
func (p *parser) create() Statement {
	orReplace := p.words("OR", "REPLACE")
	temporary, transient := false, false
	for {
		switch {
		case p.isAny("TEMPORARY", "TEMP", "VOLATILE"):
			temporary = true
		case p.is("TRANSIENT"):
			transient = true
		case p.is("SECURE") && p.ahead(1).folded == "VIEW", p.isAny("LOCAL", "GLOBAL"):
		default:
			return p.createKind(orReplace, temporary, transient)
		}
		p.at++
	}
}

func (p *parser) createKind(orReplace, temporary, transient bool) Statement {
	t := p.peek()
	kind := p.mustKind("CREATE")
	switch kind {
	case "TABLE":
		return p.createTable(&CreateTable{OrReplace: orReplace, Temporary: temporary, Transient: transient})
	case "VIEW":
		return p.createView(orReplace)
	case "DATABASE", "SCHEMA":
		return p.createPlace(kind, orReplace)
	case "FILE FORMAT":
		return p.createFileFormat(t, orReplace, temporary)
	case "STAGE":
		return p.createStage(t, orReplace, temporary)
	case "INTEGRATION":
		return p.createIntegration(t, orReplace)
	case "PIPE":
		return p.createPipe(t, orReplace)
	}
	a := &AccountStatement{Verb: "CREATE", Kind: kind, OrReplace: orReplace}
	a.IfNotExists = p.ifNotExists()
	a.Name = p.nameOf(kind)
	p.words("WITH")
	options := p.options()
	p.knownAccount(t, kind, options)
	a.Comment, a.Options = comment(options)
	return a
}

// knownAccount is known for an account object.
func (p *parser) knownAccount(t token, kind string, options Options) {
	if words := accountOptions(kind); words != "" {
		p.known(t, kind, options, words)
	}
}

// accountOptions are the properties of the account objects that a setup makes; a kind without a list takes any.
func accountOptions(kind string) string {
	switch kind {
	case "USER":
		return "TYPE PASSWORD LOGIN_NAME DISPLAY_NAME FIRST_NAME MIDDLE_NAME LAST_NAME EMAIL MUST_CHANGE_PASSWORD DISABLED DAYS_TO_EXPIRY MINS_TO_UNLOCK" +
			" DEFAULT_WAREHOUSE DEFAULT_NAMESPACE DEFAULT_ROLE DEFAULT_SECONDARY_ROLES MINS_TO_BYPASS_MFA RSA_PUBLIC_KEY RSA_PUBLIC_KEY_FP RSA_PUBLIC_KEY_2" +
			" RSA_PUBLIC_KEY_2_FP WORKLOAD_IDENTITY NETWORK_POLICY COMMENT"
	case "ROLE":
		return "COMMENT"
	case "WAREHOUSE":
		return "WAREHOUSE_TYPE WAREHOUSE_SIZE GENERATION RESOURCE_CONSTRAINT MAX_CLUSTER_COUNT MIN_CLUSTER_COUNT SCALING_POLICY AUTO_SUSPEND AUTO_RESUME" +
			" INITIALLY_SUSPENDED RESOURCE_MONITOR ENABLE_QUERY_ACCELERATION QUERY_ACCELERATION_MAX_SCALE_FACTOR MAX_CONCURRENCY_LEVEL" +
			" STATEMENT_QUEUED_TIMEOUT_IN_SECONDS STATEMENT_TIMEOUT_IN_SECONDS COMMENT"
	}
	return ""
}

// createPlace reads CREATE DATABASE and CREATE SCHEMA.
func (p *parser) createPlace(kind string, orReplace bool) Statement {
	ifNotExists := p.ifNotExists()
	t := p.peek()
	name := p.nameOf(kind)
	if p.isAny("CLONE", "FROM", "WITH") {
		p.fail(unsupported(p.peek(), "CREATE "+kind+" "+p.peek().folded))
	}
	options := p.options()
	p.known(t, kind, options, placeOptions)
	text, options := comment(options)
	if kind == "DATABASE" {
		return &CreateDatabase{Name: name.Database, OrReplace: orReplace, IfNotExists: ifNotExists, Comment: text, Options: options}
	}
	return &CreateSchema{Name: name, OrReplace: orReplace, IfNotExists: ifNotExists, Comment: text, Options: options}
}

// createView reads CREATE VIEW. A view cannot have binds.
func (p *parser) createView(orReplace bool) Statement {
	v := &CreateView{OrReplace: orReplace}
	v.IfNotExists = p.ifNotExists()
	v.Name = p.relation(false)
	columns := ""
	if p.isOperator("(") {
		p.viewColumns(v)
		columns = " (" + quoted(v.Columns) + ")"
	}
	p.words("COPY", "GRANTS")
	v.Comment, _ = comment(p.options())
	p.mustWords("AS")
	p.bare = true
	v.Query = p.topQuery()
	p.bare = false
	v.Text = p.since(0)
	v.SQL = "CREATE VIEW " + v.Name.DuckDB() + columns + " AS " + v.Query.SQL
	return v
}

// viewColumns reads (name [COMMENT 'text'], …).
func (p *parser) viewColumns(v *CreateView) {
	p.mustOperator("(")
	for {
		name, comment := p.identifier(), ""
		if p.words("COMMENT") {
			p.operator("=")
			comment = p.str()
		}
		if t := p.peek(); t.class == classWord {
			p.fail(unsupported(t, t.folded+" of a view's column"))
		}
		v.Columns, v.Comments = append(v.Columns, name), append(v.Comments, comment)
		if !p.operator(",") {
			break
		}
	}
	p.mustOperator(")")
}

func (p *parser) createFileFormat(t token, orReplace, temporary bool) Statement {
	f := &CreateFileFormat{OrReplace: orReplace, Temporary: temporary}
	f.IfNotExists = p.ifNotExists()
	f.Name = p.permanent()
	f.Comment, f.Format = comment(p.options())
	p.known(t, "FILE FORMAT", f.Format, formatWords)
	return f
}

func (p *parser) createStage(t token, orReplace, temporary bool) Statement {
	s := &CreateStage{OrReplace: orReplace, Temporary: temporary}
	s.IfNotExists = p.ifNotExists()
	s.Name = p.permanent()
	options := p.options()
	p.known(t, "STAGE", options, stageOptions)
	for _, o := range options {
		switch o.Name {
		case "URL":
			s.URL = o.Value.Text
		case "STORAGE_INTEGRATION":
			s.Integration = p.foldedName(o.Value)
		case "FILE_FORMAT":
			s.Format = p.fileFormat(t, o.Value)
			if name, ok := s.Format.Get("FORMAT_NAME"); ok {
				s.FormatName = p.completed(name)
			}
		case "COMMENT":
			s.Comment = o.Value.Text
		default:
			s.Options = append(s.Options, o)
		}
	}
	return s
}

// fileFormat reads the value of FILE_FORMAT: options in brackets, or the name of a format.
func (p *parser) fileFormat(t token, v Value) Options {
	if v.Options == nil && !v.IsList {
		v.Options = Options{{Name: "FORMAT_NAME", Value: v}}
	}
	p.known(t, "FILE_FORMAT", v.Options, formatWords)
	return v.Options
}

func (p *parser) createIntegration(t token, orReplace bool) Statement {
	kind := "STORAGE"
	if t.folded == "NOTIFICATION" {
		kind = "NOTIFICATION"
	}
	i := &CreateIntegration{Kind: kind, OrReplace: orReplace}
	i.IfNotExists = p.ifNotExists()
	i.Name = p.single()
	i.Comment, i.Options = comment(p.options())
	if kind == "STORAGE" {
		p.known(t, "INTEGRATION", i.Options, "TYPE STORAGE_PROVIDER ENABLED STORAGE_AWS_ROLE_ARN STORAGE_AWS_EXTERNAL_ID STORAGE_AWS_OBJECT_ACL STORAGE_ALLOWED_LOCATIONS STORAGE_BLOCKED_LOCATIONS USE_PRIVATELINK_ENDPOINT")
	}
	return i
}

func (p *parser) createPipe(t token, orReplace bool) Statement {
	c := &CreatePipe{OrReplace: orReplace}
	c.IfNotExists = p.ifNotExists()
	c.Name = p.permanent()
	options := p.options()
	p.known(t, "PIPE", options, pipeOptions)
	for _, o := range options {
		switch o.Name {
		case "AUTO_INGEST":
			value, ok := o.Value.Bool()
			if !ok {
				p.fail(compilation(t, 1, "22023", "AUTO_INGEST must be TRUE or FALSE."))
			}
			c.AutoIngest = value
		case "COMMENT":
			c.Comment = o.Value.Text
		default:
			c.Options = append(c.Options, o)
		}
	}
	p.mustWords("AS")
	first := p.at
	word := p.peek()
	p.mustWords("COPY")
	c.Copy = p.copyInto(word)
	c.Definition = p.since(first)
	p.pipeCopy(word, c.Copy)
	return c
}

// pipeCopy refuses the options that the COPY of a pipe cannot have.
func (p *parser) pipeCopy(t token, c *Copy) {
	option := ""
	switch {
	case c.Force:
		option = "FORCE"
	case c.Purge:
		option = "PURGE"
	case c.Files != nil:
		option = "FILES"
	case c.ValidationMode != "":
		option = "VALIDATION_MODE"
	case c.OnError == "ABORT_STATEMENT":
		option = "ON_ERROR = ABORT_STATEMENT"
	default:
		return
	}
	p.fail(unsupported(t, option+" in the COPY of a pipe"))
}
