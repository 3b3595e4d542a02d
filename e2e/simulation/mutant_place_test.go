package simulation

// placeMutants break what is done about rows that stand in the places of others, and about records that come behind the ledger.
func placeMutants() []mutant {
	const (
		standingFile  = "landing/streaming/standing.go"
		sequencesFile = "processing/datalake/sequences.go"
		lateFile      = "processing/orchestrator/late.go"
		withholdFile  = "processing/orchestrator/withhold.go"
		upsertFile    = "processing/upsert/upsert.go"
		handoffFile   = "processing/handoff/handoff.go"
	)
	in := func(pack, run, name, file, before, after string) mutant {
		m := edited(name, file, before, after)
		m.pack, m.run = pack, run
		return m
	}
	table := func(name, file, before, after string) mutant {
		return in("./landing/streaming", "TestFewerThanItShould", name, file, before, after)
	}
	place := func(name, file, before, after string) mutant {
		return in("./e2e/simulation", "TestTaken|TestBehind|TestOlder|TestCost", name, file, before, after)
	}
	return []mutant{
		table("a MERGE that inserts too few rows is not looked into", streamingFile, "if err != nil || n == int64(to-from) {", "if err != nil || n >= 0 {"),
		table("a row of another record is taken for one's own", standingFile, "case found == schema.FoundOther &&", "case found == \"?\" &&"),
		table("the highest row of another record is named", standingFile, "ordinal < m.Taken.Ordinal", "ordinal > m.Taken.Ordinal"),
		table("a row that is nowhere is success", standingFile, "case found == schema.FoundNone && missing == nil:", "case found == \"?\" && missing == nil:"),
		table("a changed row is not counted", standingFile, "m.Changed++", "m.Changed += 0"),
		table("an error of the look is swallowed", standingFile, "	if err != nil {\n\t\treturn fmt.Errorf(\"look at what the table has", "	if err != nil && lowest < 0 {\n\t\treturn fmt.Errorf(\"look at what the table has"),
		place("the look takes rows of any shard", schemaFile, `AS t ON t."_SHARD" = s."_SHARD" AND t."_ORDINAL"`, `AS t ON t."_ORDINAL"`),
		place("a place that is taken is no error", handoffFile, "	if a.Taken != nil {\n\t\treturn a.Taken\n\t}\n", ""),
		place("Upsert does not say that a place is taken", upsertFile, "More: m.More, Taken: m.Taken}", "More: m.More}"),
		place("nobody asks whether a quarantined record's place has a row", withholdFile, "Vacant: d.vacant}", "Vacant: d.vacant[:0]}"),
		place("a batch without rows is not looked at", withholdFile, "if d.object.Rows == 0 && len(d.vacant) == 0 {", "if d.object.Rows == 0 {"),
		place("quarantine behind the ledger is not looked at", headFile, "	if err != nil || other == \"\" {\n\t\treturn err\n\t}\n	if there, err := o.lake.There(", "	if err != nil || other != \"?\" {\n\t\treturn err\n\t}\n	if there, err := o.lake.There("),
		place("records behind the ledger are dropped", orchestratorFile, "	if !b.again {\n", "	if b.again {\n"),
		place("records behind the ledger are appended whether they have a place or not", lateFile, "		if there.Whole(rest[0].Sequence) {\n", "		if len(rest) == 0 {\n"),
		place("the last record of a run has always a place", lateFile, "for n < len(rest) && !there.Has(rest[n].Sequence) {", "for n < len(rest) {"),
		place("looking back ends one object early", sequencesFile, "if record.CompareSequence(o.Passed.Sequence, rest[0]) < 0 {", "if record.CompareSequence(o.Passed.Sequence, rest[0]) <= 0 {"),
		place("looking back ends where the chain goes on", sequencesFile, "		if end == head.Base() {\n\t\t\treturn true, nil", "		if end < head.Ordinal {\n\t\t\treturn true, nil"),
		place("an object's range stands for its records", sequencesFile, "		if place, ok := p.read[s]; ok {\n", "		if place, ok := p.read[s]; ok || record.CompareSequence(o.First.Sequence, s) < 0 {\n"),
		place("quarantined records have no place", sequencesFile, "	if o.Quarantine == \"\" {\n", "	if o.Quarantine == \"\" || o.Rows > 0 {\n"),
		place("recovered records have no place", sequencesFile, "	for _, o := range p.recovered {\n\t\tif err := p.look", "	for _, o := range p.recovered[:0] {\n\t\tif err := p.look"),
		place("an object that is gone had no records", sequencesFile, "	if expected < next {\n\t\treturn fmt", "	if expected < 0 {\n\t\treturn fmt"),
	}
}
