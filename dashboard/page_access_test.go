package dashboard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/snowstream/snowstream/internal/chromium"
)

// named lists what has no name, no label or a wrong structure.
const named = `(() => {
	const wrong = [], all = [...document.querySelectorAll('body *')].filter(e => e.checkVisibility());
	const text = e => (e?.textContent ?? '').trim();
	const label = e => text(document.getElementById(e.getAttribute('aria-labelledby')?.split(' ')[0])) || e.getAttribute('aria-label') || [...(e.labels ?? [])].map(text).join('') || (/^(BUTTON|A|SUMMARY)$/.test(e.tagName) ? text(e) : '');
	for (const e of all) {
		const name = e.tagName.toLowerCase() + (e.id ? '#' + e.id : '');
		if (e.matches('button, a[href], input, select, textarea, [tabindex="0"]:not(pre), section, article, form, [role=img], [role=region]') && !label(e)) wrong.push(name + ' has no name');
		if (e.matches('button:not([type])')) wrong.push(name + ' has no type');
		if (e.matches('svg:not([aria-hidden]), img:not([alt])')) wrong.push(name + ' has no text and is not hidden');
		for (const a of ['aria-labelledby', 'aria-describedby', 'for'])
			for (const id of (e.getAttribute(a) ?? '').split(' ').filter(Boolean)) if (!document.getElementById(id)) wrong.push(name + ': ' + a + ' names nothing: ' + id);
		if (e.matches('th:not([scope])')) wrong.push(name + ' has no scope');
	}
	const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
	for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) wrong.push('two elements are called ' + id);
	let last = 0;
	for (const h of all.filter(e => /^H[1-6]$/.test(e.tagName))) {
		const level = Number(h.tagName[1]);
		if (level > last + 1) wrong.push('heading ' + text(h) + ' skips a level');
		last = level;
	}
	for (const [mark, n] of [['h1', 1], ['main', 1], ['header', 1], ['footer', 1], ['[aria-live], [role=status], [role=alert], [role=log]', 1]])
		if (document.querySelectorAll(mark).length !== n) wrong.push(mark + ' is there ' + document.querySelectorAll(mark).length + ' times');
	if (!document.documentElement.lang) wrong.push('the page has no language');
	return wrong;
})()`

// contrast lists texts below 4.5:1 (3:1 if they are large), and borders of controls below 3:1, against what is behind.
const contrast = `(() => {
	const wrong = new Set();
	const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return { rgb: m.slice(0, 3).map(v => c.startsWith('color(') ? v * 255 : v), a: m[3] ?? 1 }; };
	const lum = rgb => { const [r, g, b] = rgb.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const ratio = (a, b) => { const [x, y] = [lum(a), lum(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
	const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a === 1) return c.rgb; if (c.a > 0) wrong.add('half transparent: ' + e.className); } return [255, 255, 255]; };
	for (const e of document.querySelectorAll('body *')) {
		if (!e.checkVisibility() || e.closest('.unseen, .uplot') || e.disabled) continue;
		const style = getComputedStyle(e), size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
		const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || /^(INPUT|TEXTAREA|SELECT)$/.test(e.tagName);
		if (own) { const r = ratio(parse(style.color).rgb, behind(e)); if (r < (large ? 3 : 4.5)) wrong.add(r.toFixed(2) + ' text ' + e.tagName + '.' + e.className + ' ' + e.textContent.trim().slice(0, 30)); if (size < 12) { if (!e.matches('.no')) wrong.add('text of ' + size + ' px: ' + e.textContent); } }
		if (e.matches('button:not(.quiet, .problems *), select, input:not([type=range]), textarea, .box')) { const r = ratio(parse(style.borderTopColor).rgb, behind(e.parentElement)); if (r < 3) wrong.add(r.toFixed(2) + ' border ' + e.tagName + '#' + e.id); }
		if (e.matches('.dot, .legend i, .bar i')) { const c = e.matches('.legend i') ? style.borderTopColor : style.backgroundColor; const r = ratio(parse(c).rgb, behind(e.parentElement)); if (r < 3) wrong.add(r.toFixed(2) + ' mark ' + e.className + ' in ' + e.parentElement.className); }
	}
	return [...wrong];
})()`

// wide lists what reaches over the right edge.
const wide = `[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '#' + e.id + '.' + e.className).slice(0, 8)`

// broken lists the words of the drawing that do not stand on one line: a name may break where its parts end, and nowhere
// else.
const broken = `(() => {
	const out = [], walk = document.createTreeWalker(document.querySelector('.drawing'), NodeFilter.SHOW_TEXT);
	for (let n; (n = walk.nextNode());) {
		if (!n.parentElement.checkVisibility() || n.parentElement.closest('.unseen')) continue;
		for (const m of n.data.matchAll(/[^\s-]+/g)) {
			const range = document.createRange();
			range.setStart(n, m.index);
			range.setEnd(n, m.index + m[0].length);
			if (new Set([...range.getClientRects()].map(r => Math.round(r.top))).size > 1) out.push(m[0]);
		}
	}
	return out;
})()`

