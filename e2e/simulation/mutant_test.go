package simulation

import (
	"slices"
	"strings"
)

// mutant is a fault planted in the code that ships, by replacing text in copies of its files.
type mutant struct {
	name  string
	edits []edit
	// pack is the package whose tests should catch it and run the pattern of those to run; the default is this one.
	pack, run string
}

type edit struct{ file, old, new string }

const (
	orchestratorFile = "processing/orchestrator/orchestrator.go"
	lakeFile         = "processing/datalake/datalake.go"
	ledgerFile       = "processing/datalake/ledger.go"
	headFile         = "processing/orchestrator/head.go"
	cursorFile       = "record/unpack/cursor.go"
	appendFile       = "processing/orchestrator/append.go"
	batchFile        = "record/batch.go"
	convertFile      = "record/convert.go"
	schemaFile       = "landing/schema/schema.go"
	streamingFile    = "landing/streaming/streaming.go"
	objectFile       = "record/rawzone/object.go"
	rawzoneFile      = "record/rawzone/rawzone.go"
	unpackFile       = "record/unpack/unpack.go"
	compressFile     = "processing/datalake/compress.go"
)

// edited is a mutant of one place.
func edited(name, file, before, after string) mutant {
	return mutant{name: name, edits: []edit{{file, before, after}}}
}

// importing gives a mutant's file, which imports nothing, a package.
func importing(path string, m mutant) mutant {
	m.edits = append(m.edits, edit{m.edits[0].file, "package record\n", "package record\n\nimport \"" + path + "\"\n"})
	return m
}

// mutants are the faults of the original system and the traps known from building others: most of them on the record's
// way from the batch into both tables, and those that lie before it.
func mutants() []mutant {
	return slices.Concat(orderMutants(), zoneMutants(), valueMutants(), boxMutants(), channelMutants(), repairMutants(), sealMutants(), placeMutants())
}

