package schema

import (
	"regexp"
	"strings"
)

// reserved are the words that Snowflake does not take as a column's bare name everywhere: those that it reserves, and
// those that it takes for something else as a column in a definition or in an expression.
const reserved = " ALL ALTER AND ANY AS ASC BETWEEN BY CASE CAST CHECK COLUMN CONNECT CONSTRAINT CREATE CROSS CURRENT CURRENT_DATE CURRENT_TIME" +
	" CURRENT_TIMESTAMP CURRENT_USER DELETE DESC DISTINCT DROP ELSE EXCEPT EXISTS FALSE FETCH FOLLOWING FOR FROM FULL GRANT GROUP HAVING ILIKE IN INCREMENT" +
	" INNER INSERT INTERSECT INTO IS JOIN LATERAL LEFT LIKE LIMIT LOCALTIME LOCALTIMESTAMP MINUS NATURAL NOT NULL OF ON OR ORDER QUALIFY REGEXP" +
	" REVOKE RIGHT RLIKE ROW ROWS SAMPLE SELECT SET SOME START TABLE TABLESAMPLE THEN TO TRIGGER TRUE TRY_CAST UNION UNIQUE UPDATE USING VALUES VIEW WHEN WHENEVER WHERE WITH "

// bare is how a name looks that SQL reads as it stands.
var bare = regexp.MustCompile(`^[A-Z_][A-Z0-9_$]*$`)

// Bare reports whether SQL finds a column under its name without double quotes.
func Bare(column string) bool {
	return bare.MatchString(column) && !strings.Contains(reserved, " "+column+" ")
}
