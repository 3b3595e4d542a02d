package main

import (
	"os"
	"path/filepath"
	"strings"
)

// hint is a command line that can be pasted where this one was started: as `go run` if that is how it was, and with the
// same data folder.
func hint(arguments, dir string) string {
	line := "snowstream " + arguments
	if program, err := os.Executable(); err == nil && isGoRun(program) {
		line = "go run ./cmd/" + line
	}
	if dir != "" && dir != dataFolder {
		line += " --data " + shellWord(dir)
	}
	return line
}

// isGoRun reports whether a program lies where `go run` builds it.
func isGoRun(program string) bool {
	return strings.Contains(filepath.ToSlash(program), "/go-build") && filepath.Base(filepath.Dir(program)) == "exe"
}

// shellWord quotes what a shell would take apart.
func shellWord(text string) string {
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./+:@%") == "" && text != "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