// orderMutants get the steps wrong, or believe what failed.
func orderMutants() []mutant {
	return []mutant{
		edited("ledger moved on before the rows are handed over", orchestratorFile,
			"	d := delivery{object: object, csv: batch.CSV}\n",
			"	if h, err := o.lake.Advance(ctx, head, head.After(object, time.Now())); err == nil {\n\t\thead = h\n\t}\n	d := delivery{object: object, csv: batch.CSV}\n"),
		edited("a failed batch is reported as done", orchestratorFile,
			"if err := o.land(ctx, b); err != nil {\n\t\t\treturn err", "if err := o.land(ctx, b); err != nil {\n\t\t\treturn nil"),
		edited("the error of an S3 write is swallowed", lakeFile,
			`return false, fmt.Errorf("write object %s to bucket %s: %w", key, l.bucket, err)`, "return true, nil"),
		edited("the error of a quarantine write is swallowed", lakeFile,
			`return fmt.Errorf("write quarantine object %s to bucket %s: %w", key, l.bucket, err)`, "return nil"),
		edited("Upsert's error is swallowed", "processing/invoke/invoke.go",
			"if out.FunctionError != nil {", "if out.FunctionError != nil {\n\t\treturn handoff.Answer{Rows: m.Rows}, nil\n\t}\n	if out.FunctionError != nil {"),
		edited("the error of a MERGE is swallowed", streamingFile,
			"result, err := t.session.Exec(ctx, t.merge, rows, lowest, highest)\n\tif err != nil {\n\t\treturn fmt",
			"result, err := t.session.Exec(ctx, t.merge, rows, lowest, highest)\n\tif err != nil {\n\t\treturn nil\n\t}\n\tif err != nil {\n\t\treturn fmt"),
		edited("one bad record fails its batch", orchestratorFile,
			"	if len(rejected) == 0 {\n\t\treturn nil\n\t}\n", "	if len(rejected) == 0 {\n\t\treturn nil\n\t}\n	if len(rejected) > 0 {\n\t\treturn fmt.Errorf(\"a bad record\")\n\t}\n"),
		edited("bad records are dropped", orchestratorFile, "	if len(rejected) == 0 {\n", "	if len(rejected) > 0 || len(rejected) == 0 {\n"),
		edited("ordinals given before known records are dropped", orchestratorFile,
			"batch := o.cut(fresh, head.Ledger)", "late := head.Ledger\n\t\tlate.Ordinal += int64(len(b.records) - len(fresh))\n\t\tbatch := o.cut(fresh, late)"),
		edited("known records are not dropped", orchestratorFile,
			"for len(records) > 0 && l.Passed(records[0].Sequence) {", "for len(records) > 1<<20 {"),
		{name: "the rest of a record that landed in part is passed over", edits: []edit{{"record/rawzone/ledger.go",
			"return c < 0 || c == 0 && l.Inside == \"\"", "return c <= 0"}}, pack: "./e2e/simulation", run: "TestSimulationInParts"},
		{name: "a record that landed in part begins again", edits: []edit{{orchestratorFile,
			"o.rest(l.Chain(), records, l.Subsequence, l.Inside)", "o.rest(l.Chain(), records, -1, l.Inside)"}}, pack: "./e2e/simulation", run: "TestSimulationInParts"},
		{name: "an object does not say that its last record goes on", edits: []edit{{orchestratorFile,
			"c.Inside = records.Numbering()", "_ = records.Numbering()"}}, pack: "./e2e/simulation", run: "TestSimulationInParts"},
		{name: "the rest of a record that was given up is passed over", edits: []edit{{appendFile,
			"c > 0 || c == 0 && o.Inside != \"\"", "c > 0"}}, pack: "./e2e/simulation", run: "TestSimulationInParts"},
		{name: "quarantine written after the object that names it", edits: []edit{
			{orchestratorFile, "	if err := o.quarantine(ctx, head.Stream, object, batch.Rejected); err != nil {\n\t\treturn head, object, err\n\t}\n	object, adopted, err := o.lake.Land(ctx, object, batch.CSV)\n	if err != nil {\n\t\treturn head, object, err\n\t}\n",
				"	object, adopted, err := o.lake.Land(ctx, object, batch.CSV)\n	if err != nil {\n\t\treturn head, object, err\n\t}\n	if err := o.quarantine(ctx, head.Stream, object, batch.Rejected); err != nil {\n\t\treturn head, object, err\n\t}\n"}}},
		edited("the range of an object with the same name is not taken over", lakeFile, "return landed, true, err", "return o, true, err"),
		edited("an object that is there already is not handed over", orchestratorFile,
			"	if adopted {\n", "	if adopted {\n\t\thead.Ledger = head.After(object, time.Now())\n\t\treturn head, nil\n\t}\n	if adopted {\n"),
		edited("a process remembers what it has not handed over", orchestratorFile,
			"	d := delivery{object: object, csv: batch.CSV}\n",
			"	done := head\n	done.Ledger = head.After(object, time.Now())\n	o.keep(done, 0)\n	d := delivery{object: object, csv: batch.CSV}\n"),
	}
}

