// The template editor: checked while it is typed, used only when asked.
import { $, set, make, rows, count, post } from './dom.js';

const pause = 300, longest = 4 << 10; // milliseconds before a check; characters of a sample shown
let inUse = null, timer = 0, running = null, fine = false;
const text = $('template-text');

/** drawTemplate shows the template in use, unless somebody is editing. */
export function drawTemplate(s) {
  const template = s.producer?.template;
  $('template').hidden = template == null;
  if (template == null || template === inUse) return;
  const edited = inUse !== null && text.value !== inUse;
  inUse = template;
  if (!edited) text.value = template;
  later(0);
}

function later(milliseconds) {
  clearTimeout(timer);
  running?.abort();
  fine = false;
  buttons();
  timer = setTimeout(check, milliseconds);
}

async function check() {
  running = new AbortController();
  try {
    show(await post('/api/template/check', { template: text.value }, running.signal));
  } catch (failure) {
    if (failure.name !== 'AbortError') show({ ok: false, errors: [{ message: failure.message }] });
  }
}

function show(result) {
  const errors = result.errors ?? [], lints = result.lints ?? [];
  fine = Boolean(result.ok);
  text.setAttribute('aria-invalid', !fine);
  const found = [...errors.map((e) => ({ ...e, kind: 'error' })), ...lints.map((e) => ({ ...e, kind: 'lint' }))].slice(0, 20);
  rows($('template-errors'), found, problem, fillProblem);
  if (result.samples) rows($('samples'), result.samples.slice(0, 5), () => make('li'), (li, sample) => set(li, sample.slice(0, longest)));
  const edited = text.value !== inUse;
  set($('template-state'), errors.length ? `${count(errors.length)} to mend before it can be used.` : edited ? 'Checked. Not in use yet.' : 'In use.');
  buttons();
}

function buttons() {
  const edited = text.value !== inUse;
  $('template-apply').disabled = !fine || !edited;
  $('template-revert').disabled = !edited;
}

function problem() {
  const button = make('button', '', '', make('b'), make('bdi'));
  button.type = 'button';
  button.addEventListener('click', () => go(Number(button.dataset.line), Number(button.dataset.column)));
  return make('li', '', '', button);
}

function fillProblem(item, p) {
  const button = item.firstChild;
  item.className = p.kind;
  button.dataset.line = p.line || 1;
  button.dataset.column = p.column || 1;
  set(button.firstChild, p.line ? `Line ${p.line}, column ${p.column}` : p.kind === 'lint' ? 'Note' : 'Error');
  set(button.lastChild, p.message);
}

// go puts the cursor where a problem is.
function go(line, column) {
  const before = text.value.split('\n').slice(0, line - 1);
  const at = Math.min(text.value.length, before.reduce((n, l) => n + l.length + 1, 0) + column - 1);
  text.focus();
  text.setSelectionRange(at, at);
}

text.addEventListener('input', () => later(pause));
$('template-revert').addEventListener('click', () => {
  text.value = inUse;
  later(0);
  text.focus();
});
$('template-apply').addEventListener('click', async () => {
  const template = text.value;
  $('template-apply').disabled = true;
  try {
    await post('/api/producer/template', { template });
    inUse = template;
    set($('template-state'), 'In use.');
    buttons();
  } catch (failure) {
    set($('template-state'), failure.message);
  }
});
