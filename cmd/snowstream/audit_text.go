package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/snowstream/snowstream/landing/audit"
)

// writeProof is an audit for people.
func writeProof(w io.Writer, p audit.Proof) error {
	var b strings.Builder
	fmt.Fprintf(&b, "stream %s\n", p.Stream)
	fmt.Fprintf(&b, "  %-22s %11s %11s %11s %11s %11s %8s %8s %8s %8s %8s\n",
		"shard", "accepted", "landed", "streaming", "micro-batch", "quarantined", "missing", "doubled", "altered", "foreign", "pending")
	for _, t := range p.Shards {
		writeTally(&b, t.Shard, t)
	}
	if p.Sealed != nil && p.Sealed.Retired > 0 {
		writeTally(&b, fmt.Sprintf("%s retired", humanize.Comma(int64(p.Sealed.Retired))), p.Sealed.Closed)
	}
	if len(p.Shards) > 1 {
		writeTally(&b, "all", p.Total())
	}
	if len(p.Findings) > 0 {
		b.WriteString("\n")
	}
	for _, f := range p.Findings {
		writeFinding(&b, f)
	}
	if p.More > 0 {
		fmt.Fprintf(&b, "  … and %s more: --limit lists them\n", humanize.Comma(int64(p.More)))
	}
	for _, e := range p.Earlier {
		name := e.Generation
		if name == "" {
			name = "(from before there were generations)"
		}
		fmt.Fprintf(&b, "\n  generation %s: %s streaming and %s micro-batch rows, of a stream or bucket that the ledgers do not number; they are left as they are\n",
			name, humanize.Comma(e.Streaming), humanize.Comma(e.Microbatch))
	}
	if p.Sealed != nil {
		writeSealed(&b, *p.Sealed)
	}
	c := p.Cost
	fmt.Fprintf(&b, "\n  %s queries gave %s rows; %s objects listed, %s read; %s records read from the stream\n",
		humanize.Comma(c.Queries), humanize.Comma(c.Rows), humanize.Comma(c.Objects), humanize.Comma(c.Reads), humanize.Comma(c.Records))
	if p.OK {
		b.WriteString("  Nothing is missing, nothing is doubled, nothing is altered.\n")
	} else {
		b.WriteString("  THE TABLES OR THE RAW ZONE ARE NOT AS THEY SHOULD BE.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeSealed says what was taken from seals.
func writeSealed(b *strings.Builder, s audit.Sealed) {
	if s.Shards > 0 {
		fmt.Fprintf(b, "\n  %s records of %d shards are sealed since %s: both tables have their rows and ordinals, and of %s rows the values were compared\n",
			humanize.Comma(s.Records), s.Shards, s.Oldest.Local().Format(time.DateTime), humanize.Comma(s.Compared))
	}
	for _, id := range s.Opened {
		fmt.Fprintf(b, "\n  %s was audited from its first record on, whatever its seal says\n", id)
	}
}

// writeSealing says what was sealed.
func writeSealing(w io.Writer, s audit.Sealing) error {
	var b strings.Builder
	b.WriteString("\nsealed\n")
	for _, r := range s.Shards {
		fmt.Fprintf(&b, "  %s  ordinals %d to %d, %s new", r.Shard, r.First, r.Last, humanize.Comma(r.New))
		if r.Retired {
			b.WriteString("; the shard is retired")
		}
		b.WriteString("\n")
	}
	for _, reason := range s.Left {
		fmt.Fprintf(&b, "  not %s\n", reason)
	}
	if s.Tagged > 0 {
		fmt.Fprintf(&b, "  %s objects are tagged: the bucket's rule may let them expire\n", humanize.Comma(s.Tagged))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeTally(b *strings.Builder, name string, t audit.Tally) {
	n := humanize.Comma
	fmt.Fprintf(b, "  %-22s %11s %11s %11s %11s %11s %8s %8s %8s %8s %8s\n", name, n(t.Accepted), n(t.Landed), n(t.Streaming),
		n(t.Microbatch), n(t.Quarantined), n(t.Missing), n(t.Doubled), n(t.Altered), n(t.Foreign), n(t.Pending))
}

func writeFinding(b *strings.Builder, f audit.Finding) {
	fmt.Fprintf(b, "  %-8s %-11s %s  ", f.Kind, strings.ReplaceAll(string(f.Place), "_", " "), f.Shard)
	switch {
	case f.First == 0 && f.Last == 0 && f.Kind == audit.Unreadable:
	case f.First == 0 && f.Last == 0:
		fmt.Fprintf(b, "no ordinal")
	case f.First == f.Last:
		fmt.Fprintf(b, "ordinal %d", f.First)
	default:
		fmt.Fprintf(b, "ordinals %d to %d", f.First, f.Last)
	}
	if f.Count > 1 {
		fmt.Fprintf(b, ", %s", humanize.Comma(f.Count))
	}
	if f.FirstSequence != "" {
		fmt.Fprintf(b, ", sequence %s", f.FirstSequence)
	}
	if f.LastSequence != f.FirstSequence {
		fmt.Fprintf(b, " to %s", f.LastSequence)
	}
	if f.Object != "" {
		fmt.Fprintf(b, ", object %s", f.Object)
	}
	if f.Note != "" {
		fmt.Fprintf(b, " (%s)", f.Note)
	}
	b.WriteString("\n")
}

// writeRepair tells what was off, what was done, and what is left.
func writeRepair(w io.Writer, before audit.Proof, r audit.Repaired, after audit.Proof) error {
	if err := writeProof(w, before); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nrepaired\n  objects: %d restored, %d of quarantine restored, %d handed over, %d loaded by the pipe\n  rows:    %d inserted, %d replaced, %d deleted\n",
		r.Objects, r.Quarantined, r.HandedOver, r.Loaded, r.Inserted, r.Replaced, r.Deleted)
	if r.Appended > 0 {
		fmt.Fprintf(&b, "  records: %d landed from the stream\n", r.Appended)
	}
	for _, key := range r.Kept {
		fmt.Fprintf(&b, "  kept:    %s (`snowstream audit restore` brings it back)\n", key)
	}
	if r.Deletable > 0 {
		fmt.Fprintf(&b, "  not done: %d rows would be deleted with --yes\n", r.Deletable)
	}
	for _, reason := range r.Left {
		fmt.Fprintf(&b, "  left: %s\n", reason)
	}
	b.WriteString("\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return writeProof(w, after)
}
