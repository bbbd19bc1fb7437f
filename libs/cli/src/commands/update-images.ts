import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, invalidArgument, messageOf } from '@florilegium/errors';
import type { Command } from 'commander';
import { askServer, type ServerOptions, serverOf, withOptionalServer } from '../ask-server.ts';
import { listImages } from '../image-folder.ts';
import { readRelabels } from '../reference-files.ts';
import { writeWhole } from '../write-file.ts';

interface Options {
  labelUpdate: string;
  srcImgDir?: string;
  dstImgDir: string;
  size: string;
  server?: string | true;
  key?: string;
}

/** `update-images`: brings the images of the pages of a relabel file into a folder, from another one or from a server. */
export function addUpdateImages(program: Command): void {
  withOptionalServer(
    program
      .command('update-images')
      .description('copy the images of the pages of a relabel file into the folder of the train set; needs no server')
      .requiredOption('--label-update <file>', 'JSON array of [id, label] or [id]')
      .option('--src-img-dir <dir>', 'folder to copy from')
      .requiredOption('--dst-img-dir <dir>', 'folder to copy to; made when missing')
      .option('--size <size>', 'of the images of a server', 'medium'),
  ).action(async (options: Options) => {
    const pageIds = [...new Set((await readRelabels(options.labelUpdate, { zero: 'HQ' })).map(({ pageId }) => pageId))];
    const server = serverOf(options);
    if (!server && options.srcImgDir === undefined) throw invalidArgument('--src-img-dir is missing');
    await mkdir(options.dstImgDir, { recursive: true });
    const bring = server
      ? (pageId: number) => fetchImage(server, pageId, options)
      : await copierOf(options.srcImgDir!, options.dstImgDir);
    const failed: string[] = [];
    for (const pageId of pageIds)
      await bring(pageId).catch((error: unknown) => failed.push(`${pageId}: ${messageOf(error)}`));
    console.log(`Copied over ${pageIds.length - failed.length} images.`);
    for (const line of failed) console.error(line);
    if (failed.length > 0)
      throw new AppError('not_found', `${failed.length} of ${pageIds.length} images were not copied`);
  });
}

async function copierOf(from: string, to: string): Promise<(pageId: number) => Promise<void>> {
  const images = new Map((await listImages(from)).map(({ pageId, file }) => [pageId, file]));
  return async (pageId) => {
    const file = images.get(pageId);
    if (file === undefined) throw new AppError('not_found', `${from} holds no image of it`);
    const temporary = join(to, `.writing-${randomUUID()}`);
    try {
      // Where the file system can, the copy shares the bytes.
      await copyFile(join(from, file), temporary, constants.COPYFILE_FICLONE);
      await rename(temporary, join(to, file));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  };
}

const extensions: Record<string, string> = {
  'image/webp': 'webp',
  'image/jpeg': 'jpeg',
  'image/png': 'png',
  'image/jp2': 'jp2',
};

async function fetchImage(server: ServerOptions, pageId: number, { dstImgDir, size }: Options): Promise<void> {
  const response = await askServer(server, `/v1/images/${pageId}?size=${encodeURIComponent(size)}`);
  const extension = extensions[response.headers.get('content-type')?.split(';')[0] ?? ''];
  if (response.status !== 200 || extension === undefined)
    throw new AppError('unavailable', 'the server has no image of it yet');
  await writeWhole(join(dstImgDir, `${pageId}.${extension}`), new Uint8Array(await response.arrayBuffer()));
}
