// The page where people label: one picture, one key a decision.
import { createHistory, createOutbox } from './outbox.js';
import { createPageQueue } from './page-queue.js';
import { callRest, keepKey, readKey } from './rest-client.js';

const blindQueues = new Set(['initial', 'audit']);
/** What is opened when the address names no queue: an audit that somebody waits for, then where a label teaches most. */
const openFirst = ['audit', 'review', 'initial', 'notsure', 'misprediction', 'uncertain'];
const titles = {
  initial: 'Initial',
  review: 'Review',
  notsure: 'Not sure',
  misprediction: 'Mispredictions',
  uncertain: 'Uncertain',
  audit: 'Audit',
};
/** Why a page is asked, without the ensemble's answer. */
const blindReasons = {
  A: 'A sample of the pages that the ensemble is sure of.',
  B: 'The members of the ensemble agree, and none of them is sure.',
  C: 'Members of the ensemble disagree, though as a whole it is sure.',
  D: 'The members of the ensemble disagree, and as a whole it is not sure.',
  NOTSURE: 'Somebody was not sure of this page. The ensemble is.',
  MISPREDICTION: 'Members of the ensemble contradict the label that this page has.',
  UNCERTAIN: 'The ensemble agrees with the label that this page has, without being sure.',
};
const labelTitles = { HQ: 'HQ', LQ: 'LQ', NOT_SURE: 'Not sure' };
const keysOfLabels = { 1: 'HQ', 2: 'LQ', 3: 'NOT_SURE' };
const countEveryMs = 10_000;
const paceWindowMs = 120_000;
const dayMs = 86_400_000;

const at = (id) => document.getElementById(id);
const labelButtons = [...document.querySelectorAll('[data-label]')];

const history = createHistory();
const outbox = createOutbox({ onChange: drawSaving, onDelivered: () => countSoon() });
const queue = createPageQueue({
  hidden: () => [...outbox.waiting(), ...outbox.refused()].map(({ pageId }) => pageId),
  onChange: draw,
});
let queues = [];
/** How many of each queue were decided here since they were counted. */
let decidedSince = {};
let summary;
let sessionCount = 0;
const decidedAt = [];
let shown = { pageId: undefined, atMs: 0 };
let countTimer;

function decide(label) {
  const page = queue.current;
  // Nobody can judge what they do not see.
  if (!page || shown.pageId !== page.pageId) return;
  const tookMs = Math.min(dayMs, Math.round(performance.now() - shown.atMs));
  const isBlind = blindQueues.has(page.queue);
  let id;
  try {
    id = outbox.add({
      kind: 'label',
      pageId: page.pageId,
      label,
      queue: page.queue,
      tookMs,
      ...(isBlind || page.iteration === null ? {} : { iteration: page.iteration }),
    });
  } catch {
    say('This browser has no room left to keep the label. Wait until the others are saved.');
    return;
  }
  history.push({ id, label, page });
  decidedSince[page.queue] = (decidedSince[page.queue] ?? 0) + 1;
  sessionCount++;
  decidedAt.push(Date.now());
  flash(at(`give-${label}`));
  tell(`${labelTitles[label]} given.`);
  queue.advance();
  drawPast();
}

function undo() {
  const last = history.pop();
  if (!last) return;
  const { page, id, label } = last;
  // A label that was refused never was: taking it back must not touch the one before it.
  if (outbox.isRefused(id)) outbox.dismiss(id);
  else if (!last.isRefused) outbox.add({ kind: 'undo', pageId: page.pageId, undoes: id });
  decidedSince[page.queue] = (decidedSince[page.queue] ?? 0) - 1;
  sessionCount = Math.max(0, sessionCount - 1);
  decidedAt.pop();
  flash(at('undo'));
  tell(`${labelTitles[label]} taken back.`);
  queue.putBack(page);
  drawPast();
}

// What is on the screen

function draw() {
  const page = queue.current;
  const picture = queue.picture;
  const isReady = picture?.state === 'ready';
  if (isReady && shown.pageId !== page.pageId) {
    at('picture').replaceChildren(picture.element);
    shown = { pageId: page.pageId, atMs: performance.now() };
    tell(`Page ${page.pageId}. ${reasonOf(page)}`, true);
  } else if (!isReady) {
    at('picture').replaceChildren();
    shown = { pageId: undefined, atMs: 0 };
  }
  for (const button of labelButtons) button.disabled = !isReady;
  at('undo').disabled = history.count === 0;
  drawMessage(page, picture);
  drawAbout(page);
  drawQueues();
  drawPace();
  document.body.dataset.ahead = String(queue.readyAhead);
}