// zoneMutants break what S3's conditions and the names of objects are there for.
func zoneMutants() []mutant {
	return append(append(append(protocolMutants(), withheldMutants()...), compressionMutants()...), []mutant{
		edited("If-None-Match dropped", lakeFile, `IfNoneMatch: aws.String("*"), Metadata`, "Metadata"),
		edited("If-Match dropped", ledgerFile, "in.IfMatch = &etag", "_ = etag"),
		edited("a refused swap is taken for success", ledgerFile, "if !bytes.Equal(there, text) {", "if len(text) == 0 && len(there) == 0 {"),
		edited("the ledger is kept over invocations", headFile, "case head.Version() == mine.version:", `case mine.version != "":`),
		edited("a lost ledger starts at nothing", headFile, "if head.Doubtful || head.Ordinal < mine.ledger.Ordinal {", "if head.Ordinal < mine.ledger.Ordinal {"),
		edited("a rebuilt ledger passes an object that was not handed over", headFile,
			"	if err := o.cover(ctx, head, newest, true); err != nil {\n\t\treturn err\n\t}\n", "	head.Ledger = head.After(newest, time.Now())\n"),
		{name: "the ledger is created by the first swap", edits: []edit{
			{ledgerFile, "	head, err := l.advance(ctx, Head{}, empty)\n	if errors.Is", "	head, err := Head{Ledger: empty}, error(nil)\n	if errors.Is"},
			{ledgerFile, "	case h.etag == \"\":\n", "	case h.etag == \"?\":\n"},
			{ledgerFile, "	if head.etag == \"\" {\n\t\treturn Head{}, fmt.Errorf(\"advance", "	if head.etag == \"?\" {\n\t\treturn Head{}, fmt.Errorf(\"advance"}}},
		edited("the key from the last record", objectFile, "RowsKey(folder, b.Folder, l.Chain(), b.First, b.FirstOrdinal, l.Turn)", "RowsKey(folder, b.Folder, l.Chain(), b.Last, b.LastOrdinal, l.Turn)"),
		edited("the key from the sensor alone", rawzoneFile, `"/" + c.place() + name(first, ordinal) + suffix(turn) + ".csv"`, `"/" + c.place() + fmt.Sprintf("%012d", ordinal%7+1) + "-1-0" + suffix(turn) + ".csv"`),
		// The ledger names an object before it is written, so an end that is missing hurts nobody; the format has it all the same.
		{name: "a quarantine key without its end", edits: []edit{{rawzoneFile, `name(first, ordinal) + "-to-" + last.Sequence + fmt.Sprintf("-%d", last.Subsequence) + suffix(turn) + ".ndjson"`, `name(first, ordinal) + suffix(turn) + ".ndjson"`}},
			pack: "./record/rawzone", run: "."},
		{name: "data decides the key", edits: []edit{{rawzoneFile, "func Escape(value string) string {\n", "func Escape(value string) string {\n\tif value != \"\" {\n\t\treturn value\n\t}\n"}},
			pack: "./record/rawzone", run: "."},
		edited("MERGE becomes INSERT", schemaFile, "`MERGE INTO %s AS t USING (", "`INSERT INTO %s AS t USING ("),
		edited("MERGE without the shard in its key", schemaFile, `) AS s ON t."_SHARD" = s."_SHARD" AND t."_ORDINAL"`, `) AS s ON t."_ORDINAL"`),
		edited("the MERGE's source is not deduplicated", schemaFile, "\n"+`  QUALIFY ROW_NUMBER() OVER (PARTITION BY "_GENERATION", "_SHARD", "_ORDINAL" ORDER BY 1) = 1`, ""),
		edited("the MERGE is pruned by the highest ordinal", streamingFile, "slices.Min(b.ordinals", "slices.Max(b.ordinals"),
		edited("the MERGE is pruned by the lowest ordinal", streamingFile, "slices.Max(b.ordinals", "slices.Min(b.ordinals"),
		edited("hand-overs split by rows, not bytes", "processing/handoff/handoff.go", "if len(m.CSV) > MaxInline {\n\t\tm.CSV = \"\"\n\t}\n	payload, err := encode(m)\n	if err == nil && len(payload) > MaxInline && m.CSV != \"\" {",
			"	payload, err := encode(m)\n	if err == nil && m.Rows > 5000 && m.CSV != \"\" {"),
	}...)
}

// compressionMutants break what keeps objects of several compressions apart, and readable.
func compressionMutants() []mutant {
	return []mutant{
		edited("an open object is looked for under this process's own compression", headFile, "o.lake.Resolve(ctx, head.Open, ",
			"o.lake.Resolve(ctx, head.Open[:len(head.Open)-len(rawzone.CompressionOf(head.Open).Extension())]+o.pack.Extension(), "),
		edited("a lost ledger overlooks compressed objects", rawzoneFile, "strings.TrimSuffix(base, CompressionOf(base).Extension())", `strings.TrimSuffix(base, "/")`),
		edited("compressed rows are read as they lie", lakeFile, "compression != rawzone.None {", `compression == "?" {`),
		edited("a compressed object has no end", compressFile, "p.gzip.Close()", "p.gzip.Flush()"),
	}
}

