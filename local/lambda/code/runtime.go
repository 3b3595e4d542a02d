package code

import (
	_ "embed"
	"path/filepath"
	"slices"
	"strings"
)

// bootstrap is the Runtime API's client for functions in Python.
//
//go:embed bootstrap.py
var bootstrap string

// runtimes are those that this host can start, by their AWS names.
var runtimes = []string{
	"provided.al2023", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14",
}

// Known tells whether functions of a runtime can be started here, given what they need.
func Known(runtime string) bool { return slices.Contains(runtimes, runtime) }

// Runtimes names them for people.
func Runtimes() string { return strings.Join(runtimes, ", ") }

// NeedsPython tells whether a runtime is one of Python.
func NeedsPython(runtime string) bool { return strings.HasPrefix(runtime, "python") }

// Command starts the code in a folder. Every Python runtime is the one Python of the machine, whatever its version.
func Command(runtime, folder, python string) []string {
	if NeedsPython(runtime) {
		return []string{python, "-u", "-c", bootstrap}
	}
	return []string{filepath.Join(folder, "bootstrap")}
}
