package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Type is what a column holds. A payload's value either fits it exactly or its record goes to quarantine.
type Type uint8

// The column types and the Snowflake types they become. Whoever writes or reads values by their type has a test over Types.
const (
	Integer   Type = iota // a whole number of at most 38 digits: NUMBER(38,0)
	Number                // a decimal with a fixed scale: NUMBER(p,s)
	String                // text, any valid Unicode: VARCHAR
	Boolean               // true or false: BOOLEAN
	Timestamp             // a point in time: TIMESTAMP_NTZ(9) or (6), in UTC
	Variant               // any JSON value as its text: VARIANT
	Date                  // a day of the years 1 to 9999: DATE
	Time                  // a time of day with 6 decimal places of a second: TIME(6)
	Float                 // a binary64: FLOAT
)

var typeNames = [...]string{"integer", "number", "string", "boolean", "timestamp", "variant", "date", "time", "float"}

// String is the type's name in a schema file.
func (t Type) String() string { return typeNames[t] }

// Types are all types, in the order of their constants.
func Types() []Type {
	out := make([]Type, len(typeNames))
	for i := range out {
		out[i] = Type(i)
	}
	return out
}

// MaxDigits is the most digits a number can have in Snowflake.
const MaxDigits = 38

// Column says which field of the payload goes into which column of both tables, and what it must be.
type Column struct {
	// Path leads to the JSON field in the payload, one name for each level, matched exactly. A level that is there and
	// is no object is a value of the wrong type.
	Path []string
	// Name is the SQL column as Snowflake stores it, which for a plain identifier is upper case.
	Name string
	// Type decides which JSON values fit.
	Type Type
	// Precision and Scale belong to Number: at most Precision digits, Scale of them behind the point.
	Precision, Scale int
	// Forms are how a Timestamp, a Date or a Time is written in the payload; none is the first of FormWords. Each value is read
	// by the one form that fits it: forms that share texts are refused by Check.
	Forms []Form
	// Zone belongs to Timestamp: what a text without a zone means, as a name of the tz database or an offset; "" takes none.
	Zone string
	// Accept are the values of another JSON kind that are taken.
	Accept Accept
	// NonFinite belongs to Float.
	NonFinite NonFinite
	// Micros makes a Timestamp take 6 decimal places of a second and the years 1 to 9999, instead of 9 places and the
	// years 1678 to 2261, which is what 64 bits of nanoseconds hold.
	Micros bool
	// Required columns refuse a missing field and null; others store NULL for both.
	Required bool
}

// Field is the column's path as people write it.
func (c Column) Field() string { return strings.Join(c.Path, ".") }

// Policy says what becomes of fields that the schema does not name.
type Policy uint8

// The policies.
const (
	Ignore Policy = iota // they are checked as JSON and left out
	Keep                 // they go into one VARIANT column as an object, NULL if there are none
	Refuse               // their record goes to quarantine
)

var policyNames = [...]string{"ignore", "variant", "quarantine"}

// String is the policy's name in a schema file.
func (p Policy) String() string { return policyNames[p] }

// Schema is the shape of the records of one stream, the same for both tables.
type Schema struct {
	// Columns in table order; the lineage columns follow them.
	Columns []Column
	// Unknown is the policy for top-level and nested fields that no column's path names. A field below a path that is
	// itself a column belongs to that column.
	Unknown Policy
	// Rest is the VARIANT column that Keep fills; it stands behind Columns.
	Rest string
	// Payload says how a payload holds records.
	Payload Payload
	// Explode leads to an array in a record: each element becomes a row, with the element in the array's place.
	Explode []string
	// LastOne says that of the members of an object with the same name the last one counts. Without it their record is refused,
	// as readers disagree on which one does.
	LastOne bool
	// Origin are the lineage columns that are not in every table; they stand in front of the others.
	Origin Origin
	// Base64 says that a payload is base64 text, around or inside of compression.
	Base64 bool
	// Envelope is the form in which another system wraps its records.
	Envelope Envelope
	// Control says where records go that an envelope's system sends for itself.
	Control Control
	// Folder names the raw zone's folders: Folder.Label-<value of the top-level field Folder.Field>, such as sensor-6.
	Folder Folder
	// State says which row of a key is the current one; it shapes a view and no row.
	State State
}

// Folder groups the raw zone's objects for people who browse it. Nothing else depends on it.
type Folder struct{ Label, Field string }

