package dialect

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// builtin is one function: how many arguments it takes and what DuckDB text it becomes.
type builtin struct {
	least, most int // most < 0: no limit
	use         byte
	kind        kind
	zoned       bool // a time with a zone: kind z
	template    string
}

// Ways to use a function.
const (
	useScalar    = 's'
	useAggregate = 'a' // may be DISTINCT and have OVER
	useWindow    = 'w' // must have OVER
	useWhole     = 'f' // must have OVER; without a frame it sees the whole partition, unlike in DuckDB
)

// builtins lists all functions that an expression may call, except for those that need their
// own reading (see call). It is the allow-list that keeps what else DuckDB can do, files above
// all, out of reach: a name that is not here is refused.
//
// Each line is: name, arguments (n, n-m or n+), use, kind of the answer, template. In a template {1} is the
// first argument, {1t} the same as text, {1n} as an operand of arithmetic, {*} all of
// them, {*t} all as texts; = stands for the name with all arguments.
const builtins = `
ABS 1 s n abs({1n})
ACOS 1 s n =
ANY_VALUE 1 a u any_value({1})
APPROX_COUNT_DISTINCT 1 a n approx_count_distinct({1})
APPROX_PERCENTILE 2 a n approx_quantile(CAST({1} AS DOUBLE), {2})
ARRAY_SIZE 1 s n CASE WHEN json_type(snowflake.variant({1})) = 'ARRAY' THEN json_array_length(snowflake.variant({1})) END
ARRAY_TO_STRING 2 s t array_to_string(list_transform(variant_elements(CAST(snowflake.variant({1}) AS VARCHAR)), lambda e: coalesce(variant_text(e, '$'), '')), {2t})
ASCII 1 s n ascii({1t})
ASIN 1 s n =
ATAN 1 s n =
ATAN2 2 s n =
BASE64_ENCODE 1 s t base64(encode({1t}))
BITAND 2 s n (CAST({1} AS BIGINT) & CAST({2} AS BIGINT))
BITOR 2 s n (CAST({1} AS BIGINT) | CAST({2} AS BIGINT))
BITXOR 2 s n xor(CAST({1} AS BIGINT), CAST({2} AS BIGINT))
BITSHIFTLEFT 2 s n (CAST({1} AS BIGINT) << CAST({2} AS INTEGER))
BITSHIFTRIGHT 2 s n (CAST({1} AS BIGINT) >> CAST({2} AS INTEGER))
BOOLAND_AGG 1 a o bool_and({1})
BOOLOR_AGG 1 a o bool_or({1})
BTRIM 1-2 s t trim({*t})
CBRT 1 s n =
CEIL 1 s n ceil({1n})
CHARINDEX 2 s n instr({2t}, {1t})
CHR 1 s t chr(CAST({1} AS INTEGER))
COALESCE 1+ s u coalesce({*})
CONTAINS 2 s o contains({1t}, {2t})
CORR 2 a n corr({*})
COS 1 s n =
COT 1 s n =
COUNT_IF 1 a n count_if({1})
COVAR_POP 2 a n covar_pop({*})
COVAR_SAMP 2 a n covar_samp({*})
CUME_DIST 0 w n cume_dist()
CURRENT_TIMESTAMP 0-1 s z now()
CURRENT_DATE 0 s o CAST(now() AT TIME ZONE 'UTC' AS DATE)
CURRENT_TIME 0-1 s o CAST(now() AT TIME ZONE 'UTC' AS TIME)
DAYNAME 1 s t strftime(snowflake.moment({1}), '%a')
DEGREES 1 s n =
DENSE_RANK 0 w n dense_rank()
DIV0 2 s n snowflake.div0({1n}, {2n})
DIV0NULL 2 s n snowflake.div0(coalesce({1n}, 0), coalesce({2n}, 0))
EDITDISTANCE 2 s n levenshtein({1t}, {2t})
ENDSWITH 2 s o ends_with({1t}, {2t})
EQUAL_NULL 2 s o ({1} IS NOT DISTINCT FROM {2})
EXP 1 s n exp({1n})
FACTORIAL 1 s n factorial(CAST({1} AS INTEGER))
FIRST_VALUE 1 f u first_value({1})
FLOOR 1 s n floor({1n})
GETDATE 0 s z now()
GROUPING 1+ s n grouping({*})
GROUPING_ID 1+ s n grouping({*})
HEX_ENCODE 1 s t hex(encode({1t}))
IFF 3 s u CASE WHEN {1} THEN {2} ELSE {3} END
IFNULL 2 s u coalesce({1}, {2})
INITCAP 1 s t snowflake.initcap({1t})
INSTR 2 s n instr({1t}, {2t})
IS_ARRAY 1 s o (json_type(snowflake.variant({1})) = 'ARRAY')
IS_NULL_VALUE 1 s o (json_type(snowflake.variant({1})) = 'NULL')
IS_OBJECT 1 s o (json_type(snowflake.variant({1})) = 'OBJECT')
JAROWINKLER_SIMILARITY 2 s n CAST(round(jaro_winkler_similarity(upper({1t}), upper({2t})) * 100) AS INTEGER)
KURTOSIS 1 a n kurtosis({1n})
LAG 1-3 w u lag({*})
LAST_VALUE 1 f u last_value({1})
LEAD 1-3 w u lead({*})
LEFT 2 s t left({1t}, greatest(CAST({2} AS BIGINT), 0))
LENGTH 1 s n length({1t})
LEN 1 s n length({1t})
LN 1 s n ln({1n})
LOCALTIME 0 s o CAST(now() AT TIME ZONE 'UTC' AS TIME)
LOCALTIMESTAMP 0-1 s z now()
LOG 2 s n log({*})
LOWER 1 s t lower({1t})
LPAD 2-3 s t lpad({1t}, CAST({2} AS INTEGER), {3t| })
LTRIM 1-2 s t ltrim({*t})
MAX 1 a u max({1})
MAX_BY 2 a u arg_max_null({1}, {2})
MD5 1 s t md5({1t})
MD5_HEX 1 s t md5({1t})
MEDIAN 1 a n median(CAST({1} AS DOUBLE))
MIN 1 a u min({1})
MIN_BY 2 a u arg_min_null({1}, {2})
MOD 2 s n snowflake.modulo({1n}, {2n})
MODE 1 a u mode({1})
MONTHNAME 1 s t strftime(snowflake.moment({1}), '%b')
NTH_VALUE 2 f u nth_value({1}, {2})
NTILE 1 w n ntile({1})
NULLIF 2 s u nullif({1}, {2})
NULLIFZERO 1 s n nullif({1n}, 0)
NVL 2 s u coalesce({1}, {2})
NVL2 3 s u CASE WHEN {1} IS NOT NULL THEN {2} ELSE {3} END
OBJECT_AGG 2 a v json_group_object({1t}, {2}) FILTER (WHERE {2} IS NOT NULL)
OBJECT_KEYS 1 s v to_json(variant_keys(snowflake.json_text({1})))
OCTET_LENGTH 1 s n strlen({1t})
PARSE_JSON 1 s v snowflake.parse_json({1t})
PERCENT_RANK 0 w n percent_rank()
PI 0 s n pi()
POSITION 2 s n instr({2t}, {1t})
POW 2 s n pow({1n}, {2n})
POWER 2 s n pow({1n}, {2n})
RADIANS 1 s n =
RANDOM 0-1 s n CAST((random() - 0.5) * 9000000000000000000 AS BIGINT)
RANK 0 w n rank()
REGEXP_COUNT 2 s n len(regexp_extract_all({1t}, {2t}))
REGEXP_LIKE 2-3 s o regexp_full_match({*t})
REGEXP_REPLACE 2-3 s t regexp_replace({1t}, {2t}, {3t|}, 'g')
REGEXP_SUBSTR 2 s t CASE WHEN regexp_matches({1t}, {2t}) THEN regexp_extract({1t}, {2t}) END
REGR_SLOPE 2 a n regr_slope({*})
REGR_INTERCEPT 2 a n regr_intercept({*})
REGR_R2 2 a n regr_r2({*})
REPEAT 2 s t repeat({1t}, CAST({2} AS INTEGER))
REPLACE 2-3 s t replace({1t}, {2t}, {3t|})
REVERSE 1 s t reverse({1t})
RIGHT 2 s t right({1t}, greatest(CAST({2} AS BIGINT), 0))
RLIKE 2-3 s o regexp_full_match({*t})
ROUND 1-2 s n round({1n}, {2|0})
ROW_NUMBER 0 w n row_number()
RPAD 2-3 s t rpad({1t}, CAST({2} AS INTEGER), {3t| })
RTRIM 1-2 s t rtrim({*t})
SEQ1 0-1 s n (row_number() OVER () - 1)
SEQ2 0-1 s n (row_number() OVER () - 1)
SEQ4 0-1 s n (row_number() OVER () - 1)
SEQ8 0-1 s n (row_number() OVER () - 1)
SHA1 1 s t sha1({1t})
SIGN 1 s n sign({1n})
SIN 1 s n =
SKEW 1 a n skewness({1n})
SPACE 1 s t repeat(' ', CAST({1} AS INTEGER))
SPLIT 2 s v to_json(string_split({1t}, {2t}))
SPLIT_PART 3 s t snowflake.split_part({1t}, {2t}, {3})
SQRT 1 s n sqrt({1n})
SQUARE 1 s n pow({1n}, 2)
STARTSWITH 2 s o starts_with({1t}, {2t})
STDDEV 1 a n stddev_samp({1n})
STDDEV_POP 1 a n stddev_pop({1n})
STDDEV_SAMP 1 a n stddev_samp({1n})
STRIP_NULL_VALUE 1 s v nullif(snowflake.variant({1}), CAST('null' AS JSON))
SUBSTR 2-3 s t snowflake.substr({1t}, {2}, {3|NULL})
SUBSTRING 2-3 s t snowflake.substr({1t}, {2}, {3|NULL})
SUM 1 a n sum({1n})
SYSDATE 0 s o CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP)
TAN 1 s n =
TO_ARRAY 1 s v snowflake.to_array({1})
TO_JSON 1 s t CAST(snowflake.variant({1}) AS VARCHAR)
TO_OBJECT 1 s v snowflake.variant({1})
TO_VARIANT 1 s v snowflake.variant({1})
TRANSLATE 3 s t translate({1t}, {2t}, {3t})
TRIM 1-2 s t trim({*t})
TRY_PARSE_JSON 1 s v snowflake.try_parse_json({1t})
TYPEOF 1 s t CASE json_type(snowflake.variant({1})) WHEN 'NULL' THEN 'NULL_VALUE' WHEN 'UBIGINT' THEN 'INTEGER' WHEN 'BIGINT' THEN 'INTEGER' WHEN 'HUGEINT' THEN 'INTEGER' WHEN 'DOUBLE' THEN 'DECIMAL' ELSE json_type(snowflake.variant({1})) END
UNICODE 1 s n unicode({1t})
UNIFORM 3 s n CAST(floor({1} + random() * ({2} - {1} + 1)) AS BIGINT)
UPPER 1 s t upper({1t})
UUID_STRING 0 s t CAST(uuid() AS VARCHAR)
VARIANCE 1 a n var_samp({1n})
VAR_POP 1 a n var_pop({1n})
VAR_SAMP 1 a n var_samp({1n})
WIDTH_BUCKET 4 s n CASE WHEN {1} < {2} THEN 0 WHEN {1} >= {3} THEN {4} + 1 ELSE CAST(floor(({1} - {2}) * {4} / ({3} - {2})) AS BIGINT) + 1 END
ZEROIFNULL 1 s n coalesce({1n}, 0)
`

