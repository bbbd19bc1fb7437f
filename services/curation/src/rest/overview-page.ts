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

/** The front page as one HTML document without scripts. */
export function renderOverview({ summary, iterations, lists, newest, gallery }: Overview): string {
  const { byLabel } = summary;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Florilegium</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>Florilegium</h1>
<p>Natural-history plates found among the scanned pages of the Biodiversity Heritage Library</p>
<nav><a href="${docsPath}">API reference</a> <a href="/v1/hq-lists">Lists</a> <a href="/v1/iterations">Iterations</a> <a href="/v1/review-queues">Review queues</a></nav>
</header>
<main>
<section>
<h2>Labels</h2>
<p>${whole(summary.pages)} pages are labelled: ${whole(byLabel.HQ)} HQ, ${whole(byLabel.LQ)} LQ, ${whole(byLabel.NOT_SURE)} not sure; ${whole(summary.askedCount)} labels were given in all.</p>
</section>
<section>
<h2>Iterations</h2>
${iterations.length === 0 ? '<p>None yet. Label some pages, then start the first.</p>' : iterationTable(iterations)}
</section>
<section>
<h2>HQ lists</h2>
${lists.length === 0 ? '<p>None yet. A list is published from a reviewed iteration.</p>' : listTable(lists)}
</section>
${newest ? gallerySection(newest, gallery) : ''}
</main>
</body>
</html>
`;
}

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
      `<figure><a href="/v1/images/${pageId}?size=medium"><img loading="lazy" src="/v1/images/${pageId}?size=medium" alt="Page ${pageId}"></a><figcaption>${pageId} · ${probability.toFixed(2)}</figcaption></figure>`,
  );
  return `<section><h2>From list ${version}</h2><div class="gallery">${pictures.join('')}</div></section>`;
}

const table = (heads: readonly string[], rows: readonly string[]) =>
  `<div class="wide"><table><thead><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
const row = (cells: readonly string[]) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
const whole = (count: number) => count.toLocaleString('en');
const percent = (share: number | null | undefined) =>
  share === null || share === undefined ? '–' : `${(100 * share).toFixed(1)} %`;
const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const style = `
:root { color-scheme: light; --ink: #2b2a26; --paper: #f7f3e8; --rule: #d9d0b9; --leaf: #3e6b4a; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 Georgia, 'Times New Roman', serif; }
header, main { max-width: 76rem; margin: 0 auto; padding: 1rem 1.5rem; }
header { border-bottom: 1px solid var(--rule); }
h1 { margin: .5rem 0 0; font-size: 2.2rem; letter-spacing: .02em; }
h2 { margin: 1.5rem 0 .5rem; font-size: 1.25rem; }
header p { margin: 0 0 .75rem; }
nav a { margin-right: 1.25rem; }
a { color: var(--leaf); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--rule); }
th { font-weight: normal; font-style: italic; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: 1rem; }
figure { margin: 0; }
img { width: 100%; aspect-ratio: 3 / 4; object-fit: contain; background: #fffdf6; border: 1px solid var(--rule); }
figcaption { font-size: .8rem; }
`;
