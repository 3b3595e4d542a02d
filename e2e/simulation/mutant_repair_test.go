package simulation

// repairMutants break the refusals that make audit, repair, undo and replay safe, and what they find out.
func repairMutants() []mutant {
	const (
		replaceFile      = "landing/audit/replace.go"
		loadFile         = "landing/audit/load.go"
		foreignFile      = "landing/audit/foreign.go"
		restoreFile      = "landing/audit/restore.go"
		requarantineFile = "landing/audit/requarantine.go"
		valuesFile       = "landing/audit/values.go"
		undoFile         = "landing/audit/undo.go"
		brokenFile       = "landing/audit/broken.go"
		collectFile      = "processing/replay/replay.go"
	)
	repair := func(name, file, before, after string) mutant {
		m := edited(name, file, before, after)
		m.pack, m.run = "./e2e/simulation", "TestRepair|TestUndo|TestRecover|TestAuditSees"
		return m
	}
	return []mutant{
		repair("repair takes away rows that the raw zone does not have", replaceFile, "		case !known:\n			unknown++\n", "		case !known && s == nil:\n			unknown++\n"),
		repair("repair takes away rows that lie in quarantine", replaceFile, "		case at == r.ordinal:\n			quarantined++\n", "		case at < -1<<40:\n			quarantined++\n"),
		repair("repair replaces rows beside one of unknown origin", replaceFile, "unknown+quarantined > 0 || right == 1", "right == 1"),
		repair("repair deletes without leave", replaceFile, "if f.Kind == Foreign && !m.tools.Delete {", "if f.Kind == \"?\" {"),
		repair("repair takes away what it has not kept", replaceFile, "key, err := m.keep(ctx, s, f, x.gone)\n", "key, err := \"\", error(nil)\n"),
		repair("repair leaves equal rows", replaceFile, "right == 1 && len(rows) == 1 {", "right >= 1 {"),
		repair("rows in front of the first ordinal are not foreign", replaceFile, "return ordinal < s.first() || ordinal > s.Ledger.Ordinal", "return ordinal > s.Ledger.Ordinal"),
		repair("rows below a shard's first ordinal are not looked at", foreignFile, "{math.MinInt64, s.first() - 1}, {end", "{1, 0}, {end"),
		repair("rows behind a shard's last ordinal are not looked at", foreignFile, "{end + 1, math.MaxInt64}", "{1, 0}"),
		repair("repair passes a paused pipe by after seven days", loadFile, "case !state.running():", "case !state.running() && time.Since(o.modified) < refreshReach:"),
		repair("repair passes the pipe by after one hour", loadFile, "const refreshReach = 7*24*time.Hour - time.Minute", "const refreshReach = time.Hour - time.Minute"),
		repair("repair passes notices by", loadFile, "case state.Pending > 0:", "case state.Pending < 0:"),
		repair("repair believes in another pipe's memory", loadFile, "case there && !dealt.Before(state.Created):", "case there && !dealt.IsZero():"),
		repair("repair restores objects that the pipe has forgotten", restoreFile, "|| time.Since(records[0].ArrivedAt) > pipeMemory {", "|| len(records) == 0 {"),
		repair("an object that is written again begins behind the last one, whatever was given up", restoreFile, "front, found := f.Last-f.First+1, int(max(ordinal-f.First, 0)), ordinal == 0", "front, found := f.Last-f.First+1, int(max(ordinal-f.First, 0)), p != record.Position{Shard: \"?\"}"),
		repair("the pipe's memory is a day longer", restoreFile, "const pipeMemory = 13 * 24 * time.Hour", "const pipeMemory = 14 * 24 * time.Hour"),
		repair("a replaced payload is not seen", valuesFile, `at.Digest == Digest(records[i].Data)`, `at.Digest != ""`),
		repair("a lost quarantine object is not missed", requarantineFile, "if s.rejectedUpTo(s.Ledger.Ordinal) >= s.Ledger.Quarantined {", "if s.rejectedUpTo(s.Ledger.Ordinal) >= 0 {"),
		repair("a quarantine object that is written again is of no generation", requarantineFile, "Generation: o.Generation, Ordinal: ordinal", "Ordinal: ordinal"),
		{name: "rows that were put aside late are not counted without a channel", edits: []edit{{ledgerFile, `if head.Object != "" { // whatever`, "if head.Channel != nil { // whatever"}},
			pack: "./e2e/simulation", run: "TestLateWithoutChannel"},
		{name: "a table that was emptied stays so", edits: []edit{{"processing/upsert/path.go", "if errors.Is(err, rowpath.ErrEmptied) {", "if err == rowpath.ErrEmptied {"}},
			pack: "./e2e/simulation", run: "TestTableDropped"},
		{name: "a channel that has forgotten its place is where the ledger knew it", edits: []edit{{"processing/rowpath/sweep.go", "s.forgotten(head, state) {", "s.forgotten(head, state) && ordinal < 0 {"}},
			pack: "./processing/rowpath", run: "TestSettleForgotten"},
		{name: "any object may come first into a table that was emptied", edits: []edit{{"processing/rowpath/sweep.go", "if wanted, err := s.wanted(ctx, stream, o, 0); wanted || err != nil {\n\t\t\treturn false, err", "if wanted, err := s.wanted(ctx, stream, o, 0); wanted || err != nil {\n\t\t\treturn true, err"}},
			pack: "./processing/rowpath", run: "TestSettleForgotten"},
		repair("records are landed beside objects that are gone", "processing/replay/landed.go", "return out, l.certain(ctx, d.Batch.Shard, hand, out)", "return out, nil"),
		repair("undo takes nothing out", undoFile, "		if len(there) > 0 {\n			if err := m.take", "		if len(there) < 0 {\n			if err := m.take"),
		repair("undo brings nothing", undoFile, "		for batch := range inBinds(rows) {\n			_, err := tx.Exec", "		for batch := range inBinds(rows[:0]) {\n			_, err := tx.Exec"),
		repair("one unreadable object ends the audit", brokenFile, "	reason, own := why(err)\n", "	reason, own := why(err)\n	if own {\n		return err\n	}\n"),
		repair("an audit of nothing goes on", brokenFile, "a.trouble > maxTrouble", "a.trouble > 1<<30"),
		repair("replay failed appends records that have a place", collectFile, "there.Has(r.Sequence):\n", "there.Has(r.Sequence) && len(out) > 1<<20:\n"),
	}
}