function drawMessage(page, picture) {
  if (picture?.state === 'ready') return say();
  if (picture?.isGone) {
    const skip = button('Next page', () => queue.advance());
    return say(`The image of page ${page.pageId} cannot be shown: ${picture.detail}`, skip);
  }
  if (picture?.state === 'failed') return say(`Waiting for the image of page ${page.pageId}: ${picture.detail}.`);
  if (page) return say('Fetching the image…');
  if (queue.problem?.needsKey) {
    askKey(queue.problem.message);
    return say('An API key opens the queues.');
  }
  if (queue.problem) return say(`The queue cannot be read: ${queue.problem.message}.`);
  if (!queue.isEmpty) return say('Looking for pages…');
  const others = queues.filter(({ name, count }) => count > 0 && name !== queue.name);
  const heading = document.createElement('h2');
  heading.textContent = `Nothing waits in ${titles[queue.name] ?? queue.name}`;
  const links = others.map(({ name, count }) =>
    button(`${titles[name]}: ${whole(count)} to label`, () => {
      open(name);
      document.activeElement?.blur();
    }),
  );
  const home = document.createElement('p');
  const link = Object.assign(document.createElement('a'), { href: '/', textContent: 'overview' });
  home.append('The next step of the loop is on the ', link, '.');
  say(heading, ...links, home);
}

let said = '';
/** Nothing, or what stands in the place of the picture. */
function say(...parts) {
  const box = at('message');
  const text = parts.map((part) => (typeof part === 'string' ? part : part.textContent)).join('\n');
  if (text === said) return;
  said = text;
  box.replaceChildren(
    ...parts.map((part) =>
      typeof part === 'string' ? Object.assign(document.createElement('p'), { textContent: part }) : part,
    ),
  );
}

function drawAbout(page) {
  for (const id of ['why', 'book', 'guess']) at(id).hidden = !page;
  if (!page) return;
  at('reason').textContent = reasonOf(page);
  const story = queue.story;
  at('title').textContent = story?.title || (story === undefined ? '…' : 'Its title is not known.');
  at('facts').textContent = [story?.authors, story?.year, story?.volume, `page ${page.pageId}`]
    .filter(Boolean)
    .join(' · ');
  at('bhl').hidden = !story?.bhlAddress?.startsWith('https://');
  if (!at('bhl').hidden) at('bhl').href = story.bhlAddress;
  const image = at('picture').firstElementChild;
  if (image) image.alt = `Scanned page ${page.pageId}${story?.title ? ` of ${story.title}` : ''}`;
  const isBlind = blindQueues.has(page.queue);
  at('blind').hidden = !isBlind;
  at('blind').textContent = 'Nothing here: this queue is labelled blind.';
  at('show-guess-row').hidden = isBlind;
  at('guess-now').replaceChildren(...(mayShowGuess(page) ? [guessOf(page)] : []));
}

const mayShowGuess = (page) => at('show-guess').checked && !blindQueues.has(page.queue);

