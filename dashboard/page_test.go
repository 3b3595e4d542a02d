package dashboard_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/dustin/go-humanize"

	"github.com/snowstream/snowstream/internal/chromium"
)

// TestPageScreens draws the states of the page, for people to look at.
func TestPageScreens(t *testing.T) {
	s := newStub(t, sample(4), history(600))
	b := chromium.Open(t, s.URL, 1360, 900, live)
	b.Until(`document.querySelector('#latency canvas') !== null`)
	b.Scheme("light")
	b.Shoot("light")
	b.Scheme("dark")
	b.Shoot("dark")
	s.update(trouble)
	b.Until(`document.getElementById('recovery').dataset.step === 'broken'`)
	b.Scheme("light")
	b.Shoot("trouble")
	s.restart(func() {
		b.Until(`document.documentElement.dataset.connection === 'stale'`)
		b.Shoot("stale")
	})
	for width, name := range map[int64]string{360: "phone", 1024: "tablet"} {
		b := chromium.Open(t, s.URL, width, 800, live)
		b.Until(`document.querySelector('#latency canvas') !== null`)
		b.Scheme("light")
		b.Shoot(name)
		b.Clean()
	}
	nothing := newStub(t, object{"now": time.Now().UnixMilli(), "started": time.Now().UnixMilli(), "mode": "cloud", "stream": "kdEntry", "breaks": []object{}}, nil)
	b = chromium.Open(t, nothing.URL, 1280, 800, live)
	b.Scheme("light")
	b.Shoot("empty")
	b.Clean()
}

// trouble breaks S3, makes a function fail, and finds rows missing.
func trouble(o object) {
	now := time.Now().UnixMilli()
	boxes := o["boxes"].([]object)
	boxes[1]["count"] = 1_234_567_890
	boxes[2]["state"], boxes[2]["detail"] = "error", "3 failed and tried again"
	boxes[4]["state"], boxes[4]["detail"] = "warning", "slow down"
	o["arrows"].([]object)[1]["lag_s"] = 14.2
	o["breaks"].([]object)[2]["active"], o["breaks"].([]object)[2]["until"] = true, now+9_000
	o["audit"] = verdict(now, 12, 1)
	o["point"] = point(now, 0)
}

func verdict(at int64, missing, doubled int) object {
	return object{"at": at, "ok": missing+doubled == 0, "running": false, "accepted": 372_871, "streaming": 372_854, "microbatch": 372_854 - missing,
		"quarantined": 17, "missing": missing, "doubled": doubled, "different": 0, "note": ""}
}

func TestPageShowsTheNumbers(t *testing.T) {
	data := sample(4)
	s := newStub(t, data, history(30))
	b := chromium.Open(t, s.URL, 1280, 900, live)
	check := func() {
		t.Helper()
		for _, box := range data["boxes"].([]object) {
			at := fmt.Sprintf("[data-box=%s] ", box["id"])
			b.Shows(at+"[data-f=count]", humanize.Comma(int64(box["count"].(int))))
			b.Shows(at+"[data-f=name]", box["name"].(string))
			b.Shows(at+"[data-f=state]", box["detail"].(string))
		}
		for _, name := range []string{"accepted", "streaming", "microbatch", "quarantined", "missing", "doubled", "different"} {
			b.Shows("#a-"+name, humanize.Comma(int64(data["audit"].(object)[name].(int))))
		}
	}
	check()
	b.Shows("#verdict", "Nothing is missing, nothing is doubled.")
	b.Shows("[data-arrow=stream-orchestrator] [data-f=lag]", "0.21 s")
	b.Shows("[data-arrow=rawzone-microbatch] [data-f=rate]", "498/s")
	b.Shows("#box-quarantine", "17")
	b.Shows("#throughput-legend [data-k=accepted]", "500/s")
	b.Shows("#latency-legend [data-k=m50]", "1.30 s")
	b.Shows("#shard-table tbody tr:nth-child(2) td:nth-child(3)", "60")
	if !chromium.Value[bool](b, `document.getElementById('shards-retired').hidden`) {
		t.Error("no shard is retired, and the page has a line for them")
	}
	b.Shows("#file-table tbody tr:nth-child(1) td:nth-child(3)", "2.4 KB")
	s.update(func(o object) { o["shards"].(object)["retired"] = 1_204 })
	b.Shows("#shards-retired", "1,204 retired shards, closed and sealed to their ends")
	s.update(func(o object) { trouble(o); data = o })
	b.Until(`document.getElementById('audit').dataset.verdict === 'bad'`)
	check()
	b.Shows("#verdict", "Not complete: 12 missing, 1 doubled.")
	if got := chromium.Value[string](b, `document.querySelector('[data-box=orchestrator] .state').textContent`); !strings.Contains(got, "Failing: 3 failed") {
		t.Errorf("a failing box says %q: the state must not be a colour alone", got)
	}
	b.Clean()
}

