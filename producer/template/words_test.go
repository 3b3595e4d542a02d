package template

import (
	"regexp"
	"testing"
)

// Words have the shape of faker's, also when gofakeit's lists change, and there are enough of them.
func TestWords(t *testing.T) {
	for method, want := range map[string]struct {
		shape string
		least int
	}{
		"name.firstName":                {`[A-Z][A-Za-z]+`, 1000},
		"name.lastName":                 {`[A-Z][A-Za-z]+`, 400},
		"name.prefix":                   {`Mr\.|Mrs\.|Ms\.|Miss|Dr\.`, 5},
		"name.suffix":                   {`Jr\.|Sr\.|I|II|III|IV|V|MD|DDS|PhD|DVM`, 11},
		"name.jobDescriptor":            {`[A-Z][a-z]+`, 40},
		"name.jobArea":                  {`[A-Z][a-z]+`, 30},
		"name.jobType":                  {`[A-Z]\w+`, 100},
		"address.cityPrefix":            {`North|East|West|South|New|Lake|Port`, 7},
		"address.citySuffix":            {`[a-z]+`, 15},
		"address.city":                  {`((North|East|West|South|New|Lake|Port) )?[A-Z][A-Za-z]+`, 1000},
		"address.streetSuffix":          {`[A-Z][a-z]+`, 150},
		"address.streetName":            {`[A-Z][A-Za-z]+ [A-Z][a-z]+`, 1000},
		"address.county":                {`[A-Z][a-z]+`, 10},
		"address.country":               {`[A-Z][A-Za-z -]+`, 200},
		"address.countryCode":           {`[A-Z]{2}`, 240},
		"address.state":                 {`[A-Z][a-z]+( [A-Z][a-z]+)?`, 50},
		"address.stateAbbr":             {`[B-Z][A-Z]|A[LKZR]`, 50},
		"company.companySuffix":         {`Inc|and Sons|LLC|Group`, 4},
		"company.suffixes":              {`Inc,and Sons,LLC,Group`, 1},
		"company.catchPhraseAdjective":  {`[A-Z][A-Za-z -]+`, 70},
		"company.catchPhraseDescriptor": {`[a-z0-9][a-z0-9 -]+`, 70},
		"company.catchPhraseNoun":       {`[A-Za-z][A-Za-z -]+`, 70},
		"company.bsAdjective":           {`[A-Za-z0-9-]+`, 50},
		"company.bsBuzz":                {`[a-z-]+`, 50},
		"company.bsNoun":                {`ROI|[a-z][a-z -]+`, 40},
		"commerce.color":                {`[a-z]+`, 15},
		"commerce.department":           {`[A-Z][a-z]+`, 14},
		"commerce.productName":          {`[A-Z][A-Za-z]+ [A-Z][A-Za-z]+ [A-Z][A-Za-z]+`, 1000},
		"finance.currencyCode":          {`[A-Z]{3}`, 150},
		"finance.currencyName":          {`[A-Z][A-Za-z -]+`, 130},
		"hacker.abbreviation":           {`[A-Z]+`, 25},
		"hacker.adjective":              {`[a-z0-9][a-z0-9 -]+`, 15},
		"hacker.noun":                   {`[a-z]+( [a-z]+)?`, 20},
		"hacker.verb":                   {`[a-z]+( [a-z]+)?`, 18},
		"hacker.ingverb":                {`[a-z]+ing( up)?`, 15},
		"hacker.phrase":                 {`[A-Za-z' -]+[A-Za-z0-9', -]+!`, 1000},
		"internet.domainName":           {`[a-z]+\.(com|biz|info|name|net|org)`, 1000},
		"internet.avatar":               {`https://s3\.amazonaws\.com/uifaces/faces/twitter/[a-z]+/128\.jpg`, 1000},
		"internet.userAgent":            {`(Mozilla/5\.0|Opera/\d+\.\d+) \([A-Za-z0-9 ;:._/,()+-]+`, 1000},
		"lorem.word":                    {`[a-z]+`, 100},
		"random.word":                   {`[A-Z][A-Za-z]+`, 300},
		"system.mimeType":               {`[a-z-]+/[a-z0-9+.-]+`, 350},
		"system.fileType":               {`[a-z-]+`, 10},
		"system.fileExt":                {`[a-z]+`, 150},
		"system.fileName":               {`[a-z]+(_[a-z]+){0,2}\.[a-z]+`, 1000},
	} {
		tpl, err := Compile("{{" + method + "}}")
		if err != nil {
			t.Fatal(err)
		}
		shape := regexp.MustCompile("^(?:" + want.shape + ")$")
		seen := map[string]bool{}
		g := tpl.Generator(1)
		for i := range int64(20000) {
			word, err := g.Append(nil, i)
			if err != nil || !shape.Match(word) || string(word) == "undefined" {
				t.Fatalf("%s made %q, want %s (%v)", method, word, shape, err)
			}
			seen[string(word)] = true
		}
		if len(seen) < want.least {
			t.Errorf("%s has %d words, want at least %d", method, len(seen), want.least)
		}
	}
}

func TestWordsAllocateNothing(t *testing.T) {
	tpl, err := Compile("{{name.findName}} {{address.city}} {{internet.domainName}} {{company.companyName}} {{hacker.phrase}} {{lorem.sentence}} {{system.fileName}}")
	if err != nil {
		t.Fatal(err)
	}
	g, i, buffer := tpl.Generator(1), int64(0), make([]byte, 0, 1000)
	if n := testing.AllocsPerRun(1000, func() { i++; buffer, _ = g.Append(buffer[:0], i) }); n != 0 {
		t.Errorf("%g allocations a record", n)
	}
}