// withheldMutants break what happens to a row that its table does not take.
func withheldMutants() []mutant {
	const withholdFile, withheldFile, refuseFile, liftFile = "processing/orchestrator/withhold.go", "processing/datalake/withheld.go", "landing/streaming/refuse.go", "processing/quarantine/lift.go"
	return []mutant{
		edited("rows are withheld without the ledger's word", withholdFile, "head.Withholding(d.object, key, time.Now())", "head.Before(d.object, time.Now())"),
		edited("the name of withheld rows that never came is not made void", withheldFile, `if named != "" {`, `if named == "?" {`),
		edited("withheld rows are handed over again", withholdFile, "m.Without, m.Place = d.without, place(", "m.Without, m.Place = nil, place("),
		edited("Upsert brings what was put aside", "processing/upsert/upsert.go", "if len(without) > 0 || only != nil {", "if only != nil {"),
		edited("withheld rows are not counted as quarantined", "record/rawzone/ledger.go", "l.Quarantined += withheld", "l.Quarantined += 0 * withheld"),
		edited("an error that says nothing of a row is taken for its fault", "landing/snowflake/refusal.go", `!ok || !strings.HasPrefix(refused.SQLState, "22") && refused.SQLState != "54000"`, `!ok && strings.HasPrefix(message, "?")`),
		edited("neighbours of a refused row are dropped", refuseFile, "if to-from == 1 {", "if to-from <= 2 {"),
		edited("rows are taken apart at the first refusal", refuseFile, "case try == refusals:", "case try > 0:"),
		edited("an error while rows are taken apart is swallowed", refuseFile, "		if err != nil {\n\t\t\treturn err\n\t\t}\n\t}\n	return nil\n}", "		if err != nil {\n\t\t\treturn nil\n\t\t}\n\t}\n	return nil\n}"),
		edited("a replay makes another object of a withheld row", "processing/quarantine/quarantine.go", "		if rawzone.IsWithheld(o.key) {\n\t\t\tbring = r.lift", "		if o.key == \"?\" {\n\t\t\tbring = r.lift"),
		edited("a row is lifted that its table still refuses", liftFile, "return refused[n] })", "return n == 0 })"),
		edited("what was left to look at is forgotten", withholdFile, "		if !answer.More {\n", "		if m.Rows > 0 {\n"),
		edited("rows are withheld on top of a ledger that is not believed", headFile, "if err != nil || head.Doubtful {", "if err != nil {"),
	}
}

// protocolMutants leave out what keeps two records from sharing an ordinal, and each from landing twice.
func protocolMutants() []mutant {
	return []mutant{
		edited("the object is written before the ledger names it", orchestratorFile,
			"	head, err := o.lake.Advance(ctx, head, head.Before(object, time.Now()))\n",
			"	if _, _, err := o.lake.Land(ctx, object, batch.CSV); err != nil {\n\t\treturn head, err\n\t}\n	head, err := o.lake.Advance(ctx, head, head.Before(object, time.Now()))\n"),
		edited("the ledger names no object", orchestratorFile,
			"	head, err := o.lake.Advance(ctx, head, head.Before(object, time.Now()))\n",
			"	nameless := head.Before(object, time.Now())\n	nameless.Open = \"\"\n	head, err := o.lake.Advance(ctx, head, nameless)\n"),
		edited("an open object is not looked at", headFile, `case head.Open != "":`, `case head.Open == "?":`),
		edited("an open object's rows are not handed over", headFile,
			"	if err := o.deliverAgain(ctx, head, &d); err != nil {\n", "	if err := o.deliverAgain(ctx, head, &delivery{}); err != nil {\n"),
		edited("an open object's range is not taken over", headFile, "	return o.cover(ctx, head, object, head.Withheld != \"\" || head.Channel != nil)\n}\n\n// rebuild", "	if err := o.cover(ctx, head, object, false); err != nil {\n\t\treturn err\n\t}\n	head.Ordinal--\n	return nil\n}\n\n// rebuild"),
		edited("the name of an object that never came is not made void", ledgerFile,
			"if _, err := l.Create(ctx, key, header, rawzone.Void()); err != nil {\n\t\t\treturn o, err\n\t\t}",
			"if len(header) > 0 {\n\t\t\treturn o, rawzone.ErrVoid\n\t\t}"),
		edited("a void name is overwritten", lakeFile, "		err = fmt.Errorf(\"write object %s: %w\", o.Key, ErrFenced)\n", "		return o, false, l.Restore(ctx, o.Key, csv, o.Metadata())\n"),
		edited("a void name is used again", "record/rawzone/ledger.go", `l.Open, l.Withheld, l.Turn = "", "", l.Turn+1`, `l.Open = ""`),
		edited("a void object is taken for one with rows", objectFile, `if metadata["void"] != "" {`, `if metadata["void"] == "?" {`),
		edited("an older ledger that was put back is believed", ledgerFile, "modified.Sub(ledger.UpdatedAt) > patience", "modified.IsZero()"),
		edited("a process believes the older ledger that it wrote itself", headFile, "if head.Ledger = mine.ledger; !head.Doubtful {", "if head.Ledger = mine.ledger; true {"),
		edited("a process does not notice that the ledger went back", headFile, "if head.Doubtful || head.Ordinal < mine.ledger.Ordinal {", "if head.Doubtful {"),
		edited("rows that were there already are no reason to look", orchestratorFile, "d.inserted < int64(object.Rows-len(d.without))", "d.inserted < 0"),
		edited("recovered records move the ledger's position back", "record/rawzone/ledger.go", "o.Passed.Sequence, o.Passed.Subsequence", "o.Last.Sequence, o.Last.Subsequence"),
		edited("records are appended twice", appendFile, `	if err != nil || object.Key != "" {`, "	if n = int(head.Objects); err != nil {"),
		edited("records are appended before the ledger has passed them", appendFile, "if !head.Passed(last.Sequence) {", "if head.Sequence == \"?\" {"),
		edited("ordinals of all shards start at 1", "record/ordinal.go", "return int64(n) * ordinals", "return 0 * ordinals"),
		{name: "the audit counts rows only", edits: []edit{{"landing/audit/shard.go", "return a.rows == rows && a.ordinals == rows && a.identities == rows && a.sum == sum", "return a.rows == rows && sum != \"\""}},
			pack: "./landing/audit", run: "TestComplete"},
	}
}

