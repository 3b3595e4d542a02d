package stage

import (
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/stage/csvfile"
)

// Format is a FILE FORMAT ready for use.
type Format struct {
	Kind         string // CSV, JSON or PARQUET
	Csv          csvfile.Format
	SkipHeader   int64
	ParseHeader  bool
	CountMatters bool // ERROR_ON_COLUMN_COUNT_MISMATCH
	Compression  string
	OuterArray   bool // STRIP_OUTER_ARRAY
	BinaryStays  bool // BINARY_AS_TEXT = FALSE
	date         string
	time         string
	timestamp    string
	binary       string
	trim         bool
}

func FormatType(options dialect.Options) string {
	if kind, ok := options.Get("TYPE"); ok {
		return kind.Word()
	}
	return "CSV"
}

// FormatName is the named format inside FILE_FORMAT = (FORMAT_NAME = …), completed by the session.
func FormatName(options dialect.Options, env dialect.Env) *dialect.Name {
	text := options.Text("FORMAT_NAME")
	if text == "" {
		return nil
	}
	parts := strings.Split(text, ".")
	for i := range parts {
		parts[i] = dialect.Fold(parts[i], "")
	}
	name := dialect.Name{Database: env.Database, Schema: env.Schema, Object: parts[len(parts)-1]}
	if len(parts) > 1 {
		name.Schema = parts[len(parts)-2]
	}
	if len(parts) > 2 {
		name.Database = parts[len(parts)-3]
	}
	return &name
}

// ResolveFormat finds the format of a COPY: its own, or else the stage's. A format given in one place replaces the
// other one entirely.
func ResolveFormat(c *catalog.Catalog, copying *dialect.Copy, stage *catalog.Object) (*Format, error) {
	options, name := copying.Format, copying.FormatName
	if len(options) == 0 && name == nil {
		options, name = stage.Body.Options, stage.Body.FormatName
	}
	if name != nil {
		o := c.Get("FILE FORMAT", *name)
		if o == nil {
			return nil, fault.NotExist("FILE FORMAT", (*name).Plain())
		}
		options = append(append(dialect.Options(nil), o.Body.Options...), MergeOptions(options, nil, []string{"FORMAT_NAME"})...)
	}
	return ReadFormat(options)
}

// ReadFormat refuses by name what it does not know, since a format that is only nearly right loads wrong rows.
func ReadFormat(options dialect.Options) (*Format, error) {
	f := &Format{Kind: FormatType(options), Csv: csvfile.Default(), CountMatters: true, Compression: "AUTO", date: "AUTO", time: "AUTO", timestamp: "AUTO", binary: "HEX"}
	if f.Kind != "CSV" && f.Kind != "JSON" && f.Kind != "PARQUET" {
		return nil, fault.Unsupported("FILE_FORMAT TYPE = " + f.Kind)
	}
	for _, o := range options {
		if err := f.set(o.Name, o.Value); err != nil {
			return nil, err
		}
	}
	f.Csv.TrimSpace = f.trim
	return f, nil
}

func (f *Format) set(name string, v dialect.Value) error {
	flags := map[string]*bool{
		"PARSE_HEADER": &f.ParseHeader, "ERROR_ON_COLUMN_COUNT_MISMATCH": &f.CountMatters, "TRIM_SPACE": &f.trim, "STRIP_OUTER_ARRAY": &f.OuterArray,
		"SKIP_BLANK_LINES": &f.Csv.SkipBlankLines, "EMPTY_FIELD_AS_NULL": &f.Csv.EmptyAsNull, "REPLACE_INVALID_CHARACTERS": &f.Csv.ReplaceInvalid,
	}
	words := map[string]*string{"COMPRESSION": &f.Compression, "BINARY_FORMAT": &f.binary}
	texts := map[string]*string{"DATE_FORMAT": &f.date, "TIME_FORMAT": &f.time, "TIMESTAMP_FORMAT": &f.timestamp}
	characters := map[string]*byte{"FIELD_OPTIONALLY_ENCLOSED_BY": &f.Csv.Enclosure, "ESCAPE": &f.Csv.Escape, "ESCAPE_UNENCLOSED_FIELD": &f.Csv.EscapeUnenclosed}
	switch {
	case flags[name] != nil:
		value, ok := v.Bool()
		if !ok {
			return invalidOption(name, v)
		}
		*flags[name] = value
	case words[name] != nil:
		*words[name] = v.Word()
	case texts[name] != nil:
		*texts[name] = v.Text
	case characters[name] != nil:
		text := delimiter(v)
		if len(text) > 1 {
			return invalidOption(name, v)
		}
		*characters[name] = 0
		if text != "" {
			*characters[name] = text[0]
		}
	default:
		return f.setOther(name, v)
	}
	return f.check(name, v)
}

