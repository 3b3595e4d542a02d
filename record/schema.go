package record

import (
	"fmt"
	"strings"
)

// Type is what a column holds. A payload's value either fits it exactly or its record goes to quarantine.
type Type uint8

// The column types and the Snowflake types they become.
const (
	Integer   Type = iota // a whole number of at most 38 digits: NUMBER(38,0)
	Number                // a decimal with a fixed scale: NUMBER(p,s)
	String                // text, any valid Unicode: VARCHAR
	Boolean               // true or false: BOOLEAN
	Timestamp             // a point in time: TIMESTAMP_NTZ, in UTC
	Variant               // any JSON value as its text: VARIANT
)

var typeNames = [...]string{"integer", "number", "string", "boolean", "timestamp", "variant"}

// String is the type's name in a schema file.
func (t Type) String() string { return typeNames[t] }

// MaxDigits is the most digits a number can have in Snowflake.
const MaxDigits = 38

// Column says which field of the payload goes into which column of both tables, and what it must be.
type Column struct {
	// Field is the JSON field's name in the payload, matched exactly.
	Field string
	// Name is the SQL column as Snowflake stores it, which for a plain identifier is upper case.
	Name string
	// Type decides which JSON values fit.
	Type Type
	// Precision and Scale belong to Number: at most Precision digits, Scale of them behind the point.
	Precision, Scale int
	// Required columns refuse a missing field and null; others store NULL for both.
	Required bool
}

// Schema is the shape of the records of one stream, the same for both tables.
type Schema struct {
	// Columns in table order; the lineage columns follow them.
	Columns []Column
	// Folder names the raw zone's folders: Folder.Label-<value of Folder.Field>, such as sensor-6.
	Folder Folder
}

// Folder groups the raw zone's objects for people who browse it. Nothing else depends on it.
type Folder struct{ Label, Field string }

// Sensor is the built-in schema: the sensor example of the Kinesis Data Generator.
func Sensor() Schema {
	return Schema{
		Columns: []Column{
			{Field: "sensorId", Name: "SENSORID", Type: Integer, Required: true},
			{Field: "currentTemperature", Name: "CURRENTTEMPERATURE", Type: Integer, Required: true},
			{Field: "status", Name: "STATUS", Type: String, Required: true},
		},
		Folder: Folder{Label: "sensor", Field: "sensorId"},
	}
}

// Lineage are the columns that follow the user's in both tables: a record's identity and its arrival.
//
// _ORDINAL numbers a shard's records 1, 2, 3, ... without gaps, which Kinesis' sparse sequence numbers cannot do:
// it is what makes a missing row provable. _SEQUENCE is text, because no Snowflake number holds its 56 digits.
func Lineage() []Column {
	return []Column{
		{Name: "_SHARD", Type: String, Required: true},
		{Name: "_SEQUENCE", Type: String, Required: true},
		{Name: "_SUBSEQUENCE", Type: Integer, Required: true},
		{Name: "_ORDINAL", Type: Integer, Required: true},
		{Name: "_ARRIVED_AT", Type: Timestamp, Required: true},
	}
}

// TableColumns are all columns of both tables, in order.
func (s Schema) TableColumns() []Column {
	return append(append(make([]Column, 0, len(s.Columns)+5), s.Columns...), Lineage()...)
}

// Check reports the first thing that keeps the schema from working.
func (s Schema) Check() error {
	if len(s.Columns) == 0 {
		return fmt.Errorf("schema has no columns: name at least one field")
	}
	fields, names := map[string]bool{}, map[string]bool{}
	for _, l := range Lineage() {
		names[l.Name] = true
	}
	for _, c := range s.Columns {
		switch {
		case c.Field == "":
			return fmt.Errorf("column %q has no field", c.Name)
		case c.Name == "" || len(c.Name) > 255 || strings.ContainsRune(c.Name, 0):
			return fmt.Errorf("field %q has no usable column name: 1 to 255 characters", c.Field)
		case fields[c.Field]:
			return fmt.Errorf("field %q stands in two columns", c.Field)
		case names[strings.ToUpper(c.Name)]:
			return fmt.Errorf("column %q is there twice, or is one of the lineage columns", c.Name)
		case c.Type == Number && (c.Precision < 1 || c.Precision > MaxDigits || c.Scale < 0 || c.Scale > c.Precision):
			return fmt.Errorf("column %q: number(%d,%d) is not a Snowflake number: precision 1 to %d, scale 0 to precision", c.Name, c.Precision, c.Scale, MaxDigits)
		}
		fields[c.Field], names[strings.ToUpper(c.Name)] = true, true
	}
	return nil
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
		text = "an RFC 3339 timestamp"
	case Variant:
		text = "a JSON value"
	}
	if c.Required {
		return text + ", required"
	}
	return text + " or null"
}
