package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/snowstream/snowstream/internal/chromium"
)

// shown is a number on the page.
func shown(b *chromium.Tab, selector string) int64 {
	n, err := strconv.ParseInt(strings.ReplaceAll(b.Text(selector), ",", ""), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// TestPage does on the page what a person would: turn the rate up, kill a function and watch the recovery, send bad
// records and look at one, stop, and compare the page with the run's own result.
func TestPage(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, "--rate", "120", "--shards", "2", "--batch-window", "1s")
	b := chromium.Open(t, l.ready(t, dir).Dashboard, 1400, 900, `document.documentElement.dataset.connection === 'live'`)
	count := func(box string) string {
		return fmt.Sprintf(`Number(document.querySelector('[data-box=%s] [data-f=count]').textContent.replaceAll(',', ''))`, box)
	}
	b.Until(count("streaming") + " > 0 && " + count("microbatch") + " > 0")

	b.Run(chromedp.Evaluate(`document.getElementById('rate-number').select()`, nil), chromedp.SendKeys("#rate-number", "300"+kb.Enter))
	b.Until(`(() => { const [, now, target] = document.getElementById('load-now').textContent.match(/^Achieved ([\d.]+)\/s of ([\d.]+)\/s/) ?? []; return target === '300' && now > 240 && now < 360; })()`)

	step := func(name string) {
		t.Helper()
		b.Until(fmt.Sprintf(`document.getElementById('recovery').dataset.step === %q`, name))
	}
	b.Run(chromedp.Click(`[data-break="kill-orchestrator"]`))
	b.Until(`/error|warning/.test(document.querySelector('[data-box=orchestrator]').dataset.state)`)
	step("whole")
	b.Run(chromedp.Click(`[data-break="bad-records"]`))
	b.Until(`document.getElementById('box-quarantine').textContent === '20'`)
	b.Run(chromedp.Click("#held li:first-child button"))
	b.Until(`document.querySelector('#held pre')?.textContent.length > 3`)
	b.Scheme("light")
	b.Shoot("run")

	b.Run(chromedp.Click("#pause"))
	b.Until(fmt.Sprintf("%s === %s && %s + 20 === %s", count("streaming"), count("microbatch"), count("streaming"), count("stream")))
	b.Run(chromedp.Click("#audit-run"))
	b.Until(`document.getElementById('a-accepted').textContent === document.querySelector('[data-box=stream] [data-f=count]').textContent`)
	// An audit from before, when records were on their way, counts as many accepted.
	b.Until(`!document.getElementById('audit-run').disabled && !/on their way/.test(document.getElementById('audit-note').textContent)`)
	b.Shows("#verdict", "Nothing is missing, nothing is doubled.")
	page := result{
		Accepted: shown(b, "#a-accepted"), Streaming: shown(b, "#a-streaming"), Microbatch: shown(b, "#a-microbatch"),
		Quarantined: shown(b, "#a-quarantined"), Missing: shown(b, "#a-missing"), Doubled: shown(b, "#a-doubled"), Different: shown(b, "#a-different"),
	}
	b.Clean()

	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r := l.finish(t)
	r.complete(t)
	end := result{
		Accepted: r.Accepted, Streaming: r.Streaming, Microbatch: r.Microbatch,
		Quarantined: r.Quarantined, Missing: r.Missing, Doubled: r.Doubled, Different: r.Different,
	}
	if page != end || end.Accepted < 500 || end.Quarantined != 20 {
		t.Errorf("the page shows %+v, the run ends with %+v", page, end)
	}
	b.Until(`document.documentElement.dataset.connection === 'stale'`)
}
