// What is fetched only when a person asks for it: the newest rows of a table, and how other programs connect.
import { $, set, make, rows, clock } from './dom.js';

const mostColumns = 60, mostRows = 20; // whatever the server sends

/** drawNewest shows what can be asked for. */
export function drawNewest(s) {
  $('newest').hidden = !s.rows;
  $('connection-settings').hidden = !s.connection;
  set($('version'), s.version ? `snowstream ${s.version}.` : '');
}

async function get(path) {
  const response = await fetch(path);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function show(newest) {
  const empty = newest.rows.length === 0;
  $('newest').querySelector('.scroll').hidden = empty;
  $('newest').querySelector('.empty').hidden = !empty;
  $('newest-hide').hidden = false;
  rows($('newest-table').tHead.rows[0], newest.columns.slice(0, mostColumns), head, set);
  rows($('newest-table').tBodies[0], newest.rows.slice(0, mostRows), () => make('tr'), (row, cells) => {
    rows(row, cells.slice(0, mostColumns), () => make('td', 'id'), (cell, value) => {
      set(cell, value ?? 'NULL');
      cell.classList.toggle('null', value === null);
    });
  });
}

function head() {
  const cell = make('th');
  cell.scope = 'col';
  return cell;
}

for (const button of document.querySelectorAll('[data-rows]')) {
  button.addEventListener('click', async () => {
    button.disabled = true;
    set($('newest-error'), '');
    try {
      const newest = await get(`/api/rows?table=${button.dataset.rows}`);
      show(newest);
      const name = button.dataset.rows === 'streaming' ? 'streaming' : 'micro-batch';
      set($('newest-when'), newest.rows.length ? `the last ${newest.rows.length} of the ${name} table, at ${clock(Date.now())}` : `the ${name} table has none`);
    } catch (failure) {
      set($('newest-error'), `The rows could not be read: ${failure.message}`);
    } finally {
      button.disabled = false;
    }
  });
}

$('newest-hide').addEventListener('click', () => {
  show({ columns: [], rows: [] });
  $('newest-hide').hidden = true;
  set($('newest-when'), 'read when asked for');
});

let connection = ''; // once it was asked for

$('connect-show').addEventListener('click', async () => {
  const hide = !$('connect-text').hidden;
  if (!hide && !await known()) return;
  set($('connect-text'), hide ? '' : connection);
  $('connect-text').hidden = hide;
  set($('connect-show'), hide ? 'Show settings' : 'Hide settings');
  $('connect-show').setAttribute('aria-expanded', !hide);
});

$('connect-copy').addEventListener('click', async () => {
  if (!await known()) return;
  try {
    await navigator.clipboard.writeText(connection);
    set($('connect-note'), 'Copied. It has a password in it.');
  } catch { // only pages of this machine or over TLS may write to it
    set($('connect-note'), 'This browser lets the page copy nothing: show the settings and copy them by hand.');
  }
});

async function known() {
  try {
    connection ||= (await get('/api/connection')).text;
  } catch (failure) {
    set($('connect-note'), `The settings could not be read: ${failure.message}`);
  }
  return connection !== '';
}
