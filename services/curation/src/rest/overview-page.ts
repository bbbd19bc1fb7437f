import { isRunning } from '../domain/iteration.ts';
import type { HqList, HqListPage } from '../repos/hq-lists.repo.ts';
import type { Iteration } from '../repos/iterations.repo.ts';
import type { LabelSummary } from '../repos/labels.repo.ts';
import { docsPath } from './docs.rest.ts';

export interface Overview {
  summary: LabelSummary;
  iterations: readonly Iteration[];
  lists: readonly HqList[];
  newest: HqList | undefined;
  gallery: readonly HqListPage[];
}

/** The front page as one HTML document. Its script keeps it live by asking for it again; without the script it is complete as well. */
export function renderOverview({ summary, iterations, lists, newest, gallery }: Overview): string {
  const { byLabel } = summary;
  const isBusy = iterations.some(({ state }) => isRunning(state)) || lists.some(({ state }) => state === 'predicting');
  return renderDocument(
    `<section id="next">
<h2>Next step</h2>
${renderNextStep(summary, iterations, lists)}
</section>
<section id="labels">
<h2>Labels</h2>
<p>${whole(summary.pages)} pages are labelled: ${whole(byLabel.HQ)} HQ, ${whole(byLabel.LQ)} LQ, ${whole(byLabel.NOT_SURE)} not sure; ${whole(summary.askedCount)} labels were given in all.</p>
</section>
<section id="iterations">
<h2>Iterations</h2>
${iterations.length === 0 ? '<p>None yet. Label some pages, then start the first.</p>' : iterationTable(iterations)}
</section>
<section id="lists">
<h2>HQ lists</h2>
${lists.length === 0 ? '<p>None yet. A list is published from a reviewed iteration.</p>' : listTable(lists)}
</section>
<section id="gallery">
${newest ? gallerySection(newest, gallery) : ''}
</section>`,
    isBusy ? 'busy' : 'still',
  );
}

/** What a browser sees that has not named a key yet. */
export const renderLockedOverview = (): string => renderDocument('', 'locked');

function renderDocument(sections: string, state: 'busy' | 'still' | 'locked'): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Florilegium</title>
<link rel="icon" href="/ui/icon.svg">
<link rel="stylesheet" href="/ui/theme.css">
<link rel="stylesheet" href="/ui/overview.css">
<script type="module" src="/ui/overview.js"></script>
</head>
<body>
<header>
<h1>Florilegium</h1>
<p>Natural-history plates found among the scanned pages of the Biodiversity Heritage Library</p>
<nav><a href="/label">Label pages</a> <a href="${docsPath}">API reference</a> <a href="/v1/hq-lists">Lists</a> <a href="/v1/iterations">Iterations</a> <a href="/v1/review-queues">Review queues</a></nav>
</header>
<form id="key-form" class="key-form"${state === 'locked' ? '' : ' hidden'}>
<p id="key-reason">An API key opens this page.</p>
<label>API key <input id="key" type="password" autocomplete="off" spellcheck="false"></label>
<button class="main" type="submit">Use this key</button>
<p>It stays in this tab and ends with it.</p>
</form>
<p id="problem" class="alarm" role="alert" hidden></p>
<main data-state="${state}">
${sections}
</main>
</body>
</html>
`;
}

const queues = [
  ['initial', 'initial'],
  ['review', 'review'],
  ['notsure', 'not sure'],
  ['misprediction', 'mispredictions'],
  ['uncertain', 'uncertain'],
  ['audit', 'audit'],
] as const;

/** What a person can do now. The rules are the use cases' own; these words only spare a click that would be refused. */
function renderNextStep(summary: LabelSummary, iterations: readonly Iteration[], lists: readonly HqList[]): string {
  const links = queues.map(
    ([name, title]) => `<a href="/label?queue=${name}">${title} <span data-count-of="${name}"></span></a>`,
  );
  return `<div class="steps">
<div class="step">
<h3>Label</h3>
<p><a class="button" href="/label">Label pages</a></p>
<p class="queues">${links.join(' ')}</p>
</div>
<div class="step">
<h3>Train</h3>
${renderIterationStep(summary, iterations.at(-1))}
</div>
<div class="step">
<h3>Publish</h3>
${renderListStep(iterations, lists.at(-1))}
</div>
</div>`;
}

function renderIterationStep({ byLabel }: LabelSummary, newest: Iteration | undefined): string {
  if (newest && isRunning(newest.state))
    return `<p role="status"><span class="running"></span> Iteration ${newest.number} is ${newest.state}.</p>
<p>${action(`/v1/iterations/${newest.number}/cancel`, 'Cancel it')}</p>`;
  if (newest?.state === 'failed')
    return `<p class="alarm">Iteration ${newest.number} failed: ${escaped(newest.reason ?? 'no reason is known')}</p>
<p>${action(`/v1/iterations/${newest.number}/retry`, 'Retry it')} ${action(`/v1/iterations/${newest.number}/cancel`, 'Cancel it')}</p>`;
  const missing = (['HQ', 'LQ'] as const).filter((label) => byLabel[label] === 0);
  const number = (newest?.number ?? 0) + 1;
  const advice =
    missing.length > 0
      ? `Before it can start, some pages must be labelled ${missing.join(' and ')}.`
      : `It trains on the labels as they stand: ${whole(byLabel.HQ)} HQ and ${whole(byLabel.LQ)} LQ, less those that an audit asked for.`;
  return `<p>${action('/v1/iterations', `Start iteration ${number}`, missing.length > 0)}</p>
