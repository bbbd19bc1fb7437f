import './overview.css';
import type { ComponentChildren } from 'preact';
import { counted, percent, whole } from '../design/format.ts';
import { Badge, Figures, Picture, ProblemNote, Sheet } from '../design/parts.tsx';
import { LoopPicture } from '../iterations/loop-picture.tsx';
import type { GalleryAnswer } from '../plates/gallery-shapes.ts';
import { PlateStrip } from '../plates/plate-strip.tsx';
import {
  type HqList,
  type ImportRun,
  type Iteration,
  isIterating,
  type LabelSummary,
  type PageSet,
  pageSetNames,
  type QueueCount,
  queueTitles,
} from '../rest/shapes.ts';
import { useRest } from '../rest/use-rest.ts';
import '../iterations/iterations.css';
import { useEffect } from 'preact/hooks';

const galleryPages = 24;

/** What the loop has come to, and the next step, in one look. */
export function OverviewView() {
  const imports = useRest<{ imports: ImportRun[] }>('/v1/imports?limit=5', 5_000);
  const { data: drawn } = useRest<{ pageSets: PageSet[] }>('/v1/page-sets', 5_000);
  const { data: iterating } = useRest<{ iterations: Iteration[] }>('/v1/iterations', 3_000);
  const { data: listed } = useRest<{ hqLists: HqList[] }>('/v1/hq-lists', 5_000);
  const { data: summary } = useRest<LabelSummary>('/v1/labels/summary', 5_000);
  const { data: waiting } = useRest<{ queues: QueueCount[] }>('/v1/review-queues', 5_000);
  useEffect(() => {
    document.title = 'Florilegium';
  }, []);
  const iterations = iterating?.iterations ?? [];
  const newest = iterations.at(-1);
  const lists = listed?.hqLists ?? [];
  const list = lists.findLast(({ state }) => state === 'published' || state === 'auditing');
  const { data: gallery } = useRest<GalleryAnswer>(
    list ? `/v1/hq-lists/${list.version}/gallery?order=shuffle&seed=7&limit=${galleryPages}` : undefined,
  );
  const imported = imports.data?.imports.find(({ state }) => state === 'done') ?? imports.data?.imports[0];
  const step =
    imports.data &&
    drawn &&
    iterating &&
    listed &&
    summary &&
    waiting &&
    nextStep({ imported, pageSets: drawn.pageSets, iterations, lists, summary, queues: waiting.queues });
  return (
    <div class="view overview">
      <header class="hero">
        <p class="eyebrow">Plates of natural history</p>
        <h1>Florilegium</h1>
        <p>
          The beautiful plates among the scanned pages of the Biodiversity Heritage Library, found with as few labels as
          possible.
        </p>
      </header>
      {list && gallery && (
        <a
          class="frieze"
          href={`/gallery/${list.version}`}
          aria-label={`Walk through the gallery of list ${list.version}`}
        >
          {gallery.pages.map(({ pageId }) => (
            <span key={pageId}>
              <Picture pageId={pageId} size="medium" alt="" />
            </span>
          ))}
        </a>
      )}
      <ProblemNote problem={imports.problem?.needsKey ? undefined : imports.problem} />
      <div class="columns" style={{ '--column': '26rem' }}>
        {step && (
          <section class="sheet next" aria-label="The next step">
            <p class="eyebrow">The next step</p>
            <h2>{step.title}</h2>
            <p>{step.told}</p>
            <div class="row">
              <a class="button main" href={step.address}>
                {step.action}
              </a>
              {step.also}
            </div>
            {summary && summary.pages > 0 && (
              <Figures
                of={[
                  ['Labelled pages', whole(summary.pages), `${whole(summary.byLabel.HQ)} HQ`],
                  ['Iterations', whole(iterations.length)],
                  ['Candidates', whole(Math.max(0, ...Object.values(imported?.candidateCounts ?? {})))],
                  ...(list?.pageCount
                    ? ([[`List ${list.version}`, whole(list.pageCount), 'plates']] as [string, string, string][])
                    : []),
                ]}
              />
            )}
          </section>
        )}
        <Sheet title="The loop">
          <LoopPicture iteration={newest} />
          {newest?.verdict && (
            <p class="small">
              Verdict on iteration {newest.number}: <b>{newest.verdict.decision}</b>.{' '}
              <a href="/iterations">See the curves</a>
            </p>
          )}
        </Sheet>
      </div>
      {list && (
        <Sheet
          title={`List ${list.version}`}
          actions={
            <div class="row">
              <Badge>{list.state}</Badge>
              <a class="button" href={`/gallery/${list.version}`}>
                Walk through all {whole(list.pageCount ?? 0)} plates
              </a>
            </div>
          }
        >
          <p class="faint small">
            {list.audited && list.precision !== null
              ? `Audited: precision ${percent(list.precision, 1)} (95 % interval ${percent(list.precisionLow ?? 0, 1)} to ${percent(list.precisionHigh ?? 1, 1)}).`
              : 'Not audited.'}
          </p>
          {gallery && <PlateStrip pages={gallery.pages.slice(12)} title={`Plates of list ${list.version}`} />}
        </Sheet>
      )}
      {waiting && (
        <Sheet title="What waits for a person">
          <ul class="plain queues">
            {waiting.queues.map(({ name, count, description }) => (
              <li key={name}>
                <a href={`/label?queue=${name}`}>
                  {queueTitles[name]} <b>{whole(count)}</b>
                </a>
                <span class="small faint">{description}</span>
              </li>
            ))}
          </ul>
        </Sheet>
      )}
    </div>
  );
}