// valueMutants change what is stored.
func valueMutants() []mutant {
	return []mutant{
		edited("a quarantined record takes no ordinal", batchFile, "			b.Rows++\n\t\t}\n\t\tordinal++\n", "			b.Rows++\n\t\t\tordinal++\n\t\t}\n"),
		edited("a record both in quarantine and landed", batchFile, "			b.Rows++\n",
			"			b.Rows++\n\t\t\tif ordinal%9 == 0 {\n\t\t\t\tb.Rejected = append(b.Rejected, Rejected{Record: *r, Ordinal: ordinal, Reason: Reason{Code: WrongType}})\n\t\t\t}\n"),
		importing("strconv", edited("numbers through float64", convertFile, "d.text, code = decimal(d.text, t.raw, MaxDigits, 0)",
			"f, _ := strconv.ParseFloat(string(t.raw), 64)\n\t\td.text = strconv.AppendFloat(d.text, f, 'f', -1, 64)")),
		importing("bytes", edited("64.7 is cut to 64", convertFile, "d.text, code = decimal(d.text, t.raw, MaxDigits, 0)",
			"whole, _, _ := bytes.Cut(t.raw, []byte(\".\"))\n\t\td.text, code = decimal(d.text, whole, MaxDigits, 0)")),
		edited("numbers through FLOAT in SQL", schemaFile, `return text + "::" + Type(c)`, `return text + "::FLOAT::" + Type(c)`),
		edited("NULL becomes the empty string", "record/csv.go", "	case v.Null:\n\t\treturn dst\n", "	case v.Null:\n\t\treturn append(dst, '\"', '\"')\n"),
		edited("a missing field becomes NULL", "record/decode.go", "if d.schema.Columns[i].Required {", "if len(d.found) == 0 {"),
		edited("sequence numbers compared as text", "record/position.go", "if c := cmp.Compare(len(a), len(b)); c != 0 {", "if c := 0; c != 0 {"),
		edited(`\N without quotes`, "record/csv.go", "c == '_', c == '-'", `c == '_', c == '\\', c == '-'`),
		edited("CR without quotes", "record/csv.go", "c == '_', c == '-'", `c == '_', c == '\r', c == '-'`),
		edited("aggregated records are taken for payloads", cursorFile, "!aggregate.Is(r.Data) {", "len(r.Data) >= 0 {"),
		edited("the records of an aggregate share an identity", cursorFile, "code, c.next, &c.own", "code, c.next*0, &c.own"),
		edited("half of a broken aggregate is taken", cursorFile, "		c.give(r.Data, record.BadAggregate)\n", ""),
		edited("the payload in an error", "record/event.go", "if err := r.top(); err != nil {\n\t\treturn nil, err", "if err := r.top(); err != nil {\n\t\treturn nil, errors.New(string(event))"),
	}
}