func TestPageControlsTheLoad(t *testing.T) {
	s := newStub(t, sample(1), nil)
	b := chromium.Open(t, s.URL, 1280, 900, live)
	b.Until(`document.getElementById('rate-number').value === '500'`)
	b.Run(chromedp.Focus("#rate"), chromedp.KeyEvent(kb.End))
	if got := s.await("/api/producer/rate"); got.body["rate"] != 10_000.0 || got.header != "1" {
		t.Errorf("the slider's end posts %v with header %q", got.body, got.header)
	}
	b.Run(chromedp.Evaluate(`document.getElementById('rate-number').select()`, nil), chromedp.SendKeys("#rate-number", "250"+kb.Enter))
	if got := s.await("/api/producer/rate"); got.body["rate"] != 250.0 {
		t.Errorf("the number posts %v", got.body)
	}
	b.Run(chromedp.Click("#pause"))
	if got := s.await("/api/producer/pause"); got.body["paused"] != true {
		t.Errorf("pause posts %v", got.body)
	}
	b.Run(chromedp.Focus("#shape"), chromedp.SendKeys("#shape", "Sine"))
	if got := s.await("/api/producer/shape"); got.body["shape"] != "sine:mean=500,swing=400,period=60s" {
		t.Errorf("the shape posts %v", got.body)
	}
	s.update(func(o object) { o["producer"].(object)["shape"] = "sine:mean=500,swing=400,period=60s" })
	// What is being edited does not snap back to what the server has, also when the focus is elsewhere.
	b.Run(chromedp.SetValue("#shape-text", "sine:mean=5"), chromedp.Evaluate(`document.getElementById('shape-text').dispatchEvent(new Event('input'))`, nil), chromedp.Focus("#theme"))
	chromium.Value[bool](b, `new Promise(r => setTimeout(() => r(true), 3000))`)
	s.update(func(o object) { o["now"] = time.Now().UnixMilli() })
	b.Settle()
	if got := chromium.Value[string](b, `document.getElementById('shape-text').value`); got != "sine:mean=5" {
		t.Errorf("the shape snaps back to %q", got)
	}
	b.Run(chromedp.Click("#shape-apply"))
	if got := s.await("/api/producer/shape"); got.body["shape"] != "sine:mean=5" {
		t.Errorf("the button posts %v", got.body)
	}
	b.Clean() // the refusal below is a line on the console
	s.set(func() { s.refuse = "there is no shape <b>x</b>" })
	b.Run(chromedp.SetValue("#shape-text", "x"), chromedp.SendKeys("#shape-text", kb.Enter))
	b.Until(`document.getElementById('load-error').textContent === 'there is no shape <b>x</b>'`)
	if got := chromium.Value[string](b, `document.getElementById('shape-text').getAttribute('aria-invalid')`); got != "true" {
		t.Errorf("after the refusal, aria-invalid is %q", got)
	}
}

func TestPageEditsTheTemplate(t *testing.T) {
	s := newStub(t, sample(1), nil)
	b := chromium.Open(t, s.URL, 1280, 900, live)
	b.Until(`document.querySelectorAll('#samples li').length === 5`)
	b.Run(chromedp.Focus("#template-text"), chromedp.Evaluate(`document.getElementById('template-text').setSelectionRange(2, 2)`, nil), chromedp.KeyEvent("\nbroken"))
	b.Until(`document.querySelector('#template-errors b')?.textContent === 'Line 3, column 1'`)
	if !chromium.Value[bool](b, `document.getElementById('template-apply').disabled`) {
		t.Error("a template with an error can be used")
	}
	b.Run(chromedp.Click("#template-errors button"))
	if got := chromium.Value[int](b, `document.getElementById('template-text').selectionStart`); got != 3 {
		t.Errorf("the error leads to position %d", got)
	}
	b.Run(chromedp.Click("#template-revert"), chromedp.KeyEvent(" "))
	b.Until(`!document.getElementById('template-apply').disabled`)
	b.Run(chromedp.Click("#template-apply"))
	if got := s.await("/api/producer/template"); !strings.Contains(got.body["template"].(string), "sensorId") {
		t.Errorf("the template posts %v", got.body)
	}
	b.Until(`document.getElementById('template-state').textContent === 'In use.'`)
	b.Clean()
}