interface Standing {
  imported: ImportRun | undefined;
  pageSets: PageSet[];
  iterations: Iteration[];
  lists: HqList[];
  summary: LabelSummary;
  queues: QueueCount[];
}

interface Step {
  title: string;
  told: string;
  address: string;
  action: string;
  also?: ComponentChildren;
}

function nextStep({ imported, pageSets, iterations, lists, summary, queues }: Standing): Step {
  const newest = iterations.at(-1);
  // A cancelled one has neither predictions nor a verdict: the loop stands where the one before it left it.
  const reviewed = iterations.findLast(({ state }) => state === 'review' || state === 'closed');
  const waits = (name: string) => queues.find((queue) => queue.name === name)?.count ?? 0;
  const newestList = lists.at(-1);
  const areDrawn = pageSetNames.every((name) => pageSets.some((set) => set.name === name));
  if (!imported || !areDrawn)
    return {
      title: imported ? 'Prepare the library' : 'Nothing is here yet',
      told: 'Six steps lead from an export of BHL to the first iteration.',
      address: '/begin',
      action: imported ? 'Go on' : 'Begin',
    };
  if (newest && isIterating(newest.state))
    return {
      title: `Iteration ${newest.number} is ${newest.state}`,
      told: 'It goes on by itself.',
      address: '/iterations',
      action: 'Watch it',
    };
  if (newest?.state === 'failed')
    return {
      title: `Iteration ${newest.number} failed`,
      told: newest.reason ?? 'No reason is known.',
      address: '/iterations',
      action: 'Retry or cancel it',
    };
  if (newestList?.state === 'auditing' && waits('audit') > 0)
    return {
      title: `List ${newestList.version} waits for its audit`,
      told: `${counted(waits('audit'), 'page')} of a random sample, labelled blind, tell how good it is.`,
      address: '/label?queue=audit',
      action: 'Label the audit',
    };
  if (reviewed === undefined)
    return {
      title: waits('initial') > 0 ? 'Give the first labels' : 'Start the first iteration',
      told: `${counted(waits('initial'), 'page')} of the train set wait. A few hundred labels are a good beginning.`,
      address: waits('initial') > 0 ? '/label?queue=initial' : '/iterations',
      action: waits('initial') > 0 ? 'Label pages' : 'To the iterations',
      also: (
        <a class="button" href={summary.byLabel.HQ > 0 && summary.byLabel.LQ > 0 ? '/iterations' : '/label?mode=grid'}>
          {summary.byLabel.HQ > 0 && summary.byLabel.LQ > 0
            ? `Start iteration ${(newest?.number ?? 0) + 1}`
            : 'Label in the grid'}
        </a>
      ),
    };
  const mayStop = reviewed.verdict !== null && reviewed.verdict.decision !== 'continue';
  const isListed = lists.some(
    ({ iteration, state }) => iteration === reviewed.number && state !== 'failed' && state !== 'withdrawn',
  );
  const next = (newest?.number ?? 0) + 1;
  if (mayStop && !isListed)
    return {
      title: 'Publish a list',
      told: 'The ensemble changes its mind no more. A list with an audit says how good it is.',
      address: '/lists',
      action: 'Publish',
      also: (
        <a class="button" href="/label?queue=review">
          Label on
        </a>
      ),
    };
  return {
    title: `Review iteration ${reviewed.number}`,
    told: `The ensemble would learn most from ${counted(waits('review'), 'page')}, and contradicts ${counted(waits('misprediction'), 'label')}.`,
    address: waits('review') > 0 ? '/label?queue=review' : '/review',
    action: 'Review',
    also: (
      <a class="button" href="/iterations">
        Start iteration {next}
      </a>
    ),
  };
}
