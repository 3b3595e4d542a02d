package simulation

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
	batchFile        = "record/batch.go"
	convertFile      = "record/convert.go"
	schemaFile       = "landing/schema/schema.go"
	streamingFile    = "landing/streaming/streaming.go"
	objectFile       = "record/rawzone/object.go"
	rawzoneFile      = "record/rawzone/rawzone.go"
	unpackFile       = "record/unpack/unpack.go"
)

// edited is a mutant of one place.
func edited(name, file, before, after string) mutant {
	return mutant{name: name, edits: []edit{{file, before, after}}}
}

// mutants are the faults of the original system and the traps known from building others: most of them on the record's
// way from the batch into both tables, and those that lie before it.
func mutants() []mutant {
	return append(append(append(orderMutants(), zoneMutants()...), valueMutants()...), boxMutants()...)
}

// orderMutants get the steps wrong, or believe what failed.
func orderMutants() []mutant {
	return []mutant{
		edited("ledger moved on before the rows are handed over", orchestratorFile,
			"	m := handoff.Message{Object: object.Key, Rows: object.Rows}\n",
			"	if h, err := o.lake.Advance(ctx, head, head.After(object, time.Now())); err == nil {\n\t\thead = h\n\t}\n	m := handoff.Message{Object: object.Key, Rows: object.Rows}\n"),
		edited("a failed batch is reported as done", orchestratorFile,
			"if err := o.land(ctx, b); err != nil {\n\t\t\treturn err", "if err := o.land(ctx, b); err != nil {\n\t\t\treturn nil"),
		edited("the error of an S3 write is swallowed", lakeFile,
			`return false, fmt.Errorf("write object %s to bucket %s: %w", key, l.bucket, err)`, "return true, nil"),
		edited("the error of a quarantine write is swallowed", lakeFile,
			`return fmt.Errorf("write quarantine object %s to bucket %s: %w", key, l.bucket, err)`, "return nil"),
		edited("Upsert's error is swallowed", "processing/invoke/invoke.go",
			"if out.FunctionError != nil {", "if out.FunctionError != nil {\n\t\treturn handoff.Answer{Rows: m.Rows}, nil\n\t}\n	if out.FunctionError != nil {"),
		edited("the error of a MERGE is swallowed", streamingFile,
			"result, err := t.session.Exec(ctx, t.merge, b.text.String(), b.lowest)\n\tif err != nil {\n\t\treturn 0, fmt",
			"result, err := t.session.Exec(ctx, t.merge, b.text.String(), b.lowest)\n\tif err != nil {\n\t\treturn 0, nil\n\t}\n\tif err != nil {\n\t\treturn 0, fmt"),
		edited("one bad record fails its batch", orchestratorFile,
			"	if len(rejected) == 0 {\n\t\treturn nil\n\t}\n", "	if len(rejected) == 0 {\n\t\treturn nil\n\t}\n	if len(rejected) > 0 {\n\t\treturn fmt.Errorf(\"a bad record\")\n\t}\n"),
		edited("bad records are dropped", orchestratorFile, "	if len(rejected) == 0 {\n", "	if len(rejected) > 0 || len(rejected) == 0 {\n"),
		edited("ordinals given before known records are dropped", orchestratorFile,
			"object, err := o.object(ctx, head, fresh)",
			"early := head\n\t\tearly.Ordinal += int64(len(b.records) - len(fresh))\n\t\tobject, err := o.object(ctx, early, fresh)"),
		edited("known records are not dropped", orchestratorFile,
			"fresh := o.fresh(b.records, head.Last())", "fresh := o.fresh(b.records, record.Position{})\n\t\tif len(fresh) > 0 && record.CompareSequence(b.records[len(b.records)-1].Sequence, head.Sequence) <= 0 {\n\t\t\treturn nil\n\t\t}"),
		{name: "quarantine written after the object that names it", edits: []edit{
			{orchestratorFile, "	if err := o.quarantine(ctx, head.Stream, object, batch.Rejected); err != nil {\n\t\treturn object, err\n\t}\n	object, adopted, err := o.lake.Land(ctx, object, batch.CSV)\n	if err != nil {\n\t\treturn object, err\n\t}\n",
				"	object, adopted, err := o.lake.Land(ctx, object, batch.CSV)\n	if err != nil {\n\t\treturn object, err\n\t}\n	if !adopted {\n\t\tif err := o.quarantine(ctx, head.Stream, object, batch.Rejected); err != nil {\n\t\t\treturn object, err\n\t\t}\n	}\n"}}},
		edited("an adopted object's range is not taken over", lakeFile, "return landed, true, err", "return o, true, err"),
		edited("an adopted object's rows are not handed over", orchestratorFile,
			"	if !adopted {\n", "	if adopted {\n\t\treturn object, nil\n\t}\n	if !adopted {\n"),
	}
}