func (f *Format) setOther(name string, v dialect.Value) error {
	switch name {
	case "TYPE", "FORMAT_NAME", "MULTI_LINE", "ENABLE_OCTAL", "ALLOW_DUPLICATE", "STRIP_NULL_VALUES", "IGNORE_UTF8_ERRORS", "FILE_EXTENSION",
		"USE_LOGICAL_TYPE", "USE_VECTORIZED_SCANNER", "SNAPPY_COMPRESSION": // logical types are always used
		return nil
	case "BINARY_AS_TEXT":
		text, ok := v.Bool()
		if !ok {
			return invalidOption(name, v)
		}
		f.BinaryStays = !text
	case "SKIP_BYTE_ORDER_MARK":
		skip, ok := v.Bool()
		if !ok {
			return invalidOption(name, v)
		}
		f.Csv.KeepMark = !skip
	case "FIELD_DELIMITER":
		f.Csv.FieldDelimiter = delimiter(v)
	case "RECORD_DELIMITER":
		f.Csv.RecordDelimiter = delimiter(v)
	case "NULL_IF":
		f.Csv.NullIf = v.Texts()
	case "SKIP_HEADER":
		n, ok := v.Int()
		if !ok || n < 0 {
			return invalidOption(name, v)
		}
		f.SkipHeader = n
	case "ENCODING":
		if word := strings.ReplaceAll(v.Word(), "-", ""); word != "UTF8" {
			return fault.Unsupported("ENCODING = " + v.Text)
		}
	default:
		return fault.Unsupported("FILE_FORMAT option " + name)
	}
	return nil
}

func (f *Format) check(name string, v dialect.Value) error {
	switch f.Compression {
	case "AUTO", "GZIP", "ZSTD", "NONE":
	case "SNAPPY", "LZO", "BROTLI":
		if f.Kind != "PARQUET" {
			return fault.Unsupported("COMPRESSION = " + f.Compression)
		}
	default:
		return fault.Unsupported("COMPRESSION = " + f.Compression)
	}
	if f.binary != "HEX" && f.binary != "BASE64" && f.binary != "UTF8" && f.binary != "UTF-8" {
		return invalidOption(name, v)
	}
	return nil
}

func invalidOption(name string, v dialect.Value) *fault.Error {
	return fault.New(1008, "22023", "SQL compilation error:\ninvalid value [%s] for parameter '%s'", OptionText(v), name)
}

// delimiter is a delimiter or character option: NONE, a text, an escape such as \t, or hexadecimal such as 0x1f.
func delimiter(v dialect.Value) string {
	if v.Word() == "NONE" {
		return ""
	}
	if digits, ok := strings.CutPrefix(strings.ToLower(v.Text), "0x"); ok {
		if raw, err := hex.DecodeString(digits); err == nil {
			return string(raw)
		}
	}
	if digits, ok := strings.CutPrefix(v.Text, `\x`); ok {
		if raw, err := hex.DecodeString(digits); err == nil {
			return string(raw)
		}
	}
	return strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r", `\'`, "'").Replace(v.Text)
}

// FormatJSON is how SHOW FILE FORMATS writes the options.
func FormatJSON(options dialect.Options) string {
	values := map[string]any{"TYPE": FormatType(options)}
	for _, o := range options {
		if o.Value.IsList {
			values[o.Name] = o.Value.Texts()
		} else if truth, ok := o.Value.Bool(); ok && !o.Value.Quoted {
			values[o.Name] = truth
		} else {
			values[o.Name] = o.Value.Text
		}
	}
	encoded, err := json.Marshal(values)
	if err != nil {
		return "{}"
	}
	return string(encoded)
}

// OptionText is a value as DESCRIBE and messages write it.
func OptionText(v dialect.Value) string {
	if v.IsList {
		return "[" + strings.Join(v.Texts(), ", ") + "]"
	}
	return v.Text
}

// MergeOptions lays set over old and takes unset out.
func MergeOptions(old, set dialect.Options, unset []string) dialect.Options {
	var merged dialect.Options
	gone := map[string]bool{}
	for _, name := range unset {
		gone[name] = true
	}
	for _, o := range set {
		gone[o.Name] = true
	}
	for _, o := range old {
		if !gone[o.Name] {
			merged = append(merged, o)
		}
	}
	return append(merged, set...)
}
