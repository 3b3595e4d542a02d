package schema

import "testing"

func TestBare(t *testing.T) {
	for column, want := range map[string]bool{
		"A": true, "_REST": true, "A_1$": true, "ORDERS": true, "DATE": true, "STATUS": true,
		"ORDER": false, "GROUP": false, "SELECT": false, "NULL": false, "TRUE": false, "CURRENT_DATE": false, "VALUES": false, "WITH": false,
		"a": false, "1A": false, "A B": false, "": false, "É": false,
	} {
		if Bare(column) != want {
			t.Errorf("Bare(%q) is %v", column, !want)
		}
	}
}