// zoneMutants break what S3's conditions and the names of objects are there for.
func zoneMutants() []mutant {
	return []mutant{
		edited("If-None-Match dropped", lakeFile, `IfNoneMatch: aws.String("*"), Metadata`, "Metadata"),
		edited("If-Match dropped", ledgerFile, "in.IfMatch = &head.etag", "_ = head"),
		edited("a refused swap is taken for success", ledgerFile, "if !bytes.Equal(head.Encode(), text) {", "if len(text) == 0 {"),
		{name: "the ledger is kept over invocations", edits: []edit{
			{orchestratorFile, "	decoder *record.Decoder\n", "	decoder *record.Decoder\n	heads   map[string]datalake.Head\n"},
			{orchestratorFile, "	head, err := o.head(ctx, b)\n	if err != nil {\n\t\treturn err\n\t}\n",
				"	head, known := o.heads[b.shard]\n	var err error\n	if !known {\n\t\tif head, err = o.head(ctx, b); err != nil {\n\t\t\treturn err\n\t\t}\n	}\n	o.heads = map[string]datalake.Head{}\n	defer func() { o.heads[b.shard] = head }()\n"}}},
		edited("a lost ledger starts at nothing", ledgerFile, "if err != nil || last == \"\" {\n\t\treturn head, err\n\t}\n	o, err", "if err != nil || last != \"?\" {\n\t\treturn head, err\n\t}\n	o, err"),
		edited("a rebuilt ledger passes an object that was not handed over", orchestratorFile,
			"if err := o.handOver(ctx, handoff.Message{Object: head.Open.Key, Rows: head.Open.Rows}); err != nil {\n\t\treturn head, err\n\t}\n", ""),
		{name: "the ledger is created by the first commit", edits: []edit{
			{ledgerFile, "	if err == nil && head.etag == \"\" {\n", "	if err == nil && head.etag == \"\" {\n\t\treturn l.rebuild(ctx, head)\n	}\n	if err == nil && head.etag == \"\" {\n"},
			{ledgerFile, "	if head.etag == \"\" {\n\t\treturn Head{}, fmt.Errorf(\"advance", "	if head.etag == \"?\" {\n\t\treturn Head{}, fmt.Errorf(\"advance"}}},
		edited("the key from the last record", objectFile, "RowsKey(folder, b.Folder, l.Stream, b.First, b.FirstOrdinal)", "RowsKey(folder, b.Folder, l.Stream, b.Last, b.LastOrdinal)"),
		edited("the key from the sensor alone", rawzoneFile, `"/" + place(stream, first.Shard) + name(first, ordinal) + ".csv"`, `"/" + place(stream, first.Shard) + fmt.Sprintf("%012d", ordinal%7+1) + "-.csv"`),
		edited("a quarantine key without its end", rawzoneFile, `name(first, ordinal) + "-to-" + last.Sequence + fmt.Sprintf("-%d", last.Subsequence) + ".ndjson"`, `name(first, ordinal) + ".ndjson"`),
		{name: "data decides the key", edits: []edit{{rawzoneFile, "func Escape(value string) string {\n", "func Escape(value string) string {\n\tif value != \"\" {\n\t\treturn value\n\t}\n"}},
			pack: "./record/rawzone", run: "."},
		edited("MERGE becomes INSERT", schemaFile, "`MERGE INTO %s AS t USING (", "`INSERT INTO %s AS t USING ("),
		edited("MERGE without the shard in its key", schemaFile, `ON t."_SHARD" = s."_SHARD" AND t."_ORDINAL"`, `ON t."_ORDINAL"`),
		edited("the MERGE's source is not deduplicated", schemaFile, "\n"+`  QUALIFY ROW_NUMBER() OVER (PARTITION BY "_SHARD", "_ORDINAL" ORDER BY 1) = 1`, ""),
		edited("the MERGE is pruned by the highest ordinal", streamingFile, "b.rows == 0 || n < b.lowest", "b.rows == 0 || n > b.lowest"),
		edited("hand-overs split by rows, not bytes", "processing/handoff/handoff.go", "if len(m.CSV) > MaxInline {\n\t\tm.CSV = \"\"\n\t}\n	payload, err := encode(m)\n	if err == nil && len(payload) > MaxInline && m.CSV != \"\" {",
			"	payload, err := encode(m)\n	if err == nil && m.Rows > 5000 && m.CSV != \"\" {"),
	}
}