// Sensor is the built-in schema: the sensor example of the Kinesis Data Generator.
func Sensor() Schema {
	return Schema{
		Columns: []Column{
			{Path: []string{"sensorId"}, Name: "SENSORID", Type: Integer, Required: true},
			{Path: []string{"currentTemperature"}, Name: "CURRENTTEMPERATURE", Type: Integer, Required: true},
			{Path: []string{"status"}, Name: "STATUS", Type: String, Required: true},
		},
		Folder: Folder{Label: "sensor", Field: "sensorId"},
	}
}

// Lineage are the columns that follow the user's in both tables: a record's identity and its arrival.
//
// _ORDINAL numbers a shard's records 1, 2, 3, ... without gaps, which Kinesis' sparse sequence numbers cannot do:
// it is what makes a missing row provable. _SEQUENCE is text, because no Snowflake number holds its 56 digits.
//
// _GENERATION says whose ordinals these are: streams, shards, buckets and ledgers come back under the same names, and a
// generation is one life of them. Rows from before there were generations have NULL, which is a generation like any other.
func Lineage() []Column {
	return []Column{
		{Name: "_SHARD", Type: String, Required: true},
		{Name: "_SEQUENCE", Type: String, Required: true},
		{Name: "_SUBSEQUENCE", Type: Integer, Required: true},
		{Name: "_ORDINAL", Type: Integer, Required: true},
		{Name: "_ARRIVED_AT", Type: Timestamp, Required: true},
		{Name: "_GENERATION", Type: String},
	}
}

// DataColumns are the user's columns: the schema's, and the one that takes the rest if there is one.
func (s Schema) DataColumns() []Column {
	columns := slices.Clone(s.Columns)
	if s.Unknown == Keep {
		columns = append(columns, Column{Name: s.Rest, Type: Variant})
	}
	return columns
}

// TableColumns are all columns of both tables, in order.
func (s Schema) TableColumns() []Column {
	return slices.Concat(s.DataColumns(), s.Origin.Columns(), Lineage())
}

