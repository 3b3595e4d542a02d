// The drawing: seven boxes and six arrows, which are in index.html and only change their text and state here.
import { $, set, data, count, rate, seconds } from './dom.js';

const parts = (root) => Object.fromEntries([...root.querySelectorAll('[data-f]')].map((e) => [e.dataset.f, e]));
const boxes = new Map([...document.querySelectorAll('[data-box]')].map((root) => [root.dataset.box, { root, ...parts(root) }]));
const arrows = new Map([...document.querySelectorAll('[data-arrow]')].map((root) => [root.dataset.arrow, { root, ...parts(root) }]));
const words = { ok: 'Running', idle: 'Idle', warning: 'Needs attention', error: 'Failing', off: 'Off' };
const spoken = new Set(['warning', 'error']); // states that a colour alone must not tell
const still = 5000; // milliseconds without traffic after which an arrow stands: batches come in bursts
const late = 10; // seconds of lag from which an arrow shows it in the warning colour

/** draw shows the boxes and arrows of a snapshot. */
export function draw(s) {
  for (const b of s.boxes ?? []) {
    const box = boxes.get(b.id);
    if (!box) continue;
    data(box.root, 'state', b.state);
    breakable(box.name, b.name);
    const digits = count(b.count);
    set(box.count, digits);
    if (box.count.chars !== digits.length) box.count.style.setProperty('--chars', box.count.chars = digits.length);
    set(box.unit, b.unit);
    set(box.rate, rate(b.rate));
    set(box.state, b.detail || words[b.state] || '');
    set(box.word, b.detail && spoken.has(b.state) ? `${words[b.state]}: ` : '');
  }
  for (const a of s.arrows ?? []) {
    const arrow = arrows.get(`${a.from}-${a.to}`);
    if (!arrow) continue;
    if (a.rate > 0) arrow.moved = s.now;
    if (a.rate > 0 || !(s.now - arrow.moved < still)) data(arrow.root, 'speed', speed(a.rate));
    data(arrow.root, 'late', a.lag_s >= late);
    set(arrow.rate, rate(a.rate));
    set(arrow.lag, a.lag_s == null ? '' : seconds(a.lag_s));
      }
  set($('box-quarantine'), count(s.quarantine?.count));
  $('held-back').classList.toggle('held', s.quarantine?.count > 0);
}

// speed is 0 to 5, a step for each power of ten: a smooth scale would make the packets jump every second.
const speed = (perSecond) => (perSecond > 0 ? Math.max(1, Math.min(5, Math.floor(Math.log10(perSecond)) + 2)) : 0);

// breakable shows a name that may break after an underscore and before a capital, as those of tables and functions do.
function breakable(element, name) {
  if (element.shown === name) return;
  element.shown = name;
  const words = String(name).split(/(?<=[_\/])|(?<=[a-z]{5})(?=[A-Z])/);
  element.replaceChildren(...words.flatMap((part, i) => (i ? [document.createElement('wbr'), part] : [part])));
  element.parentElement.style.setProperty('--word', Math.max(...words.flatMap((w) => w.split(' ')).map((w) => w.length)));
}
