// Shards, files and quarantine: bounded lists whose rows are reused.
import { $, set, make, rows, count, seconds, bytes, clock, plural } from './dom.js';

const mostShards = 50, mostFiles = 20, mostHeld = 20; // whatever the server sends
const mostShown = 64 << 10; // characters of one payload

// The codes of the command line and of the quarantine's files, in words.
const reasons = {
  not_json: 'Not JSON', not_utf8: 'Not UTF-8 text', not_object: 'Not a JSON object', lone_surrogate: 'Half of a surrogate pair', duplicate_field: 'Field comes twice',
  too_deep: 'Nested too deep', missing_field: 'Required field is missing', null_field: 'Required field is null', wrong_type: 'Wrong type', not_exact: 'Too many decimal places',
  out_of_range: 'Out of range', unknown_field: 'Field is not in the schema', bad_aggregate: 'Broken aggregate', bad_compression: 'Does not unpack', too_large: 'Too large',
};

const cells = (...names) => () => {
  const row = make('tr');
  for (const name of names) row.append(make('td', name));
  return row;
};

export function drawLists(s) {
  const shards = (s.shards?.top ?? []).slice(0, mostShards);
  empty('shards', shards.length);
  const most = Math.max(1, ...shards.map((shard) => shard.waiting));
  rows($('shard-table').tBodies[0], shards, shardRow, (row, shard) => fillShard(row, shard, most));
  const total = s.shards?.total ?? 0;
  set($('shards-total'), !total ? '' : total > shards.length ? `${count(total)} shards, the ${shards.length} with the most waiting` : plural(total, 'shard'));
  const retired = s.shards?.retired ?? 0;
  $('shards-retired').hidden = !retired;
  set($('shards-retired'), retired ? `${plural(retired, 'retired shard')}, closed and sealed to ${retired === 1 ? 'its end' : 'their ends'}` : '');

  const files = (s.files ?? []).slice(0, mostFiles);
  empty('files', files.length);
  rows($('file-table').tBodies[0], files, cells('id', 'num', 'num', 'num'), fillFile);

  const held = (s.quarantine?.last ?? []).slice(0, mostHeld);
  empty('quarantine', held.length);
  set($('quarantine-total'), s.quarantine?.count ? `${plural(s.quarantine.count, 'record')}${s.quarantine.count > held.length ? `, the last ${held.length}` : ''}` : '');
  drawHeld(held);
}

const empty = (id, n) => {
  $(id).querySelector('.empty').hidden = n > 0;
  $(id).querySelector('.scroll').hidden = n === 0;
};

function shardRow() {
  const row = cells('id', 'bar', 'num', 'num', 'num')();
  row.children[1].append(make('i'));
  return row;
}

function fillShard(row, shard, most) {
  const [id, bar, waiting, lag, accepted] = row.children;
  named(id, shard.id, shard.state && shard.state !== 'ok' && shard.state !== 'open' ? shard.state : '');
  const width = `scaleX(${(shard.waiting / most).toFixed(3)})`;
  if (bar.firstChild.style.transform !== width) bar.firstChild.style.transform = width;
  set(waiting, count(shard.waiting));
  set(lag, seconds(shard.lag_s));
  set(accepted, count(shard.accepted));
}

function fillFile(row, file) {
  const [name, n, size, loaded] = row.children;
  const fine = !file.status || /^loaded$/i.test(file.status);
  named(name, file.name, fine ? '' : file.status, file.error ?? '');
  set(n, count(file.rows));
  set(size, bytes(file.bytes));
  set(loaded, clock(file.loaded));
}

// named fills a cell with a name (a folder, if it has one, on its own line), which may be in any script and direction, a tag and a reason.
function named(cell, name, tag, why = '') {
  const all = JSON.stringify([name, tag, why]);
  if (cell.all === all) return;
  cell.all = all;
  const cut = name.lastIndexOf('/') + 1;
  cell.title = name;
  cell.replaceChildren(...(cut ? [make('bdi', 'folder', name.slice(0, cut))] : []), make('bdi', 'file', name.slice(cut)));
  if (tag) cell.append(make('span', 'tag', tag));
  if (why) cell.append(make('span', 'why', why));
}

const open = new Map(); // id -> list item, in the order of the list; an item keeps the payload that was asked for

function drawHeld(held) {
  const ids = new Set(held.map((h) => h.id));
  for (const [id, item] of open) {
    if (!ids.has(id)) {
      item.remove();
      open.delete(id);
    }
  }
  held.forEach((h, i) => {
    let item = open.get(h.id);
    if (!item) open.set(h.id, item = heldItem(h));
    const list = $('held');
    if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
  });
}

function heldItem(h) {
  const field = h.field ? [make('bdi', 'id', h.field), ' '] : [];
  const reason = make('p', 'reason', '', ...field, make('bdi', '', reasons[h.reason] ?? (h.reason || 'No reason given')));
  reason.title = h.reason;
  const expected = h.expected ? [`expected ${h.expected}`] : [];
  const meta = make('p', 'meta', [clock(h.arrived), ...expected, h.shard, `ordinal ${count(h.ordinal)}`, bytes(h.bytes)].join(' · '));
  const button = make('button', '', 'Show payload');
  button.type = 'button';
  button.setAttribute('aria-expanded', 'false');
  button.setAttribute('aria-label', `Show the payload of ordinal ${h.ordinal} in ${h.shard}`);
  const item = make('li', '', '', reason, meta, button);
  button.addEventListener('click', () => toggle(item, button, h));
  return item;
}

async function toggle(item, button, h) {
  const shown = item.querySelector('.payload');
  if (shown) {
    shown.remove();
    expanded(button, false);
    return;
  }
  const box = make('div', 'payload', '', make('p', 'note', 'Fetching…'));
  item.append(box);
  expanded(button, true);
  try {
    const response = await fetch(`/api/quarantine/payload?id=${encodeURIComponent(h.id)}`);
    const payload = await response.json();
    if (!response.ok) throw new Error(payload.error);
    box.replaceChildren(...payloadView(payload), make('p', 'meta', `Sequence number ${h.sequence}`));
  } catch (failure) {
    box.replaceChildren(make('p', 'error', `The payload could not be read: ${failure.message}`));
  }
}

function expanded(button, yes) {
  set(button, yes ? 'Hide payload' : 'Show payload');
  button.setAttribute('aria-expanded', yes);
  button.setAttribute('aria-label', button.getAttribute('aria-label').replace(/^\w+/, yes ? 'Hide' : 'Show'));
}

function payloadView(payload) {
  const text = payload.text ?? payload.base64 ?? '';
  const view = make('pre', '', text.slice(0, mostShown));
  view.tabIndex = 0;
  const notes = [];
  if (payload.text == null) notes.push('Not UTF-8 text: shown as base64.');
  if (text.length > mostShown) notes.push(`The first ${count(mostShown)} of ${count(text.length)} characters.`);
  return notes.length ? [view, make('p', 'note', notes.join(' '))] : [view];
}
