// What the page may change: the load, and what it breaks. All of it is hidden where the server offers none.
import { $, set, data, make, rows, rate, seconds, count, clock, post } from './dom.js';
import { audit } from './verdict.js';

// The slider runs from 1 to 10,000 records per second, each power of ten as long as the next; the box takes more.
const top = 4, steps = 1000, quiet = 2500;
const toRate = (position) => Number((10 ** (position / steps * top)).toPrecision(2));
const toPosition = (perSecond) => Math.round(Math.log10(Math.max(1, perSecond)) / top * steps);
const examples = {
  ramp: 'ramp:from=100,to=1000,over=60s', step: 'step:from=100,by=100,every=10s', sine: 'sine:mean=500,swing=400,period=60s', burst: 'burst:base=100,peak=1000,every=30s,for=5s',
};
let touched = 0; // when a person changed the load last: until the server has followed, its numbers do not move the controls
let sending = 0;
let draft = false; // a shape was edited and is not applied yet: it stays until it is, or until another load is chosen
const held = () => Date.now() - touched < quiet;

/** drawLoad shows the producer's load. */
export function drawLoad(s) {
  const p = s.producer;
  $('load').hidden = !p;
  if (!p) return;
  set($('pause'), p.paused ? 'Resume' : 'Pause');
  data($('pause'), 'paused', p.paused);
  const trouble = [p.throttled > 0 ? `${count(p.throttled)} throttled` : '', p.failed > 0 ? `${count(p.failed)} failed` : ''].filter(Boolean).join(', ');
  const target = p.target > 0 ? rate(p.target) : 'as much as it takes';
  set($('load-now'), `${p.paused ? 'Paused' : `Achieved ${rate(p.rate)} of ${target}`}${trouble ? `, ${trouble}` : ''}`);
  if (held() || sending) return;
  const name = p.shape ? p.shape.split(':')[0] : 'constant';
  const known = name === 'constant' || name in examples;
  if (!draft && document.activeElement !== $('shape') && document.activeElement !== $('shape-text')) {
    $('shape').value = known ? name : 'other';
    $('shape-field').hidden = name === 'constant';
    $('shape-text').value = p.shape;
  }
  if (p.target > 0 && document.activeElement !== $('rate-number')) showRate(p.target, true);
}

function showRate(perSecond, both) {
  $('rate').value = toPosition(perSecond);
  $('rate').style.setProperty('--at', `${$('rate').valueAsNumber / steps * 100}%`);
  $('rate').setAttribute('aria-valuetext', `${perSecond} records per second`);
  if (both) $('rate-number').value = perSecond < 100 ? Number(perSecond.toFixed(2)) : Math.round(perSecond);
}

// control sends one change and shows what the server says against it beside the input that it came from.
async function control(path, body, input, error) {
  touched = Date.now();
  sending++;
  try {
    await post(path, body);
    if (path !== '/api/producer/pause') draft = false;
    set(error, '');
    input.removeAttribute('aria-invalid');
  } catch (failure) {
    set(error, failure.message);
    input.setAttribute('aria-invalid', 'true');
  } finally {
    sending--;
  }
}

let timer = 0;
function sendRate(perSecond, input) {
  touched = Date.now();
  clearTimeout(timer);
  timer = setTimeout(() => control('/api/producer/rate', { rate: perSecond }, input, $('load-error')), 120);
  $('shape').value = 'constant';
  $('shape-field').hidden = true;
}

$('rate').addEventListener('input', () => {
  const perSecond = toRate($('rate').valueAsNumber);
  showRate(perSecond, true);
  sendRate(perSecond, $('rate'));
});
$('rate-number').addEventListener('change', () => {
  const perSecond = $('rate-number').valueAsNumber;
  if (!(perSecond > 0)) {
    $('rate-number').setAttribute('aria-invalid', 'true');
    set($('load-error'), 'The rate is a number above 0. Use Pause to stop.');
    return;
  }
  showRate(perSecond, false);
  sendRate(perSecond, $('rate-number'));
});
$('pause').addEventListener('click', () => control('/api/producer/pause', { paused: $('pause').dataset.paused !== 'true' }, $('pause'), $('load-error')));
$('shape').addEventListener('change', () => {
  touched = Date.now();
  const name = $('shape').value;
  $('shape-field').hidden = name === 'constant';
  if (name === 'constant') return sendRate(toRate($('rate').valueAsNumber), $('shape'));
  $('shape-text').value = examples[name];
  draft = true;
  clearTimeout(timer);
  timer = setTimeout(() => sendShape($('shape')), 400); // the keyboard may pass over others on its way
});
$('shape-text').addEventListener('input', () => { draft = true; });
const sendShape = (input) => control('/api/producer/shape', { shape: $('shape-text').value.trim() }, input, $('load-error'));
$('load').addEventListener('submit', (event) => {
  event.preventDefault();
  if (!$('shape-field').hidden) sendShape($('shape-text'));
});

