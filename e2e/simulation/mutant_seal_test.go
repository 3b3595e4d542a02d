package simulation

// sealMutants seal what is not proved, skip what is not sealed, let go what is needed, or believe too much.
func sealMutants() []mutant {
	const (
		sealFile    = "landing/audit/seal.go"
		sealingFile = "landing/audit/sealing.go"
		queryFile   = "landing/audit/query.go"
		listFile    = "landing/audit/rawzone.go"
		sealsFile   = "processing/datalake/seals.go"
		lastFile    = "processing/datalake/last.go"
	)
	seal := func(name, file, before, after string) mutant {
		m := edited(name, file, before, after)
		m.pack, m.run = "./e2e/simulation", "TestSeal|TestNewest|TestScale"
		return m
	}
	expired := seal("what expired is missed", listFile, "halve(start-1, n, s.goneObjects, s.Ledger.Objects+1)", "halve(start-start-1, n, 0, s.Ledger.Objects+1)")
	expired.edits = append(expired.edits, edit{listFile, "f.First = max(f.First, s.gone+1)", "f.First = max(f.First, 1)"})
	loaded := func(name, file, before, after string) mutant {
		m := seal(name, file, before, after)
		m.run = "TestSimulationSealed|TestOlderRegistry"
		return m
	}
	return []mutant{
		loaded("an object of which rows were put aside may expire", sealingFile, "if ok && rawzone.IsWithheld(key) {", "if ok && ordinal == 0 {"),
		loaded("a shard begins again under an older registry", "processing/datalake/registry.go", "if slices.ContainsFunc(r.Generations, func(g rawzone.Generation) bool { return g.ID == id }) {", `if id != "" {`),
		seal("what is wrong is sealed up to there", sealingFile, "case f.Kind != Pending:", `case f.Kind == "?":`),
		seal("what is wrong is sealed", sealingFile, "case f.Shard != s.id && f.Shard != \"\":", "case f.Shard != \"?\":"),
		seal("the last object of a chain may expire", sealingFile, "name.Ordinal < seals[c].Begin {", "name.Ordinal <= seals[c].Begin {"),
		seal("a table that is off opens no seal", sealFile, "a.off[id], a.opened[id] = off, true", "a.off[id] = off"),
		seal("values under a seal are not compared", sealFile, "if err == nil && got[i] != s.Slice {", "if err == nil && got[i].Rows < s.Rows-1<<20 {"),
		seal("what lies behind a seal is not listed", sealFile, "	return s.seal.Ordinal\n}", "	return math.MaxInt64\n}"),
		seal("rows behind a seal are not counted", queryFile, "s.Ledger.Ordinal, s.from() - 1}", "s.Ledger.Ordinal, s.Ledger.Ordinal}"),
		seal("no object is missed where there is a seal", listFile, "f.First = max(f.First, s.gone+1)", "f.First = max(f.First, s.gone*1000+1)"),
		expired,
		seal("a ledger may say less than the seal", sealFile, "if s.Ledger.Ordinal < seal.Ordinal {", "if s.Ledger.Ordinal < 0 {"),
		seal("the last name of a chain is passed over", lastFile, "max(top, n.Ordinal-1)", "max(top, n.Ordinal)"),
		seal("what other folders have in front of a void name is not seen", lastFile, "names, err = l.stretch(ctx, c, next, from)", "names, err = l.stretch(ctx, c, from, from)"),
		seal("a lost ledger is looked for from the seal's last ordinal on", ledgerFile, "[]int64{seal.Begin - 1, head.Ordinal}", "[]int64{seal.Ordinal}"),
		seal("a listing goes past a stream's folder", sealsFile, `return folder + "/" + mine
`, `return folder + "/" + mine + "~"
`),
		seal("quarantine forgets what expired", sealsFile, "return found && ordinal <= seal.Ordinal, err", "return found && ordinal <= seal.Ordinal-1<<40, err"),
	}
}