<p>${advice}</p>${newest?.verdict ? `<p>Verdict on iteration ${newest.number}: ${escaped(newest.verdict.decision)}.</p>` : ''}`;
}

function renderListStep(iterations: readonly Iteration[], newest: HqList | undefined): string {
  if (newest?.state === 'predicting')
    return `<p role="status"><span class="running"></span> List ${newest.version} is being predicted.</p>`;
  if (newest?.state === 'auditing')
    return `<p>List ${newest.version} is published when its audit is labelled: ${whole(newest.auditedCount)} of ${whole(newest.auditCount)} pages are.</p>
<p><a class="button" href="/label?queue=audit">Label the audit</a></p>`;
  const isReviewed = iterations.some(({ state }) => state === 'review' || state === 'closed');
  return `<form data-post="/v1/hq-lists">
<label>Pages to audit <input name="auditCount" type="number" min="0" max="100000" step="1" value="100" required></label>
<button type="submit"${isReviewed ? '' : ' disabled'}>Publish list ${(newest?.version ?? 0) + 1}</button>
</form>
<p>${isReviewed ? 'The audit is labelled blind and tells how good the list is; 0 publishes it unaudited.' : 'A list is made from a reviewed iteration.'}</p>${newest?.state === 'failed' ? `<p class="alarm">List ${newest.version} failed: ${escaped(newest.reason ?? 'no reason is known')}</p>` : ''}`;
}

const action = (path: string, title: string, isDisabled = false) =>
  `<button type="button" data-post="${path}"${isDisabled ? ' disabled' : ''}>${title}</button>`;

function iterationTable(iterations: readonly Iteration[]): string {
  const rows = iterations.map(({ number, state, reason, counts, outOfFoldScores, curves, verdict }) => {
    const kappa =
      curves?.kappa === null || curves?.kappa === undefined
        ? '–'
        : `${curves.kappa.toFixed(3)} <small>(${curves.kappaLow?.toFixed(3)}–${curves.kappaHigh?.toFixed(3)})</small>`;
    return row([
      `<a href="/v1/iterations/${number}">${number}</a>`,
      escaped(reason ? `${state}: ${reason}` : state),
      whole(counts.HQ + counts.LQ + counts.NOT_SURE),
      percent(outOfFoldScores?.accuracy),
      outOfFoldScores ? outOfFoldScores.auc.toFixed(3) : '–',
      percent(curves?.meanDisagreement),
      curves?.meanEntropy?.toFixed(3) ?? '–',
      percent(curves?.changeOfMind),
      kappa,
      escaped(verdict?.decision ?? '–'),
    ]);
  });
  const newest = iterations.at(-1);
  const verdict = newest?.verdict
    ? `<p>${escaped(newest.verdict.decision)}: ${escaped(newest.verdict.reason)}.</p>`
    : '';
  return `${table(
    [
      'N',
      'state',
      'labels',
      'out-of-fold accuracy',
      'AUC',
      'disagreement',
      'entropy (nats)',
      'changed its mind',
      'kappa with N−1',
      'verdict',
    ],
    rows,
  )}${verdict}`;
}

function listTable(lists: readonly HqList[]): string {
  const interval = (figure: { estimate: number; low: number; high: number } | undefined) =>
    figure
      ? `${percent(figure.estimate)} <small>(${percent(figure.low)}–${percent(figure.high)})</small>`
      : 'not audited';
  const rows = lists.map((list) =>
    row([
      `<a href="/v1/hq-lists/${list.version}">${list.version}</a>`,
      escaped(list.reason ? `${list.state}: ${list.reason}` : list.state),
      list.pageCount === null ? '–' : whole(list.pageCount),
      list.candidateCount === null ? '–' : whole(list.candidateCount),
      `${whole(list.auditedCount)} of ${whole(list.auditCount)}`,
      interval(list.figures?.precision),
      interval(list.figures?.recall),
      list.frozenAt
        ? `<a href="/v1/hq-lists/${list.version}/pages.txt">text</a> <a href="/v1/hq-lists/${list.version}/pages.csv">CSV</a>`
        : '',
    ]),
  );
  return table(
    [
      'version',
      'state',
      'pages',
      'candidates',
      'audited',
      'precision (95 %)',
      'recall over candidates (95 %)',
      'files',
    ],
    rows,
  );
}

function gallerySection({ version }: HqList, gallery: readonly HqListPage[]): string {
  const pictures = gallery.map(
    ({ pageId, probability }) =>
      `<figure><a href="/v1/images/${pageId}?size=medium"><img loading="lazy" src="/v1/images/${pageId}?size=medium" alt="Page ${pageId}"></a><figcaption>${pageId} · ${probability?.toFixed(2) ?? ''}</figcaption></figure>`,
  );
  return `<h2>From list ${version}</h2><div class="gallery">${pictures.join('')}</div>`;
}

const table = (heads: readonly string[], rows: readonly string[]) =>
  `<div class="wide"><table><thead><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
const row = (cells: readonly string[]) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
const whole = (count: number) => count.toLocaleString('en');
const percent = (share: number | null | undefined) =>
  share === null || share === undefined ? '–' : `${(100 * share).toFixed(1)} %`;
const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