func TestPageBreaksAndRecovers(t *testing.T) {
	s := newStub(t, sample(1), nil)
	b := chromium.Open(t, s.URL, 1280, 900, live)
	step := func(name string) {
		t.Helper()
		b.Until(fmt.Sprintf(`document.getElementById('recovery').dataset.step === %q`, name))
	}
	step("calm")
	b.Run(chromedp.SetValue("#break-for", "30"), chromedp.Click(`[data-break="s3-errors"]`))
	if got := s.await("/api/break/s3-errors"); got.body["seconds"] != 30.0 || got.header != "1" {
		t.Errorf("the button posts %v with header %q", got.body, got.header)
	}
	active := func(on bool) func(object) {
		return func(o object) { o["now"], o["breaks"].([]object)[2]["active"] = time.Now().UnixMilli(), on }
	}
	s.update(active(true))
	step("broken")
	s.update(active(false))
	step("catching")
	// An audit that is content with records on their way is not the end of a recovery.
	early := time.Now().UnixMilli() + 1
	s.update(func(o object) { o["now"], o["audit"] = early, verdict(early, 0, 0) })
	b.Until(`document.getElementById('audit-when').textContent.endsWith('just now')`)
	step("catching")
	b.Shows("#recovery-text", "Mended. 490 of the records accepted by then are still on their way.")
	s.update(func(o object) {
		o["now"] = time.Now().UnixMilli()
		o["audit"] = object{"at": time.Now().UnixMilli(), "ok": true, "accepted": 377_500, "streaming": 377_400, "microbatch": 377_300, "quarantined": 17, "missing": 0, "doubled": 0, "different": 0, "note": ""}
	})
	step("whole")
	if got := b.Text("#recovery-text"); !strings.Contains(got, "Make S3 fail") || !strings.Contains(got, "nothing missing") {
		t.Errorf("in the end it says %q", got)
	}
	b.Run(chromedp.Click("#audit-run"))
	s.await("/api/audit")
	b.Clean()
}

// TestPageHostileData puts markup, other directions and long texts wherever text of data comes.
func TestPageHostileData(t *testing.T) {
	data := sample(2)
	long := strings.Repeat("\u202e\u05d0🧊", 2000)
	held := data["quarantine"].(object)["last"].([]object)
	held[0]["reason"], held[0]["field"], held[0]["expected"], held[0]["shard"], held[0]["id"] = hostile, hostile, hostile, hostile, hostile
	held[1]["reason"], held[1]["field"] = long, long
	files := data["files"].([]object)
	files[0]["name"], files[0]["status"], files[0]["error"] = "kinesiscsv/"+hostile, hostile, hostile
	files[1]["name"] = long
	data["shards"].(object)["top"].([]object)[0]["id"] = hostile
	data["stream"], data["problem"] = hostile, hostile
	data["audit"].(object)["note"] = hostile
	for _, box := range data["boxes"].([]object) {
		box["name"], box["detail"], box["unit"] = hostile, hostile, hostile
	}
	for _, one := range data["breaks"].([]object) {
		one["name"], one["description"] = hostile, hostile
	}
	data["producer"].(object)["template"] = "</textarea>" + hostile
	s := newStub(t, data, nil)
	b := chromium.Open(t, s.URL, 360, 800, `document.documentElement.dataset.connection === 'stale'`) // the problem makes it so
	b.Until(`document.querySelectorAll('#held li').length === 3`)
	for _, where := range []string{"#held .reason", "#file-table .why", "#file-table .tag", "#shard-table .id", "#stream", "#notice-text", "#audit-note", "#faults h3", "#faults p", "[data-box=upsert] [data-f=name]", "[data-box=upsert] [data-f=state]"} {
		if got := b.Text(where); !strings.Contains(got, hostile) {
			t.Errorf("%s shows %q", where, got)
		}
	}
	if s.get(&s.payloads) != 0 {
		t.Error("a payload was fetched that nobody asked for")
	}
	b.Run(chromedp.Click("#held li:nth-child(1) button"))
	b.Until(`document.querySelector('#held pre') !== null`)
	if got := b.Text("#held pre"); got != hostile+" payload "+hostile || s.get(&s.payloads) != 1 {
		t.Errorf("the payload shows as %q after %d requests", got, s.get(&s.payloads))
	}
	s.update(func(o object) { o["now"] = time.Now().UnixMilli() })
	b.Settle()
	if chromium.Value[int](b, `document.querySelectorAll('#held pre').length`) != 1 {
		t.Error("an open payload is closed by the next snapshot")
	}
	b.Run(chromedp.Click("#held li:nth-child(1) button"))
	b.Until(`document.querySelector('#held pre') === null`)
	if chromium.Value[bool](b, `Boolean(window.hacked) || document.querySelector('main img, main script, main b b') !== null`) {
		t.Error("data became markup")
	}
	if got := chromium.Value[int](b, `document.documentElement.scrollWidth`); got > 360 {
		t.Errorf("the page is %d wide: %q", got, chromium.Value[[]string](b, wide))
	}
	b.Clean()
}

