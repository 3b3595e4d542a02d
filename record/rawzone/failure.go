package rawzone

import "strings"

// Failures is where Lambda puts its failure documents: aws/lambda/<mapping>/<shard>/YYYY/MM/DD/<time>-<id>. The name is
// AWS's. A document stays; what became of it lies beside it.
const Failures = "aws/lambda/"

// The ends of the notes' names.
const (
	collectedNote = ".collected.json"
	lostNote      = ".lost.json"
)

// NoteKey is the name of the note on a failure document: one whose records all have a place now, or one of which some
// are lost, so that a listing tells the difference.
func NoteKey(document string, lost bool) string {
	if lost {
		return document + lostNote
	}
	return document + collectedNote
}

// NoteOf is the document that a note belongs to; ok is false for what is no note.
func NoteOf(key string) (document string, lost, ok bool) {
	if document, ok = strings.CutSuffix(key, lostNote); ok {
		return document, true, true
	}
	document, ok = strings.CutSuffix(key, collectedNote)
	return document, false, ok
}