// boxMutants lie in boxes that are not part of a run; their own tests must catch them.
func boxMutants() []mutant {
	in := func(m mutant, pack, run string) mutant {
		m.pack, m.run = pack, run
		return m
	}
	return []mutant{
		in(edited("a failed write is acknowledged", "local/kinesis/log/append.go", "		return l.takeBack(offset, err)\n", "		return nil\n"), "./local/kinesis/log", "."),
		in(edited("an error after the first committed piece of a MERGE is swallowed", streamingFile,
			"if err := t.send(ctx, &bind, &m); err != nil {\n\t\t\t\treturn m, err", "if err := t.send(ctx, &bind, &m); err != nil && m.Inserted == 0 {\n\t\t\t\treturn m, err"), "./landing/streaming", "TestEveryPieceCounts"),
		in(edited("a file is not synced", "local/kinesis/log/append.go", "if err := l.file.Sync(); err != nil {", "if err := error(nil); err != nil {"), "./local/kinesis/log", "."),
		in(edited("a folder is not synced", "local/kinesis/log/append.go", "if err := l.cfg.FS.SyncDir(l.cfg.Dir); err != nil {", "if err := error(nil); err != nil {"), "./local/kinesis/log", "."),
		in(edited("all of a PutRecords is sent again", "listener/writer.go", "p.pending = append(again, p.pending...)", "p.pending = append(append(again[:0:0], call...), p.pending...)"), "./listener", "TestPartialThrottle$"),
		in(edited("children before their parents", "local/lambda/shards.go", "return parent == nil ||", "return parent != nil || parent == nil ||"), "./local/lambda", "TestResharding"),
		in(edited("a time-out without a kill", "local/lambda/child.go", "	c.current = nil\n	c.mu.Unlock()\n	c.kill()\n", "	c.current = nil\n	c.mu.Unlock()\n"), "./local/lambda", "TestTimeoutKills"),
		in(edited("a frame of the log is not bound to its index", "local/kinesis/log/frame.go", "return crc32.Update(uint32(index)^uint32(index>>32), castagnoli, body)", "return crc32.Update(uint32(index-index), castagnoli, body)"), "./local/kinesis/log", "."),
		in(edited("damage of acknowledged records is a torn tail", "local/kinesis/log/recover.go", "		found.believe(known, s)\n", "		found.believe(proof{}, s)\n"), "./local/kinesis/log", "."),
		in(edited("indexes of damaged records are given again", "local/kinesis/log/recover.go", "	v.end = known.end\n	if known.base", "	if known.base"), "./local/kinesis/log", "."),
		in(edited("a log goes no further than its first damage", "local/kinesis/log/recover.go", "if found, err := w.resume(); err != nil || !found {", "if found, err := false, error(nil); err != nil || !found {"), "./local/kinesis/log", "."),
		in(edited("a shard's checkpoint moves past what was not done", "local/lambda/handover.go", "p.advance(top.items[:done])", "p.advance(top.items)"), "./local/lambda", "TestPartialFailure"),
		in(edited("a shard's checkpoint shows before it is durable", "local/lambda/poller.go", "	if err := p.m.store.save(p.m.checkpointPath(p.shard), point); err != nil {\n", "	p.m.update(p.state, func(s *shardState) { s.checkpoint = point })\n	if err := p.m.store.save(p.m.checkpointPath(p.shard), point); err != nil {\n"), "./local/lambda", "TestCheckpointSyncFails"),
		in(edited("a batch has one try too many", "local/lambda/handover.go", "top.attempts > p.set.MaxRetries {", "top.attempts > p.set.MaxRetries+1 {"), "./local/lambda", "TestAttemptsExhausted|TestBisectAndDestination|TestRecordAge"),
		in(edited("records are given up without a document", "local/lambda/handover.go", `p.set.OnFailure != "" && len(items) > 0 {`, `p.set.OnFailure == "?" && len(items) > 0 {`), "./local/lambda", "TestAttemptsExhausted|TestBisectAndDestination|TestRecordAge"),
		in(edited("a shard goes on without its failure destination", "local/lambda/handover.go", "		if err := sleepOrStop(ctx, backoff(tries, retryFirst, retryMost)); err != nil {\n			return err\n		}\n", "		if tries > 0 {\n			return nil\n		}\n"), "./local/lambda", "TestDrainLetsADestinationGo|TestBisectAndDestination"),
		in(edited("records are given up younger than the maximum age", "local/lambda/handover.go", "time.Duration(p.set.MaxAge) * time.Second)", "time.Duration(p.set.MaxAge) * time.Millisecond)"), "./local/lambda", "TestTooOld"),
		in(edited("all of a batch is too old when its first record is", "local/lambda/handover.go", "for n < len(items) && items[n].arrived.Before(oldest) {", "for n < len(items) && items[0].arrived.Before(oldest) {"), "./local/lambda", "TestRecordAge"),
		in(edited("the first half of a split batch is lost", "local/lambda/handover.go", "return []piece{second, first}, sleepOrStop", "return []piece{second, first}[:1], sleepOrStop"), "./local/lambda", "TestBisectAndDestination"),
		in(edited("a pipe forgets what it has loaded", "local/warehouse/pipe/history.go", "pipe.ID, time.Now().Add(-pipeMemory).UTC(), names", "pipe.ID, time.Now().UTC(), names"), "./local/warehouse", "TestPipe|TestReopen"),
		in(edited("a pipe that is made again knows what the former one has loaded", "local/warehouse/pipe/history.go", "WHERE pipe_id = $1 AND loaded > $2", "WHERE pipe_id <= $1 AND loaded > $2"), "./local/warehouse", "TestPipe"),
		in(edited("COPY knows a name whatever lies there now", "local/warehouse/pipe/history.go", `ok && (current == etag || current == "") {`, `ok || etag == current {`), "./local/warehouse", "TestCopyHistory"),
		in(edited("the key in a notice is not decoded", "local/warehouse/pipe/notice.go", "key, err := url.QueryUnescape(r.S3.Object.Key)", "_, err := url.QueryUnescape(\"\")\n\t\tkey := r.S3.Object.Key"), "./local/warehouse/...", "TestParseEvent|TestPipe$"),
	}
}