function reasonOf(page) {
  const reason =
    mayShowGuess(page) || !page.triageClass
      ? page.reason
      : `${page.reason.startsWith('drawn by lot') ? 'Drawn by lot. ' : ''}${blindReasons[page.triageClass] ?? ''}`;
  return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}${reason.endsWith('.') ? '' : '.'}`;
}

function guessOf({ prediction, currentLabel }) {
  const box = document.createElement('div');
  if (currentLabel) box.append(paragraph(`Labelled ${labelTitles[currentLabel]} at present.`));
  if (!prediction) {
    box.append(paragraph('No prediction is stored for this page.'));
    return box;
  }
  const { mean, members, disagreement, entropy } = prediction;
  box.append(paragraph(`${mean >= 0.5 ? 'HQ' : 'LQ'}: P(HQ) ${mean.toFixed(2)}`));
  const votes = Object.assign(document.createElement('div'), { className: 'votes' });
  members.forEach((probability, index) => {
    const meter = Object.assign(document.createElement('meter'), { min: 0, max: 1, value: probability });
    meter.setAttribute('aria-label', `Member ${index + 1}: P(HQ) ${probability.toFixed(2)}`);
    votes.append(span(`member ${index + 1}`), meter, span(probability.toFixed(2)));
  });
  box.append(votes, paragraph(`Disagreement ${Math.round(100 * disagreement)} %, entropy ${entropy.toFixed(2)} nats.`));
  return box;
}

function drawPast() {
  at('past').hidden = history.count === 0;
  at('decided').replaceChildren(
    ...history.newest(5).map(({ label, page }) => {
      const item = document.createElement('li');
      const given = Object.assign(document.createElement('strong'), { textContent: labelTitles[label] });
      given.dataset.label = label;
      const mean = page.prediction?.mean;
      const guess =
        mean === undefined || blindQueues.has(page.queue)
          ? ''
          : ` · ensemble ${mean >= 0.5 ? 'HQ' : 'LQ'} ${mean.toFixed(2)}`;
      item.append(given, span(`page ${page.pageId}${guess}`));
      return item;
    }),
  );
  at('undo').disabled = history.count === 0;
}

function drawPace() {
  const now = Date.now();
  while (decidedAt.length > 0 && decidedAt[0] < now - paceWindowMs) decidedAt.shift();
  const left = leftOf(queue.name);
  const minutes = decidedAt.length > 1 ? Math.max(now - decidedAt[0], 5_000) / 60_000 : 0;
  const rate = minutes > 0 ? `${Math.round((decidedAt.length - 1) / minutes)} a minute` : '';
  at('pace').textContent = [left === undefined ? '' : `${whole(left)} left`, `${whole(sessionCount)} done`, rate]
    .filter(Boolean)
    .join(' · ');
}

function drawSaving() {
  const { kind, detail, retryAt } = outbox.state;
  const count = outbox.waiting().length;
  const labels = count === 1 ? '1 decision' : `${whole(count)} decisions`;
  const box = at('saving');
  const wait = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  box.dataset.kind = kind === 'idle' && count > 0 ? 'sending' : kind;
  // The seconds that run down are not for a screen reader to read out.
  setText(at('saving-wait'), kind === 'stalled' && count > 0 ? `; retry in ${wait} s` : '');
  setText(
    at('saving-text'),
    count === 0
      ? 'All saved'
      : kind === 'stalled' || kind === 'locked'
        ? `${labels} kept here: ${detail}`
        : `Saving ${labels}`,
  );
  at('try-now').hidden = !(kind === 'stalled' && count > 0);
  if (kind === 'locked') askKey(detail);
  drawNotices();
}

function drawNotices() {
  const notices = outbox.refused();
  const box = at('notices');
  const ids = notices.map(({ id }) => id).join();
  if (box.dataset.ids === ids) return;
  box.dataset.ids = ids;
  box.replaceChildren(
    ...notices.map(({ id, kind, pageId, label, detail }) => {
      const item = document.createElement('li');
      const what = kind === 'undo' ? 'The undo' : labelTitles[label];
      item.append(
        span(`${what} of page ${pageId} was not recorded: ${detail}`),
        button('Dismiss', () => {
          history.markRefused(id);
          outbox.dismiss(id);
        }),
      );
      return item;
    }),
  );
}

function drawQueues() {
  const select = at('queue');
  const names = queues.map(({ name }) => name).join();
  if (select.dataset.names !== names) {
    select.dataset.names = names;
    select.replaceChildren(
      ...queues.map(({ name, description }) =>
        Object.assign(document.createElement('option'), { value: name, title: description }),
      ),
    );
  }
  for (const option of select.options)
    setText(option, `${titles[option.value] ?? option.value} (${whole(leftOf(option.value) ?? 0)})`);
  if (select.value !== queue.name) select.value = queue.name;
  if (summary) {
    const { HQ, LQ, NOT_SURE } = summary.byLabel;
    at('totals').textContent = `${whole(HQ)} HQ · ${whole(LQ)} LQ · ${whole(NOT_SURE)} not sure`;
  }
}

/** Pages of a queue that wait, as counted last, less what was decided here since. */
function leftOf(name) {
  const counted = queues.find((one) => one.name === name);
  return counted && Math.max(0, counted.count - (decidedSince[name] ?? 0));
}

async function count() {
  clearTimeout(countTimer);
  try {
    // What still waits here when the server counts is not in its count; what is decided meanwhile is added to it.
    const before = pendingByQueue();
    decidedSince = {};
    const [answer, labels] = await Promise.all([
      callRest('GET', '/v1/review-queues'),
      callRest('GET', '/v1/labels/summary'),
    ]);
    queues = answer.queues;
    summary = labels;
    for (const [name, pending] of Object.entries(before)) decidedSince[name] = (decidedSince[name] ?? 0) + pending;
    if (queue.name === '') open(queueOfAddress() ?? openFirst.find((name) => leftOf(name) > 0) ?? 'initial');
    if (queue.isEmpty && leftOf(queue.name) > 0) queue.reload();
    drawQueues();
    drawPace();
    drawMessage(queue.current, queue.picture);
  } catch (problem) {
    if (problem.needsKey) askKey(problem.message);
    else if (queue.name === '') say(`The queues cannot be read: ${problem.message}.`);
  }
  clearTimeout(countTimer);
  countTimer = setTimeout(count, queues.length === 0 ? 2_000 : countEveryMs);
}

function pendingByQueue() {
  const pending = {};
  const undone = new Set(outbox.waiting().map(({ undoes }) => undoes));
  for (const { kind, id, queue: name } of outbox.waiting())
    if (kind === 'label' && !undone.has(id)) pending[name] = (pending[name] ?? 0) + 1;
  return pending;
}

/** After the last of a batch is saved, not after each. */
function countSoon() {
  clearTimeout(countTimer);
  countTimer = setTimeout(count, 1_500);
}

function open(name) {
  const address = new URL(location.href);
  if (address.searchParams.get('queue') !== name) {
    address.searchParams.set('queue', name);
    window.history.replaceState(null, '', address);
  }
  queue.open(name);
  drawQueues();
  drawPace();
}

function queueOfAddress() {
  const name = new URL(location.href).searchParams.get('queue');
  return queues.some((one) => one.name === name) ? name : undefined;
}

function askKey(reason) {
  at('key-form').hidden = false;
  at('ask-key').hidden = false;
  setText(at('key-reason'), reason ?? '');
  if (queue.name === '' && reason) say('An API key opens the queues.');
}

// Small things

const whole = (number) => number.toLocaleString('en');
const span = (textContent) => Object.assign(document.createElement('span'), { textContent });
const paragraph = (textContent) => Object.assign(document.createElement('p'), { textContent });
const button = (textContent, onclick) =>
  Object.assign(document.createElement('button'), { type: 'button', textContent, onclick });

/** Screen readers read again what is written again. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tell(text, more = false) {
  at('told').textContent = more ? `${at('told').textContent} ${text}`.slice(-300) : text;
}

function flash(element) {
  element.classList.add('given');
  setTimeout(() => element.classList.remove('given'), 150);
}

// Keys and buttons

addEventListener('keydown', (event) => {
  const { target, key, code } = event;
  if (target instanceof Element && target.closest('input:not([type=checkbox])')) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && key.toLowerCase() === 'z') {
    event.preventDefault();
    undo();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === 'Backspace') {
    event.preventDefault();
    undo();
    return;
  }
  // On French keyboards the digits need Shift; the key in the same place counts without it.
  const digit = key in keysOfLabels ? key : !event.shiftKey && /^Digit[123]$/.test(code) ? code.slice(-1) : undefined;
  // A key held down is one decision, not thirty.
  if (digit && !event.repeat) decide(keysOfLabels[digit]);
});

for (const element of labelButtons) element.addEventListener('click', () => decide(element.dataset.label));
at('undo').addEventListener('click', undo);
at('actions').addEventListener('click', (event) => {
  // After a click of the mouse the space bar must not press the button again.
  if (event.detail > 0) event.target.closest('button')?.blur();
});
at('queue').addEventListener('change', (event) => {
  open(event.target.value);
});
at('try-now').addEventListener('click', outbox.retryNow);
at('ask-key').addEventListener('click', () => {
  const form = at('key-form');
  form.hidden = !form.hidden;
  if (!form.hidden) at('key').focus();
});
at('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  keepKey(at('key').value.trim());
  at('key').value = '';
  at('key-form').hidden = true;
  document.activeElement?.blur();
  outbox.retryNow();
  if (queue.name !== '') queue.reload();
  void count();
});
at('show-guess').checked = localStorage.getItem('florilegium.show-guess') === 'yes';
at('show-guess').addEventListener('change', ({ target }) => {
  localStorage.setItem('florilegium.show-guess', target.checked ? 'yes' : 'no');
  draw();
});
addEventListener('visibilitychange', () => {
  // The time away is not the time that a decision took.
  if (!document.hidden) shown.atMs = performance.now();
});

// Where no key is needed, nothing asks for one.
at('ask-key').hidden = readKey() === '';
setInterval(() => {
  drawPace();
  if (outbox.state.kind === 'stalled') drawSaving();
  // What another tab left behind when it was closed.
  if (outbox.state.kind === 'idle' && outbox.waiting().length > 0) outbox.retryNow();
}, 1_000);
drawPast();
drawSaving();
outbox.retryNow();
void count();