const again = 5000; // milliseconds between two audits that a recovery asks for
let fault = null; // the last one: {name, to, accepted, whole}; to is when it was mended, accepted what had come by then
let mine = false, asked = 0; // whether this page broke it: then it asks for the audit, too; and when it did

const accepted = (s) => s.boxes?.find((b) => b.id === 'stream')?.count ?? 0;
/** landed is how many records both tables or quarantine have. */
const landed = (counts) => Math.min(counts.streaming, counts.microbatch) + counts.quarantined;

/** drawBreaks shows what can be broken, and how far the recovery is. It is over when an audit is content and has found
    all that was accepted before the mending. */
export function drawBreaks(s) {
  const breaks = s.breaks ?? [];
  $('breaks').hidden = breaks.length === 0;
  if (!breaks.length) return;
  rows($('faults'), breaks, faultItem, (item, b) => fillFault(item, b, s.now));
  const active = breaks.filter((b) => b.active);
  if (active.length && (!fault || fault.to)) fault = { name: '', to: 0, accepted: 0, whole: 0 };
  if (active.length) fault.name = active.map((b) => b.name).join(', ');
  if (!active.length && fault && !fault.to) {
    fault.to = s.now;
    fault.accepted = accepted(s);
  }
  if (fault?.to && !fault.whole && s.audit?.ok && s.audit.at > fault.to && landed(s.audit) >= fault.accepted) {
    fault.whole = s.audit.at;
    mine = false;
  }
  drawRecovery(s);
}

function drawRecovery(s) {
  const step = !fault ? 'calm' : !fault.to ? 'broken' : fault.whole ? 'whole' : 'catching';
  data($('recovery'), 'step', step);
  for (const li of $('recovery').querySelectorAll('li')) {
    li.classList.toggle('on', li.dataset.step === step);
    if (li.dataset.step === step) li.setAttribute('aria-current', 'step'); else li.removeAttribute('aria-current');
  }
  const table = (id) => s.boxes.find((b) => b.id === id)?.count ?? 0;
  const left = fault?.to ? fault.accepted - landed({ streaming: table('streaming'), microbatch: table('microbatch'), quarantined: s.quarantine.count }) : 0;
  const waiting = `${count(s.shards?.waiting)} waiting, lag ${seconds(s.shards?.lag_s)}`;
  if (step === 'catching' && mine && left <= 0 && Date.now() - asked > again) {
    asked = Date.now();
    audit();
  }
  const texts = {
    broken: () => `${fault.name}: ${waiting}.`,
    catching: () => `Mended. ${left > 0 ? `${count(left)} of the records accepted by then are still on their way.` : 'All records accepted by then have landed. Auditing them.'}`,
    whole: () => `${fault.name}, mended at ${clock(fault.to)}. Audit at ${clock(fault.whole)}, ${seconds((fault.whole - fault.to) / 1000)} later: nothing missing, nothing doubled.`,
  };
  if (texts[step]) set($('recovery-text'), texts[step]());
}

function faultItem() {
  const button = make('button', '', 'Break');
  button.type = 'button';
  const item = make('li', '', '', make('h3'), make('p'), button);
  button.addEventListener('click', () => breakIt(item, button));
  return item;
}

function fillFault(item, b, now) {
  const [name, description, button] = item.children;
  if (item.breakage !== b.id) {
    item.breakage = button.dataset.break = b.id;
    name.id = `break-${b.id}`;
    button.id = `${name.id}-now`;
    button.setAttribute('aria-labelledby', `${button.id} ${name.id}`);
  }
  set(name, b.name);
  const left = b.until ? `, ${Math.max(0, Math.ceil((b.until - now) / 1000))} s left` : '';
  set(description, b.active ? `Broken now${left}.` : b.description);
  item.classList.toggle('active', b.active);
  button.disabled = b.active;
}

async function breakIt(item, button) {
  set($('break-error'), '');
  button.disabled = mine = true;
  try {
    await post(`/api/break/${encodeURIComponent(item.breakage)}`, { seconds: Number($('break-for').value) });
    // One that ends at once may be over before the next snapshot, which then never shows it.
    fault = { name: item.firstElementChild.textContent, to: 0, accepted: 0, whole: 0 };
  } catch (failure) {
    button.disabled = false;
    set($('break-error'), failure.message);
  }
}