// TestPageShowsRows: values and passwords come when they are asked for, as text, and go again.
func TestPageShowsRows(t *testing.T) {
	s := newStub(t, sample(1), nil)
	b := chromium.Open(t, s.URL, 1280, 900, live)
	b.Shows("#version", "snowstream v0.1.0 abcdef012345.")
	if s.get(&s.payloads) != 0 || chromium.Value[bool](b, `document.body.textContent.includes('AWS_ENDPOINT')`) {
		t.Error("something was fetched that nobody asked for")
	}
	b.Run(chromedp.Click("[data-rows=microbatch]"))
	b.Until(`document.querySelectorAll('#newest-table tbody tr').length === 2`)
	b.Shows("#newest-table th:nth-child(2)", hostile)
	b.Shows("#newest-table tbody tr:nth-child(1) td:nth-child(1)", "microbatch")
	b.Shows("#newest-table tbody tr:nth-child(1) td:nth-child(2)", hostile)
	b.Shows("#newest-table tbody tr:nth-child(2) td:nth-child(1)", "NULL")
	if got := b.Text("#newest-when"); !strings.HasPrefix(got, "the last 2 of the micro-batch table, at ") {
		t.Errorf("it says %q", got)
	}
	if chromium.Value[bool](b, `Boolean(window.hacked) || document.querySelector('main img, main script') !== null`) {
		t.Error("data became markup")
	}
	b.Run(chromedp.Click("#newest-hide"))
	b.Until(`document.querySelectorAll('#newest-table td').length === 0`)
	b.Run(chromedp.Click("#connect-show"))
	b.Until(`document.getElementById('connect-text').textContent.startsWith('export AWS_ENDPOINT_URL_KINESIS=')`)
	b.Run(chromedp.Evaluate(`Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (t) => { window.copied = t; } } })`, nil), chromedp.Click("#connect-copy"))
	b.Until(`window.copied === document.getElementById('connect-text').textContent`)
	b.Run(chromedp.Click("#connect-show"))
	b.Until(`document.getElementById('connect-text').textContent === ''`)
	b.Clean()
}

func TestPageReconnects(t *testing.T) {
	s := newStub(t, sample(2), history(10))
	b := chromium.Open(t, s.URL, 1280, 900, live)
	b.Clean()
	s.restart(func() {
		b.Until(`document.documentElement.dataset.connection === 'stale'`)
		b.Until(`document.getElementById('notice-text').textContent.startsWith('Connection lost. These numbers are from')`)
		b.Shows("[data-box=stream] [data-f=count]", "376,911")
		s.update(func(o object) { o["boxes"].([]object)[1]["count"] = 5; o["started"] = time.Now().UnixMilli() })
		s.set(func() { s.busy = 1 }) // a browser by itself gives up for good after such an answer
	})
	b.Until(`document.documentElement.dataset.connection === 'live'`)
	b.Shows("[data-box=stream] [data-f=count]", "5")
	if !chromium.Value[bool](b, `document.getElementById('notice').hidden`) {
		t.Error("the notice stays")
	}
}

