// The page of the dashboard, as it is served: no build step, no inline script or style, no other host.
//
//   index.html     the drawing and the sections below it, readable before any script runs
//   style.css      tokens first (both themes), then one part per section; theme.js applies a chosen theme before paint
//   drawing.js     the boxes and arrows         verdict.js   the audit
//   charts.js      throughput and latency       lists.js     shards, files, quarantine
//   controls.js    load and faults              template.js  the template editor
//   newest.js      rows and settings, fetched when asked for
//   dom.js         how text gets onto the page: textContent, and only where it changed
//   uplot/         the charting library, version 1.6.32, unchanged, with its licence
//
// Here: the connection and the render loop. Snapshots come as server-sent events; each is recorded at once and drawn in the
// next frame, so a slow page skips frames and never queues them. A hidden page disconnects: the first event after it
// comes back brings the history.
import { $, set, data, clock, ago, seconds } from './dom.js';
import { draw } from './drawing.js';
import { record, drawCharts, repaint } from './charts.js';
import { drawLists } from './lists.js';
import { drawVerdict } from './verdict.js';
import { drawLoad, drawBreaks } from './controls.js';
import { drawNewest } from './newest.js';
import { drawTemplate } from './template.js';

const silence = 4000; // milliseconds without a snapshot after which the numbers count as old
const retry = 1000; // between two attempts to connect
let source = null, snapshot = null, heard = 0, attempt = 0, seen = 0, frame = 0; // seen: since when the page is visible

function connect() {
  source?.close();
  attempt = Date.now();
  source = new EventSource('/api/events');
  source.addEventListener('snapshot', receive);
  source.addEventListener('error', () => watch());
}

function receive(event) {
  try {
    snapshot = JSON.parse(event.data);
  } catch {
    return; // cut off with the connection: the next one is whole
  }
  heard = Date.now();
  record(snapshot);
  frame ||= requestAnimationFrame(render);
}

function render() {
  frame = 0;
  set($('stream'), snapshot.stream ?? '');
  set($('mode'), snapshot.mode === 'local' ? 'on this machine' : 'AWS and Snowflake');
  const up = (snapshot.now - snapshot.started) / 1000;
  set($('started'), `Running for ${up < 90 ? `${Math.round(up)} s` : seconds(up)}`);
  draw(snapshot);
  drawVerdict(snapshot);
  drawCharts();
  drawLists(snapshot);
  drawLoad(snapshot);
  drawBreaks(snapshot);
  drawNewest(snapshot);
  drawTemplate(snapshot);
  watch();
}

// watch tells how fresh the numbers are, and connects again where the browser has given up or hears nothing.
function watch() {
  if (document.hidden) return;
  const now = Date.now();
  const quiet = now - Math.max(heard, attempt);
  const old = now - Math.max(heard, seen);
  const lost = old > silence || heard > 0 && source?.readyState !== EventSource.OPEN && old > 1500;
  const state = lost ? 'stale' : heard ? 'live' : 'loading';
  const problem = snapshot?.problem;
  data(document.documentElement, 'connection', state === 'live' && problem ? 'stale' : state);
  set($('connection'), state === 'live' ? (problem ? 'Trouble' : 'Live') : state === 'loading' ? 'Connecting' : 'Reconnecting');
  const text = lost && heard ? `Connection lost. These numbers are from ${clock(snapshot.now)}, ${ago(now - heard)}. Trying again every second.`
    : lost ? 'The server does not answer yet. Trying again every second.' : problem || '';
  $('notice').hidden = !text;
  set($('notice-text'), text);
  const dead = !source || source.readyState === EventSource.CLOSED;
  if (dead && now - attempt > retry || quiet > 3 * silence) connect();
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    source?.close();
    source = null;
  } else {
    seen = Date.now();
    connect();
  }
});
addEventListener('pageshow', (event) => { if (event.persisted) connect(); });

const themes = ['system', 'light', 'dark'];
function theme(name) {
  if (name === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  set($('theme'), `Theme: ${name}`);
  try {
    if (name === 'system') localStorage.removeItem('snowstream.theme');
    else localStorage.setItem('snowstream.theme', name);
  } catch { /* no storage: it holds until the page is closed */ }
  repaint();
}
$('theme').addEventListener('click', () => theme(themes[(themes.indexOf(document.documentElement.dataset.theme ?? 'system') + 1) % themes.length]));
theme(document.documentElement.dataset.theme ?? 'system');
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);

seen = Date.now();
setInterval(watch, 500);
if (!document.hidden) connect();