// builtinTable is the list above, by name.
var builtinTable = sync.OnceValue(func() map[string]builtin {
	table := make(map[string]builtin)
	for line := range strings.Lines(strings.TrimSpace(builtins)) {
		fields := strings.SplitN(strings.TrimRight(line, "\n"), " ", 5)
		name, template := fields[0], fields[4]
		if template == "=" {
			template = strings.ToLower(name) + "({*})"
		}
		f := builtin{use: fields[2][0], kind: kindOf(fields[3]), zoned: fields[3] == "z", template: template}
		f.least, f.most = arity(fields[1])
		table[name] = f
	}
	return table
})

func kindOf(letter string) kind {
	switch letter {
	case "t":
		return kindText
	case "n":
		return kindNumber
	case "v":
		return kindVariant
	case "o", "z":
		return kindOther
	}
	return kindUnknown
}

// arity reads n, n-m or n+.
func arity(s string) (least, most int) {
	if from, found := strings.CutSuffix(s, "+"); found {
		least, _ = strconv.Atoi(from)
		return least, -1
	}
	from, to, found := strings.Cut(s, "-")
	least, _ = strconv.Atoi(from)
	if !found {
		return least, least
	}
	most, _ = strconv.Atoi(to)
	return least, most
}

// fill writes a template with arguments. {3t| } gives a space in quotes when the third is absent,
// {2|0} gives 0.
func fill(template string, arguments []expression) string {
	var sql strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		sql.WriteString(before)
		if !found {
			return sql.String()
		}
		var hole string
		hole, template, _ = strings.Cut(rest, "}")
		sql.WriteString(filled(hole, arguments))
	}
}

