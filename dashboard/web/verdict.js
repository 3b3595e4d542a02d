// The audit: one sentence, which a screen reader hears when it changes, and the sums behind it.
import { $, set, data, count, clock, ago, post } from './dom.js';

const sums = ['accepted', 'streaming', 'microbatch', 'quarantined', 'missing', 'doubled', 'different'];
const wrongs = new Set(['missing', 'doubled', 'different']);
let asked = 0; // when this page asked, until an audit answers

export function drawVerdict(s) {
  const a = s.audit;
  // The regular audits run quietly: only one that was asked for here shows while it runs.
  const running = asked > 0 && Date.now() - asked < 60000 && (a?.running || !(a?.at >= asked));
  if (!running) asked = 0;
  $('audit-run').disabled = running;
  set($('audit-run'), running ? 'Auditing…' : 'Run audit');
  set($('audit-when'), a?.at ? `${clock(a.at)}, ${ago(s.now - a.at)}` : '');
  if (!a?.at) return;
  data($('audit'), 'verdict', a.ok ? 'ok' : 'bad');
  set($('verdict'), sentence(a));
  set($('audit-note'), a.note ?? '');
  for (const name of sums) {
    set($(`a-${name}`), count(a[name]));
    $(`a-${name}`).classList.toggle('wrong', wrongs.has(name) && a[name] > 0);
  }
}

function sentence(a) {
  if (a.ok) return 'Nothing is missing, nothing is doubled.';
  const found = [[a.missing, 'missing'], [a.doubled, 'doubled'], [a.different, 'different']].filter(([n]) => n > 0).map(([n, word]) => `${count(n)} ${word}`);
  return found.length ? `Not complete: ${found.join(', ')}.` : 'The audit could not finish.';
}

/** audit asks for an audit now. */
export async function audit() {
  asked = Date.now();
  $('audit-run').disabled = true;
  set($('audit-error'), '');
  try {
    await post('/api/audit', {});
  } catch (failure) {
    asked = 0;
    $('audit-run').disabled = false;
    set($('audit-error'), failure.message);
  }
}

$('audit-run').addEventListener('click', audit);
