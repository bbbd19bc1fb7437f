import { createWriteStream } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { internal, invalidArgument } from '@florilegium/errors';
import { type Command, InvalidArgumentError } from 'commander';
import { askServer, serverOption } from '../ask-server.ts';
import { makeCollage } from '../collage.ts';

interface ListOptions {
  server: string;
  key?: string;
  format: string;
  outputFile?: string;
}

interface CollageCommandOptions extends ListOptions {
  outputFile: string;
  columns: number;
  rows: number;
}

/** `lists`: what a running Florilegium has published; `lists get VERSION` streams one list to a file. */
export function addLists(program: Command): void {
  const lists = program.command('lists').description('published HQ lists of a running Florilegium');
  lists
    .command('ls')
    .description('versions with their audits')
    .option(...serverOption)
    .option('--key <key>', 'API key')
    .action(async ({ server: base, key }: ListOptions) => {
      const { hqLists } = (await (await ask(base, '/v1/hq-lists', key)).json()) as {
        hqLists: {
          version: number;
          state: string;
          pageCount: number;
          audited: boolean;
          precision: number | null;
          recall: number | null;
        }[];
      };
      for (const list of hqLists)
        console.log(
          `v${list.version}\t${list.state}\t${list.pageCount} pages\t${list.audited ? `precision ${list.precision?.toFixed(3)}, recall ${list.recall?.toFixed(3)}` : 'not audited'}`,
        );
    });
  lists
    .command('get')
    .description('the pages of a version')
    .argument('<version>')
    .option(...serverOption)
    .option('--key <key>', 'API key')
    .option('--format <format>', 'txt (one PageID a line) or csv', 'txt')
    .option('--output-file <file>', 'where to write it (default: standard output)')
    .action(async (version: string, options: ListOptions) => {
      if (!['txt', 'csv'].includes(options.format))
        throw invalidArgument(`--format must be txt or csv, not ${options.format}`);
      const response = await ask(
        options.server,
        `/v1/hq-lists/${encodeURIComponent(version)}/pages.${options.format}`,
        options.key,
      );
      const body = Readable.fromWeb(response.body as never);
      if (options.outputFile === undefined) return await pipeline(body, process.stdout, { end: false });
      const temporary = `${options.outputFile}.tmp`;
      await pipeline(body, createWriteStream(temporary));
      await rename(temporary, options.outputFile);
    });
  lists
    .command('collage')
    .description('a picture made of plates of a version')
    .argument('<version>')
    .requiredOption('--output-file <file>', 'WebP file to write')
    .option(...serverOption)
    .option('--key <key>', 'API key')
    .option('--columns <n>', 'pictures in a row', wholeNumber, 9)
    .option('--rows <n>', 'rows', wholeNumber, 3)
    .action(async (version: string, options: CollageCommandOptions) => {
      const images = await imagesOf(version, options.columns * options.rows, options);
      if (images.length === 0) throw internal(`list ${version} has no stored image to show`);
      const temporary = `${options.outputFile}.tmp`;
      await writeFile(temporary, await makeCollage(images, options));
      await rename(temporary, options.outputFile);
    });
}

const wholeNumber = (text: string) => {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('not a whole number from 1 to 999');
  return Number(text);
};

/** Of a long list the first 20,000 pages are looked at: plenty for a picture. */
const looksMax = 20_000;

/** As many images as asked: of the surer half of the list, spread evenly over its books. Pages whose image is not stored are left out. */
async function imagesOf(version: string, count: number, { server, key }: ListOptions): Promise<Buffer[]> {
  const pages: { pageId: number; probability: number }[] = [];
  let after: number | null = null;
  do {
    const path: string = `/v1/hq-lists/${encodeURIComponent(version)}/pages?limit=1000${after === null ? '' : `&after=${after}`}`;
    const part = (await (await ask(server, path, key)).json()) as { pages: typeof pages; next: number | null };
    pages.push(...part.pages);
    after = part.next;
  } while (after !== null && pages.length < looksMax);
  const median =
    pages.map(({ probability }) => probability).sort((one, other) => one - other)[Math.floor(pages.length / 2)] ?? 0;
  const sure = pages.filter(({ probability }) => probability >= median).map(({ pageId }) => pageId);
  const images: Buffer[] = [];
  for (let index = 0; index < Math.min(count, sure.length); index++) {
    const pageId = sure[Math.floor((index * sure.length) / Math.min(count, sure.length))]!;
    const response = await ask(server, `/v1/images/${pageId}?size=medium`, key).catch(() => undefined);
    if (response) images.push(Buffer.from(await response.arrayBuffer()));
  }
  return images;
}

const ask = (server: string, path: string, key: string | undefined): Promise<Response> =>
  askServer({ server, key }, path, { timeoutMs: 600_000 });
