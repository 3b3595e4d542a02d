// How anything gets onto the page: text through textContent only, and only where it changed.

export const $ = (id) => document.getElementById(id);

/** set shows text in an element. */
export function set(element, text) {
  if (element.shown !== text) element.textContent = element.shown = text;
}

/** data sets a data attribute, which the style sheet reads. */
export function data(element, name, value) {
  value = String(value);
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

/** make builds an element with text and children. */
export function make(tag, className = '', text = '', ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) set(element, text);
  element.append(...children);
  return element;
}

/** rows keeps as many children in a list as there are items, and lets fill update each in place. */
export function rows(list, items, create, fill) {
  while (list.children.length > items.length) list.lastElementChild.remove();
  while (list.children.length < items.length) list.append(create());
  items.forEach((item, i) => fill(list.children[i], item));
}

/** post sends a control, and throws an Error whose message is the server's. */
export async function post(path, body, signal) {
  let response;
  try {
    response = await fetch(path, {
      method: 'POST', signal, body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json', 'X-Snowstream-Control': '1' },
    });
  } catch (failure) {
    if (failure.name === 'AbortError') throw failure;
    throw new Error('The server does not answer. Nothing was changed.');
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Error(answer?.error || `The server refused this (status ${response.status}).`);
  return answer;
}

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });
const known = (n) => typeof n === 'number' && Number.isFinite(n);

/** count shows every digit: the page and the audit must be comparable by eye. */
export const count = (n) => (known(n) ? whole.format(n) : '–');
export const number = (n) => (known(n) ? (n < 100 ? tenth : whole).format(n) : '–');
export const rate = (n) => (known(n) ? `${number(n)}/s` : '');
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** seconds shows a span from milliseconds to days in two units at most. */
export function seconds(s) {
  if (!known(s)) return '–';
  if (s === 0) return '0 s';
  if (s < 0.0995) return `${Math.round(s * 1000)} ms`;
  if (s < 9.995) return `${s.toFixed(2)} s`;
  if (s < 99.95) return `${s.toFixed(1)} s`;
  const m = Math.round(s / 60);
  if (m < 120) return `${m} min`;
  return s < 172800 ? `${Math.floor(m / 60)} h ${m % 60} min` : `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** ago is for texts that stand still while they are young. */
export function ago(ms) {
  const s = Math.max(0, ms / 1000);
  if (s < 2) return 'just now';
  return s < 90 ? `${Math.round(s)} s ago` : `${seconds(s)} ago`;
}

export function bytes(n) {
  if (!known(n)) return '–';
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let i = 0;
  for (; n >= 1000 && i < units.length - 1; i++) n /= 1000;
  return `${i && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const dayFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
/** clock is the time of day, with the day if it is another one. */
export const clock = (ms) => (known(ms) ? (Math.abs(Date.now() - ms) < 43200000 ? clockFormat : dayFormat).format(ms) : '–');
