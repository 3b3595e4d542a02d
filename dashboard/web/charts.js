// Throughput and latency over the last quarter of an hour, by uPlot. Colours come from the legend's style, so that they
// follow the theme; the spans in which something was broken are shaded.
import { $, set, rate, seconds, number } from './dom.js';

const most = 900; // points kept: a quarter of an hour
const names = ['t', 'accepted', 'streaming', 'microbatch', 's50', 's99', 'm50', 'm99'];
const columns = Object.fromEntries(names.map((name) => [name, []]));
const faults = []; // [from, to] in seconds; to is null while it lasts
let charts = null;

/** record takes a snapshot's history, if it has one, and its newest point. */
export function record(s) {
  if (s.history) {
    for (const name of names) columns[name].length = 0;
    for (const point of s.history.slice(-most)) append(point);
  }
  if (s.point) append(s.point);
  const broken = (s.breaks ?? []).some((b) => b.active);
  const last = faults.at(-1);
  if (broken && last?.[1] !== null) faults.push([s.now / 1000, null]);
  if (!broken && last?.[1] === null) last[1] = s.now / 1000;
  if (faults.length > 20) faults.shift();
}

function append(point) {
  const t = point.t / 1000;
  if (!(t > (columns.t.at(-1) ?? 0))) return;
  columns.t.push(t);
  for (const name of names.slice(1)) columns[name].push(point[name] ?? null);
  if (columns.t.length > most) for (const name of names) columns[name].shift();
}

/** drawCharts shows what is recorded. The library is fetched when there is something to draw. */
export function drawCharts() {
  legends();
  if (!columns.t.length) return;
  charts ??= load();
  if (!Array.isArray(charts)) return;
  for (const c of charts) {
    const values = [columns.t, ...c.keys.map((k) => c.smooth(columns[k]))];
    const any = values.slice(1).some((v) => v.some((n) => n !== null && n > 0));
    c.root.querySelector('.empty').hidden = any;
    if (any) c.plot ??= c.make(values);
    c.plot?.setData(values);
  }
  describe();
}

// mean evens out what comes in batches: each point is the mean of the last five seconds.
const mean = (values) => values.map((_, i) => {
  const some = values.slice(Math.max(0, i - 4), i + 1);
  return some.reduce((sum, v) => sum + v, 0) / some.length;
});

function legends() {
  const at = charts?.[0]?.plot?.cursor?.idx ?? columns.t.length - 1;
  for (const b of document.querySelectorAll('.legend [data-k]')) {
    const value = columns[b.dataset.k][at];
    set(b, value == null ? '–' : b.closest('#latency-legend') ? seconds(value) : rate(value));
  }
}

function describe() {
  const now = (name) => columns[name].at(-1);
  label('throughput', `Throughput over time. Now: accepted ${number(now('accepted'))}, streaming ${number(now('streaming'))}, micro-batch ${number(now('microbatch'))} records per second.`);
  label('latency', `Latency over time. Now: streaming p50 ${seconds(now('s50'))}, p99 ${seconds(now('s99'))}; micro-batch p50 ${seconds(now('m50'))}, p99 ${seconds(now('m99'))}.`);
}

const label = (id, text) => {
  if ($(id).getAttribute('aria-label') !== text) $(id).setAttribute('aria-label', text);
};

function load() {
  const script = document.createElement('script');
  script.src = '/static/uplot/uPlot.iife.min.js';
  script.addEventListener('load', () => {
    charts = [chart('throughput', ['accepted', 'streaming', 'microbatch'], mean, (v) => number(v)), chart('latency', ['s50', 's99', 'm50', 'm99'], (values) => values, (v) => `${v} s`)];
    drawCharts();
  });
  script.addEventListener('error', () => { charts = null; script.remove(); });
  document.head.append(script);
  return 'loading';
}

// color is what a style sheet's property means right now: canvas knows no variables.
const color = (element) => getComputedStyle(element).color;

function chart(id, keys, smooth, show) {
  const root = $(id), legend = $(`${id}-legend`);
  const swatch = (key) => color(legend.querySelector(`[data-k=${key}]`).parentElement.querySelector('i'));
  const axis = { stroke: () => color(root.querySelector('.empty')), grid: { stroke: () => line(root), width: 1 }, ticks: { show: false }, font: '12px Inter, system-ui, sans-serif' };
  const size = () => ({ width: root.clientWidth, height: root.clientHeight });
  const options = () => ({
    ...size(), padding: [10, 12, 0, 0],
    cursor: { sync: { key: 'time' }, drag: { x: false, y: false }, points: { show: false }, y: false },
    legend: { show: false },
    scales: { x: { time: true, range: (_, low, high) => [Math.max(Math.min(low, high - 60), high - most), high] }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.12 : 1] } },
    axes: [{ ...axis, size: 28, space: 90, values: (_, ticks) => ticks.map(time) }, { ...axis, size: 58, space: 42, gap: 8, values: (_, ticks) => ticks.map(show) }],
    series: [{}, ...keys.map((key) => ({ stroke: () => swatch(key), width: /99/.test(key) ? 1.25 : 2, dash: /99|accepted/.test(key) ? [5, 4] : undefined, points: { show: false }, spanGaps: false }))],
    hooks: { drawClear: [shade], setCursor: [legends] },
  });
  const c = { root, keys, smooth, plot: null, make: (values) => new globalThis.uPlot(options(), values, root) };
  new ResizeObserver(() => c.plot?.setSize(size())).observe(root);
  return c;
}

const time = (t) => new Date(t * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: t % 60 ? '2-digit' : undefined, hourCycle: 'h23' });
const line = (root) => getComputedStyle(root).getPropertyValue('border-top-color');

function shade(plot) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = getComputedStyle($('breaks')).getPropertyValue('outline-color');
  ctx.globalAlpha = 0.16;
  for (const [from, to] of faults) {
    const left = Math.max(plot.valToPos(from, 'x', true), bbox.left);
    const right = Math.min(to === null ? bbox.left + bbox.width : plot.valToPos(to, 'x', true), bbox.left + bbox.width);
    if (right > left) ctx.fillRect(left, bbox.top, Math.max(right - left, 2), bbox.height);
  }
  ctx.restore();
}

/** repaint follows a change of theme. */
export const repaint = () => { for (const c of Array.isArray(charts) ? charts : []) c.plot?.redraw(false); };