// Column is the tables' column with a name.
func (s Schema) Column(name string) (Column, bool) {
	columns := s.TableColumns()
	i := slices.IndexFunc(columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return columns[i], true
}

// maxName is Snowflake's limit for an identifier.
const maxName = 255

// Check reports the first thing that keeps the schema from working.
func (s Schema) Check() error {
	if len(s.Columns) == 0 {
		return errors.New("the schema has no columns: name at least one field")
	}
	names := map[string]string{}
	for _, c := range slices.Concat(Lineage(), s.Origin.Columns(), s.DataColumns()) {
		if c.Name == "" || !utf8.ValidString(c.Name+strings.Join(c.Path, "")) || utf8.RuneCountInString(c.Name) > maxName || strings.ContainsRune(c.Name, 0) {
			return fmt.Errorf("field %q has no usable name: 1 to %d characters of UTF-8", c.Field(), maxName)
		}
		other, taken := names[FoldCase(c.Name)]
		switch {
		case taken && other == c.Name:
			return fmt.Errorf("column %q is there twice, or is one of the lineage columns", c.Name)
		case taken:
			return fmt.Errorf("columns %q and %q differ only in case: not every part on the way to the tables keeps them apart", other, c.Name)
		}
		names[FoldCase(c.Name)] = c.Name
	}
	for i, c := range s.Columns {
		if err := s.checkColumn(i, c); err != nil {
			return err
		}
	}
	return errors.Join(s.CheckWrapping(), s.CheckState())
}

// HasControl reports whether payloads may be control records.
func (s Schema) HasControl() bool { return s.Envelope.hasControl() || s.Payload == CloudWatchLogs }

// CheckWrapping reports what contradicts itself in Payload, Explode, Envelope and Control.
func (s Schema) CheckWrapping() error {
	switch {
	case len(s.Explode) >= maxDepth:
		return fmt.Errorf("explode leads through 1 to %d names", maxDepth-1)
	case len(s.Explode) > 0 && !slices.Equal(s.Exploded(), s.Explode):
		return fmt.Errorf("explode: the elements of %s become rows already, and only one array can", strings.Join(s.Exploded(), "."))
	case s.Payload == CloudWatchLogs && s.Envelope != NoEnvelope && s.Envelope != CloudWatch:
		return fmt.Errorf("the payload is that of CloudWatch Logs, and the envelope that of %s", s.Envelope)
	case s.Control != Aside && !s.HasControl():
		return errors.New("control: there are no control records without an envelope whose system sends some (dms, debezium, cloudwatch-logs, iot)")
	}
	return nil
}

// Exploded is the path to the array whose elements become rows: the schema's, or the envelope's own; nil if there is none.
func (s Schema) Exploded() []string {
	switch {
	case s.Envelope == CloudWatch, s.Payload == CloudWatchLogs:
		return CloudWatchLogsEvents()
	case s.Envelope == Firehose:
		return []string{"records"}
	case len(s.Explode) > 0:
		return s.Explode
	}
	return nil
}

// FoldCase is the same text for all names that differ only in case.
func FoldCase(name string) string { return strings.ToLower(strings.ToUpper(name)) }

func (s Schema) checkColumn(i int, c Column) error {
	if len(c.Path) == 0 || len(c.Path) >= maxDepth {
		return fmt.Errorf("column %q needs a field, at most %d levels deep", c.Name, maxDepth-1)
	}
	for _, other := range s.Columns[:i] {
		n := min(len(c.Path), len(other.Path))
		if slices.Equal(c.Path[:n], other.Path[:n]) {
			return fmt.Errorf("fields %q and %q overlap: one value cannot go into two columns", other.Field(), c.Field())
		}
	}
	if c.Type == Number && (c.Precision < 1 || c.Precision > MaxDigits || c.Scale < 0 || c.Scale > min(c.Precision, MaxDigits-1)) {
		return fmt.Errorf("column %q: number(%d,%d) is not a Snowflake number: precision 1 to %d, scale 0 to precision and at most %d",
			c.Name, c.Precision, c.Scale, MaxDigits, MaxDigits-1)
	}
	if err := c.CheckReading(); err != nil {
		return fmt.Errorf("column %q: %w", c.Name, err)
	}
	return nil
}

// CheckReading reports what is wrong with Forms, Zone, Accept and NonFinite: what does not belong to the type, what is never
// read, and above all what could be read in two ways.
func (c Column) CheckReading() error {
	switch {
	case c.NonFinite != RefuseNonFinite && c.Type != Float:
		return fmt.Errorf("nonfinite belongs to float, not to %s", c.Type)
	case c.Accept.Has(NumericText) && !c.takesNumbers():
		return fmt.Errorf("%s: a %s written like this takes no numbers, so none as text", acceptNames[0].name, c.Type)
	case c.Accept.Has(BooleanText) && c.Type != Boolean:
		return fmt.Errorf("%s: a %s takes no booleans, so none as text", acceptNames[1].name, c.Type)
	case c.Accept.Has(IntegralFloat) && c.Type != Integer:
		return fmt.Errorf("%s: a %s is no integer", acceptNames[2].name, c.Type)
	}
	_, err := c.compile()
	return err
}

// takesNumbers reports whether the column takes JSON numbers as such.
func (c Column) takesNumbers() bool {
	switch c.Type {
	case Integer, Number, Float:
		return true
	}
	return slices.ContainsFunc(c.forms(), func(f Form) bool { _, epoch := f.isEpoch(); return epoch })
}

// expected is what a column takes, for people who look at a quarantined record.
func (c Column) expected() string {
	text := c.Type.String()
	switch c.Type {
	case Integer:
		text = fmt.Sprintf("an integer of at most %d digits", MaxDigits)
	case Number:
		text = fmt.Sprintf("a number(%d,%d)", c.Precision, c.Scale)
	case String:
		text = "a string"
	case Boolean:
		text = "true or false"
	case Timestamp:
		first, last := c.years()
		text = fmt.Sprintf("a time written as %s, with %d decimal places of a second, years %d to %d", c.takes(), c.places(), first, last)
	case Date:
		text = "a date written as " + c.takes() + ", years 1 to 9999"
	case Time:
		text = fmt.Sprintf("a time of day written as %s, with %d decimal places of a second", c.takes(), c.places())
	case Float:
		text = "a number that a binary64 holds"
	case Variant:
		text = "a JSON value"
	}
	for _, word := range c.Accept.Words() {
		text += ", or " + word
	}
	if c.Required {
		return text + ", required"
	}
	return text + " or null"
}

// places is how many decimal places of a second a column keeps.
func (c Column) places() int {
	switch {
	case c.Type == Date:
		return 0
	case c.Type == Time, c.Micros:
		return 6
	}
	return nanoDigits
}

// years are the first and the last year that a timestamp column takes.
func (c Column) years() (first, last int) {
	if c.Micros {
		return 1, 9999
	}
	return 1678, 2261
}