// TestPageIsAccessible checks names, structure and contrast by rule, in each state and both themes, and the width.
func TestPageIsAccessible(t *testing.T) {
	s := newStub(t, sample(4), history(60))
	b := chromium.Open(t, s.URL, 1280, 900, live)
	b.Until(`document.querySelectorAll('#samples li').length === 5`)
	b.Run(chromedp.Click("#held li:nth-child(1) button"))
	b.Until(`document.querySelector('#held pre') !== null`)
	check := func(state string) {
		t.Helper()
		if wrong := chromium.Value[[]string](b, named); len(wrong) > 0 {
			t.Errorf("%s:\n%s", state, strings.Join(wrong, "\n"))
		}
		for _, theme := range []string{"light", "dark"} {
			b.Scheme(theme)
			if wrong := chromium.Value[[]string](b, contrast); len(wrong) > 0 {
				t.Errorf("%s, %s:\n%s", state, theme, strings.Join(wrong, "\n"))
			}
		}
		for _, width := range []int64{320, 360, 620, 900, 1024, 1141, 1280, 1920, 2560} {
			b.Run(chromedp.EmulateViewport(width, 800))
			b.Settle()
			if broken := chromium.Value[[]string](b, broken); len(broken) > 0 {
				t.Errorf("%s: at %d px words are broken inside: %q", state, width, broken)
			}
			if got := chromium.Value[int64](b, `document.documentElement.scrollWidth`); got > width {
				t.Errorf("%s: at %d px the page is %d px wide: %q", state, width, got, chromium.Value[[]string](b, wide))
			}
			if cut := chromium.Value[[]string](b, `[...document.querySelectorAll('.box :not(.unseen), .arrow :not(.flow)')].filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth && getComputedStyle(e).display !== 'inline').map(e => e.className + ' ' + e.textContent)`); len(cut) > 0 {
				t.Errorf("%s: at %d px the drawing is cut: %q", state, width, cut)
			}
		}
	}
	check("healthy")
	// Whatever font a machine has: DejaVu Sans is the widest that browsers commonly fall back to, and where it is not installed
	// wider spacing stands for it.
	for name, style := range map[string]string{"DejaVu Sans": `font-family: "DejaVu Sans", Verdana, sans-serif`, "a wide font": "letter-spacing: .04em"} {
		chromium.Value[bool](b, fmt.Sprintf(`(() => { const s = new CSSStyleSheet(); s.replaceSync(%q); document.adoptedStyleSheets = [s]; return true; })()`,
			"body, body * { "+style+" !important; }"))
		check(name)
	}
	chromium.Value[bool](b, `(() => { document.adoptedStyleSheets = []; return true; })()`)
	s.update(trouble)
	b.Until(`document.getElementById('recovery').dataset.step === 'broken'`)
	check("trouble")
	b.Clean()
	s.restart(func() {
		b.Until(`document.documentElement.dataset.connection === 'stale'`)
		check("stale")
	})
}

// TestPageByKeyboard walks through all of the page with the tabulator: every control comes once, in the order of the
// page, and shows that it has the focus.
func TestPageByKeyboard(t *testing.T) {
	s := newStub(t, sample(4), history(60))
	b := chromium.Open(t, s.URL, 1280, 900, live)
	b.Until(`document.querySelectorAll('#samples li').length === 5`)
	want := chromium.Value[[]string](b, `[...document.querySelectorAll('a[href], button, input, select, textarea, [tabindex="0"]')].filter(e => e.checkVisibility() && !e.disabled).map((e, i) => e.dataset.walk = String(i))`)
	var got []string
	for range want {
		b.Run(chromedp.KeyEvent(kb.Tab))
		got = append(got, chromium.Value[string](b, `document.activeElement.dataset.walk ?? document.activeElement.tagName`))
		if !chromium.Value[bool](b, `(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2; })()`) {
			t.Errorf("%s has the focus and does not show it", chromium.Value[string](b, `document.activeElement.outerHTML.slice(0, 120)`))
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the walk is %v, want %v", got, want)
	}
	b.Run(chromedp.Focus("#theme"), chromedp.KeyEvent(kb.Enter))
	b.Until(`document.documentElement.dataset.theme === 'light'`)
	b.Run(chromedp.KeyEvent(" "))
	b.Until(`document.documentElement.dataset.theme === 'dark'`)
	b.Run(chromedp.Reload())
	b.Until(`document.documentElement.dataset.theme === 'dark' && document.documentElement.dataset.connection === 'live'`)
	if got := b.Text("#theme"); got != "Theme: dark" {
		t.Errorf("after a reload it says %q", got)
	}
	b.Clean()
}
