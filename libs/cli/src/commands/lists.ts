import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { parseIdList } from '@florilegium/bhl';
import { meanOf } from '@florilegium/ensemble/arithmetic';
import { AppError, internal, invalidArgument, messageOf } from '@florilegium/errors';
import { type Command, InvalidArgumentError } from 'commander';
import { askJson, askServer, type ServerOptions, withServer } from '../ask-server.ts';
import { makeCollage } from '../collage.ts';
import { type FileLabel, type LabelNumbering, readLabels, readPredictions, withZero } from '../reference-files.ts';
import { writeWhole } from '../write-file.ts';
import { writeIdList } from '../write-id-list.ts';

interface HqList {
  version: number;
  state: string;
  reason: string | null;
  origin: string;
  source: string | null;
  threshold: number | null;
  pageCount: number | null;
  pagesSha256: string | null;
  auditCount: number;
  auditedCount: number;
  audited: boolean;
  precision: number | null;
  precisionLow: number | null;
  precisionHigh: number | null;
  recall: number | null;
  expectedPrecision: number | null;
  expectedPrecisionLow: number | null;
  imagePendingCount: number | null;
  notCandidateCount: number | null;
  unknownPageCount: number | null;
}

/** `lists`: HQ lists of a running Florilegium, and lists in files. */
export function addLists(program: Command): void {
  const lists = program
    .command('lists')
    .description('HQ lists: of a running Florilegium by their version, or text files with one PageID a line');
  addLs(lists);
  addGet(lists);
  addDiff(lists);
  addPublish(lists);
  addImport(lists);
  addWithdraw(lists);
  addCollage(lists);
}

function addLs(lists: Command): void {
  withServer(lists.command('ls').description('versions with their audits')).action(async (server: ServerOptions) => {
    const { hqLists } = await askJson<{ hqLists: HqList[] }>(server, '/v1/hq-lists');
    for (const list of hqLists) console.log(lineOf(list));
  });
}

function lineOf(list: HqList): string {
  const share = (value: number | null) => value?.toFixed(3) ?? '?';
  const quality = list.audited
    ? `precision ${share(list.precision)} (${share(list.precisionLow)} to ${share(list.precisionHigh)}), recall ${share(list.recall)}`
    : list.state === 'auditing'
      ? `${list.auditedCount} of ${list.auditCount} pages audited`
      : `not audited${list.expectedPrecision === null ? '' : `, expected precision ${share(list.expectedPrecision)}${list.expectedPrecisionLow === null ? '' : ` (at least ${share(list.expectedPrecisionLow)})`}`}`;
  return [
    `v${list.version}`,
    list.state,
    list.pageCount === null ? '-' : `${list.pageCount} pages`,
    quality,
    ...(list.origin === 'imported' ? [`imported: ${list.source}`] : []),
    ...(list.imagePendingCount ? [`${list.imagePendingCount} candidates were still without an image`] : []),
    ...(list.reason === null ? [] : [list.reason]),
  ].join('\t');
}

function addGet(lists: Command): void {
  withServer(
    lists
      .command('get')
      .description('the pages of a version, or of a list file, checked and in order')
      .argument('<list>', 'version, or text file')
      .option('--format <format>', 'txt (one PageID a line), or csv with story and rights', 'txt')
      .option('--output-file <file>', 'where to write it (default: standard output)'),
  ).action(async (list: string, options: ServerOptions & { format: string; outputFile?: string }) => {
    if (!['txt', 'csv'].includes(options.format))
      throw invalidArgument(`--format must be txt or csv, not ${options.format}`);
    const body = isVersion(list)
      ? await readVersion(list, options)
      : Readable.from([(await readList(list, options)).map((pageId) => `${pageId}\n`).join('')]);
    if (!isVersion(list) && options.format !== 'txt')
      throw invalidArgument('a list file holds PageIDs alone; --format csv needs a version');
    if (options.outputFile === undefined) return await pipeline(body, process.stdout, { end: false });
    await writeWhole(options.outputFile, body);
  });
}

/** A version's pages as they come. @throws internal at the end of a text that does not have the hash that the version tells */
async function readVersion(version: string, options: ServerOptions & { format: string }): Promise<Readable> {
  const { pagesSha256 } = await askJson<HqList>(options, `/v1/hq-lists/${version}`);
  const { body } = await askServer(options, `/v1/hq-lists/${version}/pages.${options.format}`);
  const bytes = Readable.fromWeb(body as never);
  if (options.format !== 'txt') return bytes;
  return Readable.from(
    (async function* () {
      const hash = createHash('sha256');
      for await (const part of bytes) {
        hash.update(part);
        yield part;
      }
      const sha256 = hash.digest('hex');
      if (sha256 !== pagesSha256)
        throw internal(`list ${version} came with the SHA-256 ${sha256}, not ${pagesSha256}: it is not whole`);
    })(),
    { objectMode: false },
  );
}