// channelMutants are mistakes in the row path by Snowpipe Streaming. The first six are known from others' clients.
func channelMutants() []mutant {
	const (
		path    = "processing/rowpath/rowpath.go"
		sweep   = "processing/rowpath/sweep.go"
		upsert  = "processing/upsert/path.go"
		channel = "snowpipe/channel.go"
	)
	all := []mutant{
		edited("channel: other rows under a token that was used", channel,
			"if c.token, err = parseAppended(got.body); err != nil {", "if _, err = parseAppended(got.body); err != nil {"),
		edited("channel: only the last object is appended again", path,
			"	chain := []rawzone.Object{r.Object}\n", "	chain := []rawzone.Object{r.Object}\n	if after >= 0 {\n\t\treturn chain, nil\n\t}\n"),
		edited("channel: objects are not cut at the committed ordinal", path, "if ordinal <= after {", "if ordinal <= after && false {"),
		edited("channel: no committed token means from the beginning", path,
			"}\n	highest, err := a.service.Highest(ctx, r.Chain())\n", "}\n	if base >= 0 {\n\t\treturn base, nil\n\t}\n	highest, err := a.service.Highest(ctx, r.Chain())\n"),
		edited("switched: rows are merged before the ledger knows of it", upsert, "	if known.Merged || u.path == nil", "	if known.Merged || p.Shard != \"\" || u.path == nil"),
		edited("switched: rows go by the channel before the ledger knows of it", upsert, "known == nil || known.Merged {", "known != nil && known.Merged {"),
		edited("switched: rows go by the channel while the ledger says that they are merged", upsert, "known == nil || known.Merged {", "known == nil {"),
		edited("switched: what may be merged in part is appended", upsert, "p.Channel.Merged && !p.Fresh }", "p.Channel.Merged && !p.Fresh && p.Shard == \"\" }"),
		edited("switched: the channel is not locked before rows are completed", upsert, "	state, err := u.path.applier.Fence(ctx, m.Place.Chain())\n	if err != nil {\n\t\treturn handoff.Answer{}, fmt", "	state, err := rowpath.State{Created: 1}, error(nil)\n	if err != nil {\n\t\treturn handoff.Answer{}, fmt"),
		edited("channel: rows that were merged behind the token are appended, the table is asked for nothing", path, "state.Committed = max(state.Committed, r.Known.Committed)", "state.Committed += 0 * r.Known.Committed"),
		edited("channel: an offset token is sent at open", channel,
			`body: []byte(`+"`"+`{"fail_on_uncommitted_rows":`, `body: []byte(`+"`"+`{"offset_token":"00000000000000000001","fail_on_uncommitted_rows":`),
		{name: "channel: the table is asked before the channel is opened", edits: []edit{
			{path, "	channel, err := a.service.Open(ctx, r.Chain())\n", "	early, _ := a.service.Highest(ctx, r.Chain())\n	channel, err := a.service.Open(ctx, r.Chain())\n"},
			{path, "if state.Committed, asked, err = a.forgotten(ctx, r, head); err != nil {", "if state.Committed, err = max(early, head.Base()), nil; err != nil {"},
		}},
		edited("channel: goes on with a channel after an error", path, "		delete(a.chains, r.Chain()) // a part", "		// a part"),
		edited("channel: an append is tried again with the next token", channel, "	got, err := c.pipe.client.do(ctx, r)\n	if err != nil {\n\t\treturn outcome(err)\n",
			"	got, err := c.pipe.client.do(ctx, r)\n	if err != nil {\n\t\treturn nil\n"),
		edited("channel: what does not become visible is not appended again", sweep, "	p.Again = true\n", "	if p.Last > 0 {\n\t\treturn p, nil\n\t}\n	p.Again = true\n"),
		edited("channel: rejected rows are not looked for", upsert, "	if !suspect || state.Committed <= from || state.Committed > r.Object.LastOrdinal {\n", "	if suspect || !suspect {\n"),
		edited("channel: rows are taken for looked at that an older ledger does not know", upsert, " || state.Committed > r.Object.LastOrdinal {", " {"),
		edited("channel: what was put aside is appended again", path, "if without, err = a.lake.Aside(ctx, r.Stream, o); err != nil {", "if without, err = nil, nil; err != nil {"),
		edited("channel: rows that were put aside late are not counted", "processing/datalake/rejections.go", "next.Withheld += int64(rows)", "next.Withheld += 0 * int64(rows)"),
		edited("channel: rows that are not committed are merged", path, "case o.LastOrdinal > after && o.LastOrdinal <= to && o.Rows > 0:", "case o.LastOrdinal > after && o.Rows > 0:"),
		edited("channel: how far a former channel was counts for the next one", path, "		if r.Known.Of(state.Created) {\n", "		if r.Known.Of(state.Created) || r.Stream != \"\" {\n"),
		edited("channel: settled is what a former channel had committed", sweep, " && (!state.Known || head.Channel.Of(state.Created)) {", " {"),
		edited("channel: settled is what a former channel had committed, which the table was asked for", sweep, "if head.Channel != nil && !ok && (", "if head.Channel != nil && (ok || "),
		edited("channel: the ledger keeps how far a former channel was", upsert, "	if known.Of(state.Created) {\n", "	if known.Of(state.Created) || known.Committed > 0 {\n"),
		edited("channel: nobody waits for it before rows are merged", upsert, "u.path.idle || strings.HasPrefix(key, rawzone.Replayed) {", "u.path.idle || key != \"\" || strings.HasPrefix(key, rawzone.Replayed) {"),
		edited("channel: a repair replaces rows beside it without waiting", "landing/audit/replace.go", "if s == nil || place != Streaming {", "if s == nil || place != \"\" {"),
		edited("channel: an undo puts rows beside it without waiting", "landing/audit/undo.go", "if place != Streaming || len(k.Rows) == 0 {", "if place != \"\" {"),
		edited("channel: waits for nothing", path, "	if a.commit == Wait {\n", "	if a.commit == Wait && false {\n"),
	}
	for i := range all {
		all[i].pack, all[i].run = "./e2e/simulation", "TestSimulationByChannel"
		if strings.HasPrefix(all[i].name, "switched: ") {
			all[i].run = "TestSimulationSwitched"
		}
		if strings.HasPrefix(all[i].name, "switched: rows ") { // it takes a process that is killed in that moment
			all[i].pack, all[i].run = "./processing/upsert", "TestNoted"
		}
		if strings.Contains(all[i].name, "before rows are merged") || strings.Contains(all[i].name, "without waiting") {
			all[i].run = "TestReplayBesideChannels|TestReplacedBesideChannels|TestTableDropped"
		}
		if strings.Contains(all[i].name, "the ledger keeps") {
			all[i].pack, all[i].run = "./processing/upsert", "TestChannelOf"
		}
		if strings.Contains(all[i].name, "settled is") || strings.Contains(all[i].name, "counts for the next") {
			all[i].pack, all[i].run = "./processing/rowpath", "TestApply|TestSettle"
		}
		if strings.Contains(all[i].name, "the table is asked") { // it takes a channel that is forgotten in that moment
			all[i].pack, all[i].run = "./processing/rowpath", "TestApply"
		}
	}
	return all
}