// TestPageRestsWhenHidden: a page that nobody sees costs the server nothing.
func TestPageRestsWhenHidden(t *testing.T) {
	s := newStub(t, sample(2), history(10))
	b := chromium.Open(t, s.URL, 1280, 900, live)
	if chromium.Value[int](b, `document.getAnimations().filter(a => a.playState === 'running').length`) != 6 {
		t.Error("the arrows do not move")
	}
	b.Scheme("light") // with reduced motion
	if chromium.Value[int](b, `document.getAnimations().length`) != 0 {
		t.Error("the arrows move though the system asks for less motion")
	}
	hide := func(yes bool, streams int) {
		t.Helper()
		b.Run(chromedp.Evaluate(fmt.Sprintf(`Object.defineProperty(document, 'hidden', { value: %t, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))`, yes), nil))
		for deadline := time.Now().Add(10 * time.Second); s.get(&s.streams) != streams; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("hidden %t: %d streams are open, want %d", yes, s.get(&s.streams), streams)
			}
		}
	}
	hide(true, 0)
	s.update(func(o object) { o["boxes"].([]object)[1]["count"] = 6 })
	hide(false, 1)
	b.Shows("[data-box=stream] [data-f=count]", "6")
	b.Clean()
}

// TestPageStaysSmall is a day's worth of snapshots of a thousand shards, one after the other.
func TestPageStaysSmall(t *testing.T) {
	s := newStub(t, sample(1000), history(900))
	b := chromium.Open(t, s.URL, 1280, 900, live)
	b.Until(`document.querySelector('#latency canvas') !== null`)
	b.Shows("#shards-total", "1,000 shards, the 50 with the most waiting")
	nodes := `document.getElementsByTagName('*').length`
	before := chromium.Value[int](b, nodes)
	text, err := json.Marshal(sample(1000))
	if err != nil {
		t.Fatal(err)
	}
	// The page's own modules, driven as the connection drives them.
	took := chromium.Value[float64](b, fmt.Sprintf(`(async () => {
		const [{ record, drawCharts }, { draw }, { drawLists }, { drawVerdict }, { drawBreaks }] = await Promise.all(
			['charts', 'drawing', 'lists', 'verdict', 'controls'].map(m => import('/static/' + m + '.js')));
		const s = %s, start = performance.now(), rounds = 1500;
		for (let i = 0; i < rounds; i++) {
			s.now += 1000; s.point.t = s.now;
			for (const shard of s.shards.top) shard.waiting++;
			for (const [n, h] of s.quarantine.last.entries()) h.id = 'q' + i + n;
			record(s); draw(s); drawLists(s); drawVerdict(s); drawBreaks(s); if (i %% 10 === 0) drawCharts();
		}
		return (performance.now() - start) / rounds;
	})()`, text))
	if after := chromium.Value[int](b, nodes); after > before+10 {
		t.Errorf("%d elements became %d", before, after)
	}
	t.Logf("%d elements; a snapshot of 1,000 shards takes %.2f ms", before, took)
	if took > 50 {
		t.Errorf("a snapshot takes %.1f ms: the page would not keep up on a phone", took)
	}
	b.Clean()
}

// TestPageIsLight sums up what / loads, as it is and as it is sent.
func TestPageIsLight(t *testing.T) {
	s := newStub(t, sample(1), nil)
	_, index := fetch(t, s.URL+"/")
	paint, all, sent := 0, 0, 0
	seen := map[string]bool{}
	var visit func(at string)
	visit = func(at string) {
		if seen[at] {
			return
		}
		seen[at] = true
		zipped, text := fetch(t, s.URL+at)
		all, sent = all+len(text), sent+zipped
		if !strings.HasSuffix(at, "uPlot.iife.min.js") { // it comes when there is something to draw
			paint += len(text)
		}
		for _, found := range regexp.MustCompile(`(?:import .* from '\.|src = '/static|(?:src|href)="/static)(/[^'"]+)['"]`).FindAllStringSubmatch(text, -1) {
			visit("/static" + found[1])
		}
	}
	visit("/")
	t.Logf("%d files: %d bytes, %d before the charts, %d as sent", len(seen), all, paint, sent)
	if len(seen) < 12 || paint > 100_000 || sent > 60_000 {
		t.Errorf("%d files, %d bytes before the charts, %d as sent: first paint has 100 KB", len(seen), paint, sent)
	}
	if found := regexp.MustCompile(`(?i)<script>|<style|\sstyle=|\son[a-z]+=|https?://[^w]`).FindString(regexp.MustCompile(`<a [^>]*>`).ReplaceAllString(index, "")); found != "" { // a link loads nothing
		t.Errorf("index.html has %q, which the policy forbids", found)
	}
}

// fetch returns the size of a file as it is sent, and its text.
func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("GET %s: %v %v", url, answer, err)
	}
	defer answer.Body.Close()
	z, err := gzip.NewReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return int(answer.ContentLength), string(text)
}