// filledOnce is fill for a template of a function of values that needs an argument more than once, by itself or by a macro.
func filledOnce(f builtin, template string, arguments []expression) string {
	needed := regexp.MustCompile(`\{(\d)`).FindAllString(template, -1)
	slices.Sort(needed)
	macro := regexp.MustCompile(`snowflake\.(\w+)\(`).FindStringSubmatch(template)
	repeats := macro != nil && repeating()[macro[1]] || len(slices.Compact(slices.Clone(needed))) < len(needed)
	if f.use != useScalar || !repeats {
		return fill(template, arguments)
	}
	texts := make([]string, len(arguments))
	for i, a := range arguments {
		texts[i] = a.sql
	}
	return once(texts, func(texts []string) string {
		inner := slices.Clone(arguments)
		for i, text := range texts {
			if text != inner[i].sql {
				inner[i] = atom(text, inner[i].kind)
			}
		}
		return fill(template, inner)
	})
}

// common is the kind of a function that gives one of its arguments.
func common(arguments []expression) kind {
	for _, e := range arguments {
		if e.kind != kindText {
			return kindUnknown
		}
	}
	return kindText
}

// filled is the text for one pair of braces.
func filled(hole string, arguments []expression) string {
	place, missing, hasMissing := strings.Cut(hole, "|")
	form := strings.TrimLeft(place, "0123456789*")
	place = strings.TrimSuffix(place, form)
	if place == "*" {
		list := make([]string, len(arguments))
		for i, a := range arguments {
			list[i] = a.in(form)
		}
		return strings.Join(list, ", ")
	}
	n, _ := strconv.Atoi(place)
	if n <= len(arguments) {
		return arguments[n-1].in(form)
	}
	if hasMissing && form == "t" {
		return Literal(missing)
	}
	return missing
}

// in gives an argument as a template asks for it.
func (e expression) in(form string) string {
	switch form {
	case "t":
		return e.asText()
	case "n":
		return e.asNumber().at(levelPostfix)
	}
	return e.at(levelPostfix)
}