function addDiff(lists: Command): void {
  withServer(
    lists
      .command('diff')
      .description('what a list drops (-) and adds (+) to another; versions and text files alike')
      .argument('<from>', 'version, or text file')
      .argument('<to>', 'version, or text file')
      .option('--counts', 'counts alone'),
  ).action(async (from: string, to: string, options: ServerOptions & { counts?: boolean }) => {
    if (isVersion(from) && isVersion(to)) {
      const counts = await askJson<{ addedCount: number; droppedCount: number; keptCount: number }>(
        options,
        `/v1/hq-lists/${from}/diff/${to}?limit=1`,
      );
      console.error(`${counts.keptCount} kept, ${counts.droppedCount} dropped, ${counts.addedCount} added`);
      if (options.counts) return;
      const { body } = await askServer(options, `/v1/hq-lists/${from}/diff/${to}/pages.txt`);
      return await pipeline(Readable.fromWeb(body as never), process.stdout, { end: false });
    }
    const [before, after] = [await readList(from, options), await readList(to, options)];
    const [was, is] = [new Set(before), new Set(after)];
    const dropped = before.filter((pageId) => !is.has(pageId));
    const added = after.filter((pageId) => !was.has(pageId));
    console.error(`${before.length - dropped.length} kept, ${dropped.length} dropped, ${added.length} added`);
    if (options.counts) return;
    const lines = [...dropped.map((pageId) => `-${pageId}\n`), ...added.map((pageId) => `+${pageId}\n`)];
    await pipeline(Readable.from([lines.join('')]), process.stdout, { end: false });
  });
}

const isVersion = (list: string) => /^[1-9]\d{0,8}$/.test(list) && !existsSync(list);

/** The ids of a version or file, each once, in ascending order. */
async function readList(list: string, server: ServerOptions): Promise<number[]> {
  const text = isVersion(list)
    ? await (await askServer(server, `/v1/hq-lists/${list}/pages.txt`)).text()
    : await readFile(list, 'utf8');
  try {
    return [...new Set(parseIdList(text))].sort((one, other) => one - other);
  } catch (error) {
    throw error instanceof AppError ? invalidArgument(`${list}: ${messageOf(error)}`, { cause: error }) : error;
  }
}

interface PublishOptions extends ServerOptions, LabelNumbering {
  predictions: string[];
  labels?: string;
  outputFile?: string;
  rule: string;
  threshold?: number;
  targetPrecision?: number;
  auditCount: number;
  outsideCount?: number;
  wait: boolean;
}

const share = (text: string) => {
  const value = Number(text);
  if (!(text.trim() !== '' && value >= 0 && value <= 1)) throw new InvalidArgumentError('not a number from 0 to 1');
  return value;
};
const count = (text: string) => {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('not a whole number');
  return Number(text);
};

function addPublish(lists: Command): void {
  withServer(
    withZero(
      lists
        .command('publish')
        .description(
          'begin the next version of a running Florilegium; with --predictions and --output-file make a list of prediction files, without a server',
        )
        .option('--threshold <p>', 'P(HQ) from which a page is listed (default: 0.5)', share)
        .option('--target-precision <p>', 'in place of a threshold: the lowest one that is expected to reach it', share)
        .option('--audit-count <n>', 'pages that a person looks at to measure the list', count, 100)
        .option('--outside-count <n>', 'how many of them outside the candidates (default: a sixth)', count)
        .option('--rule <name>', 'candidate rule', 'illustrated')
        .option('--no-wait', 'do not wait until the list can be read')
        .option('--predictions <files...>', "each member's predictions (JSON, id → [logit, logit])", [])
        .option('--labels <file>', 'label file: HQ pages are listed, LQ and NOT_SURE ones are not, whatever they score')
        .option('--output-file <file>', 'text file to write'),
    ),
  ).action(async (options: PublishOptions) => {
    if (options.threshold !== undefined && options.targetPrecision !== undefined)
      throw invalidArgument('either --threshold or --target-precision, not both');
    if (options.predictions.length > 0) return await publishFile(options);
    const { rule, auditCount, outsideCount, threshold, targetPrecision } = options;
    const started = await askJson<HqList>(options, '/v1/hq-lists', {
      body: { rule, auditCount, outsideCount, threshold, targetPrecision },
    });
    console.error(`list ${started.version}`);
    const list = options.wait ? await waitFor(options, started.version) : started;
    console.log(lineOf(list));
    if (list.state === 'auditing')
      console.error(`its audit waits in ${new URL('/label?queue=audit', options.server).href}`);
  });
}

/** A list from files: calibrated or not, the mean of the members' P(HQ) decides, and a label beats it. */
async function publishFile({
  predictions,
  labels,
  outputFile,
  threshold = 0.5,
  targetPrecision,
  zero,
}: PublishOptions): Promise<void> {
  if (outputFile === undefined) throw invalidArgument('--output-file is missing');
  if (targetPrecision !== undefined)
    throw invalidArgument('--target-precision needs calibrated scores, which prediction files do not hold');
  const members = new Map<number, number[]>();
  for (const file of predictions)
    for (const [pageId, probability] of await readPredictions(file, { zero })) {
      const all = members.get(pageId);
      if (all) all.push(probability);
      else members.set(pageId, [probability]);
    }
  const labelOf: Map<number, FileLabel> = labels === undefined ? new Map() : await readLabels(labels, { zero });
  const listed = [...members]
    .filter(([pageId, all]) => {
      if (all.length !== predictions.length)
        throw invalidArgument(`page ${pageId} has ${all.length} predictions of ${predictions.length} files`);
      const label = labelOf.get(pageId);
      return label === undefined ? meanOf(all) >= threshold : label === 'HQ';
    })
    .map(([pageId]) => pageId)
    .sort((one, other) => one - other);
  await writeIdList(outputFile, listed);
  console.log(`${listed.length} of ${members.size} pages written to ${outputFile}; not audited`);
}

