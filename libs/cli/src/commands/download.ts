import { readFile } from 'node:fs/promises';
import {
  defaultImageSources,
  type ImageSize,
  type ImageSource,
  imageSizes,
  openImageClient,
  parseIdList,
} from '@florilegium/bhl';
import { AppError, invalidArgument } from '@florilegium/errors';
import { type Command, InvalidArgumentError } from 'commander';
import { type DownloadResult, downloadPages } from '../download-pages.ts';
import { startBar } from '../progress-bar.ts';

interface Options {
  outputDir: string;
  startIndex: number;
  maxCount?: number;
  concurrency: number;
  size: string;
  source?: string;
  rate?: number;
  contact: string;
}

const whole = (min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text) || value < min || value > max)
    throw new InvalidArgumentError(`not a whole number from ${min} to ${max}`);
  return value;
};

const positive = (text: string) => {
  const value = Number(text);
  if (!(value > 0 && value <= 100_000)) throw new InvalidArgumentError('not a number above 0, at most 100000');
  return value;
};

/** `download LIST --output-dir DIR …`: the images of a list of pages, politely, checked, resumable; needs no server. */
export function addDownload(program: Command): void {
  program
    .command('download')
    .description('fetch the images of the pages of a list; goes on where it stopped; needs no server')
    .argument('<list>', 'list of PageIDs, one a line')
    .requiredOption('--output-dir <dir>', 'where <PageID>.<extension> and failures.csv go')
    .option('--start-index <n>', 'pages of the list to skip', whole(0, 2 ** 31), 0)
    .option('--max-count <n>', 'pages to fetch at most (default: all)', whole(0, 2 ** 31))
    .option('--concurrency <n>', 'pages under way at once', whole(1, 1000), 16)
    .option('--size <size>', imageSizes.join(', '), 'full')
    .option('--source <url>', 'base address under which /pageimage/{id} and web/… are found (default: BHL itself)')
    .option(
      '--rate <n>',
      'requests a second to a host, of this download alone (default: 1 to BHL, 50 to its bucket, 500 on this machine)',
      positive,
    )
    .option('--contact <address>', 'mail or web address for the User-Agent', 'none given')
    .action(async (list: string, options: Options) => {
      const { size, concurrency, startIndex, maxCount } = options;
      if (!imageSizes.includes(size as ImageSize))
        throw invalidArgument(`--size must be one of ${imageSizes.join(', ')}, not ${size}`, { field: 'size' });
      const ids = parseIdList(await readFile(list, 'utf8'));
      const pageIds = ids.slice(startIndex, maxCount === undefined ? undefined : startIndex + maxCount);
      const client = openImageClient({ sources: sourcesOf(options), contact: options.contact });
      const interrupted = new AbortController();
      const onSignal = () => interrupted.abort();
      process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
      const bar = startBar('download', pageIds.length, 'images');
      const startedAt = performance.now();
      try {
        const result = await downloadPages({
          client,
          pageIds,
          dir: options.outputDir,
          size: size as ImageSize,
          concurrency,
          signal: interrupted.signal,
          onDone: bar.update,
        });
        bar.stop();
        console.error(summaryOf(result, (performance.now() - startedAt) / 1000));
        if (result.failed > 0)
          throw new AppError(
            'unavailable',
            `${result.failed} pages failed for good; ${options.outputDir}/failures.csv names them`,
          );
      } catch (error) {
        if (interrupted.signal.aborted)
          throw new AppError('cancelled', 'interrupted; the same command goes on from here', { cause: error });
        throw error;
      } finally {
        bar.stop();
        process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
        await client.close();
      }
    });
}

/** BHL's own endpoint, which redirects to the bucket: a list has no bar codes to ask the bucket by. Each host keeps its own limits. */
export function sourcesOf({
  source,
  rate,
  concurrency,
}: Pick<Options, 'source' | 'rate' | 'concurrency'>): ImageSource[] {
  if (source === undefined || isBhl(source))
    return defaultImageSources
      .filter(({ addressing }) => addressing !== 'internet-archive')
      .toSorted((a, b) => Number(b.addressing === 'pageimage') - Number(a.addressing === 'pageimage'))
      .map((known) => ({ ...known, requestsPerSecond: rate ?? known.requestsPerSecond }));
  if (!/^https?:\/\/[^/]/.test(source) || !URL.canParse(source))
    throw invalidArgument(`--source is not an http or https address: ${source}`, { field: 'source' });
  const isHere = ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(source).hostname);
  return [
    {
      name: 'source',
      addressing: 'pageimage',
      baseUrl: source,
      requestsPerSecond: rate ?? (isHere ? 500 : 1),
      inFlightMax: concurrency,
      redirectHosts: [],
    },
  ];
}

/** BHL given by its address is what is asked when none is given: its redirects lead to its bucket. */
const isBhl = (source: string) => /^https?:\/\/(www\.)?biodiversitylibrary\.org\/?$/i.test(source);

function summaryOf({ fetched, bytes, kept, failed, failedByOutcome }: DownloadResult, seconds: number): string {
  const outcomes = Object.entries(failedByOutcome).map(([outcome, count]) => `${count} ${outcome}`);
  return [
    `${fetched} images (${(bytes / 1e6).toFixed(1)} MB) fetched in ${seconds.toFixed(1)} s, ${(fetched / seconds).toFixed(1)} a second`,
    `${kept} were there already`,
    `${failed} failed${failed > 0 ? ` (${outcomes.join(', ')})` : ''}`,
  ].join('; ');
}
