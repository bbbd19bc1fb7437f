// Keeps the overview live by asking for it again and putting in the sections that changed; sends what its buttons say.
import { callRest, fetchImage, keepKey, randomId, readKey, request, requestGood } from './rest-client.js';

const busyEveryMs = 1_500;
const stillEveryMs = 15_000;
const imagesInFlightMax = 6;

const at = (id) => document.getElementById(id);
const main = document.querySelector('main');
const sectionTexts = new Map([...main.children].map((section) => [section.id, section.innerHTML]));
/** A request that got no answer is repeated with its own key, so that a second click starts nothing twice. */
const requestKeys = new Map();
let counts = [];
let timer;

async function refresh() {
  clearTimeout(timer);
  if (!document.hidden) {
    try {
      const response = await request('GET', '/', { accept: 'text/html' });
      if (response.ok) show(await response.text());
      else if (response.status === 401 || response.status === 403) {
        const problem = await response.json().catch(() => undefined);
        askKey(problem?.detail);
      }
      if (response.ok) await showCounts();
    } catch {
      // The next try is soon enough; what stands here stays.
    }
  }
  clearTimeout(timer);
  timer = setTimeout(refresh, main.dataset.state === 'busy' ? busyEveryMs : stillEveryMs);
}

function show(text) {
  const fresh = new DOMParser().parseFromString(text, 'text/html').querySelector('main');
  main.dataset.state = fresh.dataset.state;
  for (const section of [...fresh.children]) {
    if (sectionTexts.get(section.id) === section.innerHTML) continue;
    sectionTexts.set(section.id, section.innerHTML);
    const old = at(section.id);
    const typed = Object.fromEntries(
      [...(old?.querySelectorAll('input') ?? [])].map(({ name, value }) => [name, value]),
    );
    const focused = old?.contains(document.activeElement) ? nameOf(document.activeElement) : undefined;
    // An <img> cannot send a key: then its picture is fetched, and put in.
    if (readKey() !== '') for (const image of section.querySelectorAll('img')) holdBack(image);
    if (old) old.replaceWith(section);
    else main.append(section);
    for (const input of section.querySelectorAll('input')) input.value = typed[input.name] ?? input.value;
    if (focused) [...section.querySelectorAll('a, button, input')].find((one) => nameOf(one) === focused)?.focus();
    void fetchHeldBack(section);
  }
  fillCounts();
  at('key-form').hidden = true;
}

const nameOf = (element) =>
  `${element.tagName} ${element.name || element.getAttribute('href') || element.dataset.post || element.textContent}`;

function holdBack(image) {
  image.dataset.page = /\/v1\/images\/(\d+)/.exec(image.getAttribute('src'))?.[1] ?? '';
  image.removeAttribute('src');
}

async function fetchHeldBack(section) {
  const images = [...section.querySelectorAll('img[data-page]')];
  const next = async () => {
    for (let image = images.shift(); image; image = images.shift()) {
      const blob = await fetchImage(image.dataset.page).catch(() => undefined);
      if (blob) image.src = URL.createObjectURL(blob);
    }
  };
  await Promise.all(Array.from({ length: imagesInFlightMax }, next));
}

async function showCounts() {
  const { queues } = await callRest('GET', '/v1/review-queues');
  counts = queues;
  fillCounts();
}

function fillCounts() {
  for (const { name, count } of counts) {
    const place = document.querySelector(`[data-count-of="${name}"]`);
    if (place) place.textContent = `(${count.toLocaleString('en')})`;
  }
}

async function send(path, body, element) {
  const buttons = [...element.querySelectorAll('button'), ...(element instanceof HTMLButtonElement ? [element] : [])];
  for (const one of buttons) one.disabled = true;
  tell('');
  const what = `${path} ${JSON.stringify(body)}`;
  const idempotencyKey = requestKeys.get(what) ?? randomId();
  requestKeys.set(what, idempotencyKey);
  try {
    await requestGood('POST', path, { body, idempotencyKey });
    requestKeys.delete(what);
  } catch (problem) {
    if (!problem.isWorthRepeating) requestKeys.delete(what);
    if (problem.status === 401) askKey(problem.message);
    tell(problem.message);
  }
  for (const one of buttons) one.disabled = false;
  await refresh();
}

function tell(text) {
  at('problem').textContent = text && `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
  at('problem').hidden = text === '';
}

function askKey(reason) {
  at('key-form').hidden = false;
  if (reason) at('key-reason').textContent = reason;
}

document.addEventListener('click', (event) => {
  const target = event.target.closest('button[data-post], a[href^="/v1/"]');
  if (!target) return;
  if (target instanceof HTMLButtonElement) return void send(target.dataset.post, {}, target);
  if (readKey() === '') return;
  // A link cannot send the key either.
  event.preventDefault();
  void openWithKey(target);
});

async function openWithKey(link) {
  try {
    const blob = await (await requestGood('GET', link.getAttribute('href'), { timeoutMs: 120_000 })).blob();
    const opened = document.createElement('a');
    opened.href = URL.createObjectURL(blob);
    if (blob.type.startsWith('image/') || blob.type.includes('json')) opened.target = '_blank';
    else opened.download = link.getAttribute('href').slice(1).replaceAll('/', '-');
    opened.click();
  } catch (problem) {
    tell(problem.message);
  }
}

document.addEventListener('submit', (event) => {
  event.preventDefault();
  const form = event.target;
  if (form.id === 'key-form') {
    keepKey(at('key').value.trim());
    at('key').value = '';
    tell('');
    void refresh();
  } else if (form.dataset.post) void send(form.dataset.post, { auditCount: form.auditCount.valueAsNumber }, form);
});

document.addEventListener('visibilitychange', () => void refresh());
void refresh();