async function waitFor(server: ServerOptions, version: number): Promise<HqList> {
  for (;;) {
    const list = await askJson<HqList>(server, `/v1/hq-lists/${version}`);
    if (list.state === 'failed' || list.state === 'cancelled')
      throw internal(`list ${version} ${list.state === 'failed' ? 'failed' : 'was cancelled'}: ${list.reason}`);
    if (list.state !== 'predicting' && list.state !== 'importing') return list;
    await pause(500);
  }
}

function addImport(lists: Command): void {
  withServer(
    lists
      .command('import')
      .description('import a list made elsewhere, such as the reference project’s of 2020, as the next version')
      .argument('<file>', 'one PageID a line')
      .requiredOption('--source <text>', 'where it comes from, in words')
      .option('--rule <name>', 'candidate rule that it is compared with', 'illustrated'),
  ).action(async (file: string, { source, rule, ...server }: ServerOptions & { source: string; rule: string }) => {
    const query = new URLSearchParams({ source, rule });
    const { version } = await askJson<HqList>(server, `/v1/hq-lists/imports?${query}`, {
      text: Readable.toWeb(createReadStream(file)) as unknown as ReadableStream,
    }).catch((error: unknown) => {
      throw error instanceof AppError ? internal(`${file}: ${messageOf(error)}`, { cause: error }) : error;
    });
    const list = await waitFor(server, version);
    console.log(lineOf(list));
    console.log(
      `${list.notCandidateCount} of its pages are no candidates by ${rule}, ${list.unknownPageCount} are not in the catalog`,
    );
  });
}

function addWithdraw(lists: Command): void {
  withServer(
    lists
      .command('withdraw')
      .description('take a version out of use; its pages stay readable; one that is still being made is cancelled')
      .argument('<version>')
      .requiredOption('--reason <text>', 'why'),
  ).action(async (version: string, { reason, ...server }: ServerOptions & { reason: string }) => {
    console.log(
      lineOf(
        await askJson<HqList>(server, `/v1/hq-lists/${encodeURIComponent(version)}/withdraw`, { body: { reason } }),
      ),
    );
  });
}

interface CollageCommandOptions extends ServerOptions {
  outputFile: string;
  columns: number;
  rows: number;
}

function addCollage(lists: Command): void {
  withServer(
    lists
      .command('collage')
      .description('a picture made of plates of a version')
      .argument('<version>')
      .requiredOption('--output-file <file>', 'WebP file to write')
      .option('--columns <n>', 'pictures in a row', wholeNumber, 9)
      .option('--rows <n>', 'rows', wholeNumber, 3),
  ).action(async (version: string, options: CollageCommandOptions) => {
    const images = await imagesOf(version, options.columns * options.rows, options);
    if (images.length === 0) throw internal(`list ${version} has no stored image to show`);
    await writeWhole(options.outputFile, await makeCollage(images, options));
  });
}

const wholeNumber = (text: string) => {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('not a whole number from 1 to 999');
  return Number(text);
};

/** Of a long list the first 20,000 pages are looked at: plenty for a picture. */
const looksMax = 20_000;

/** As many images as asked: of the surer half of the list, spread evenly over its books. Pages whose image is not stored are left out. */
async function imagesOf(version: string, wanted: number, server: ServerOptions): Promise<Buffer[]> {
  const pages: { pageId: number; probability: number | null }[] = [];
  let after: number | null = -1;
  do {
    const path: string = `/v1/hq-lists/${encodeURIComponent(version)}/pages?limit=1000&after=${after}`;
    const part: { pages: typeof pages; next: number | null } = await askJson(server, path);
    pages.push(...part.pages);
    after = part.next;
  } while (after !== null && pages.length < looksMax);
  const surenessOf = ({ probability }: { probability: number | null }) => probability ?? 1;
  const median = pages.map(surenessOf).sort((one, other) => one - other)[Math.floor(pages.length / 2)] ?? 0;
  const sure = pages.filter((page) => surenessOf(page) >= median).map(({ pageId }) => pageId);
  const images: Buffer[] = [];
  for (let index = 0; index < Math.min(wanted, sure.length); index++) {
    const pageId = sure[Math.floor((index * sure.length) / Math.min(wanted, sure.length))]!;
    const response = await askServer(server, `/v1/images/${pageId}?size=medium`).catch(() => undefined);
    if (response) images.push(Buffer.from(await response.arrayBuffer()));
  }
  return images;
}