// valueMutants change what is stored.
func valueMutants() []mutant {
	return []mutant{
		edited("a quarantined record takes no ordinal", batchFile, "			b.Rows++\n\t\t}\n\t\tordinal++\n", "			b.Rows++\n\t\t\tordinal++\n\t\t}\n"),
		edited("a record both in quarantine and landed", batchFile, "			b.Rows++\n",
			"			b.Rows++\n\t\t\tif ordinal%9 == 0 {\n\t\t\t\tb.Rejected = append(b.Rejected, Rejected{Record: records[i], Ordinal: ordinal, Reason: Reason{Code: WrongType}})\n\t\t\t}\n"),
		edited("numbers through float64", convertFile, "d.text, code = decimal(d.text, t.raw, MaxDigits, 0)",
			"f, _ := strconv.ParseFloat(string(t.raw), 64)\n\t\td.text = strconv.AppendFloat(d.text, f, 'f', -1, 64)"),
		edited("64.7 is cut to 64", convertFile, "d.text, code = decimal(d.text, t.raw, MaxDigits, 0)",
			"whole, _, _ := bytes.Cut(t.raw, []byte(\".\"))\n\t\td.text, code = decimal(d.text, whole, MaxDigits, 0)"),
		edited("numbers through FLOAT in SQL", schemaFile, `return text + "::" + Type(c)`, `return text + "::FLOAT::" + Type(c)`),
		edited("NULL becomes the empty string", "record/csv.go", "	case v.Null:\n\t\treturn dst\n", "	case v.Null:\n\t\treturn append(dst, '\"', '\"')\n"),
		edited("a missing field becomes NULL", "record/decode.go", "if d.schema.Columns[i].Required {", "if len(d.found) == 0 {"),
		edited("sequence numbers compared as text", "record/position.go", "if c := cmp.Compare(len(a), len(b)); c != 0 {", "if c := 0; c != 0 {"),
		edited(`\N without quotes`, "record/csv.go", "c == '_', c == '-'", `c == '_', c == '\\', c == '-'`),
		edited("CR without quotes", "record/csv.go", "c == '_', c == '-'", `c == '_', c == '\r', c == '-'`),
		edited("aggregated records are taken for payloads", unpackFile, "if !aggregate.Is(r.Data) {", "if len(r.Data) >= 0 {"),
		edited("the records of an aggregate share an identity", unpackFile, "one.Subsequence = int64(len(dst) - from)", "one.Subsequence = int64(len(dst)-from) * 0"),
		edited("half of a broken aggregate is taken", unpackFile, "		r.Refused = record.BadAggregate\n\t\treturn append(dst, r)\n", "		return dst\n"),
		edited("the payload in an error", "processing/orchestrator/event.go", `return nil, errors.New("the invocation's`, `return nil, errors.New(string(payload) + "the invocation's`),
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
		in(edited("a file is not synced", "local/kinesis/log/append.go", "if err := l.file.Sync(); err != nil {", "if err := error(nil); err != nil {"), "./local/kinesis/log", "."),
		in(edited("a folder is not synced", "local/kinesis/log/append.go", "if err := l.cfg.FS.SyncDir(l.cfg.Dir); err != nil {", "if err := error(nil); err != nil {"), "./local/kinesis/log", "."),
		in(edited("all of a PutRecords is sent again", "listener/writer.go", "p.pending = append(again, p.pending...)", "p.pending = append(append(again[:0:0], call...), p.pending...)"), "./listener", "TestPartialThrottle$"),
		in(edited("children before their parents", "local/lambda/shards.go", "return parent == nil ||", "return parent != nil || parent == nil ||"), "./local/lambda", "TestResharding"),
		in(edited("a time-out without a kill", "local/lambda/child.go", "	c.current = nil\n	c.mu.Unlock()\n	c.kill()\n", "	c.current = nil\n	c.mu.Unlock()\n"), "./local/lambda", "TestTimeoutKills"),
		in(edited("the key in a notice is not decoded", "local/warehouse/queue.go", "key, err := url.QueryUnescape(r.S3.Object.Key)", "_, err := url.QueryUnescape(\"\")\n\t\tkey := r.S3.Object.Key"), "./local/warehouse", "TestParseEvent|TestPipe$"),
	}
}
