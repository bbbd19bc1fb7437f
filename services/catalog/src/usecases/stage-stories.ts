import {
  PageIdSet,
  readCreatorFile,
  readItemFile,
  readPageNameFile,
  readPartFile,
  readPartPageFile,
  readTitleFile,
} from '@florilegium/bhl';
import type { ExportFile } from '../clients/export-files.client.ts';
import type { ExportKind } from '../domain/import-run.ts';
import type { StagingRepo } from '../repos/staging.repo.ts';
import { batches, type Reading, readCounted } from './read-batches.ts';

export type ExportFiles = Partial<Record<ExportKind, ExportFile>>;

/** Items, titles and who made them; those of pages that are not kept fall away in the merge. */
export async function stageTitles(reading: Reading, files: ExportFiles, staging: StagingRepo): Promise<void> {
  const { item, title, creator } = files;
  if (item) {
    await staging.stageItems(
      batches(reading, item, (take, onBadLine) =>
        readItemFile(readCounted(reading, item), {
          file: item.name,
          onBadLine,
          onItem: (row, line) => take({ ...row, line }),
        }),
      ),
    );
  }
  await staging.stageTitles(
    title
      ? batches(reading, title, (take, onBadLine) =>
          readTitleFile(readCounted(reading, title), {
            file: title.name,
            onBadLine,
            onTitle: (row, line) => take({ ...row, line }),
          }),
        )
      : nothing(),
  );
  if (creator) {
    await staging.stageCreators(
      batches(reading, creator, (take, onBadLine) =>
        readCreatorFile(readCounted(reading, creator), {
          file: creator.name,
          onBadLine,
          onCreator: (row, line) => take({ ...row, line }),
        }),
      ),
    );
  }
}

/** Which articles the kept pages belong to, then these articles. Held: a bit for each kept page and for each of the articles. */
export async function stageParts(
  reading: Reading,
  files: ExportFiles,
  staging: StagingRepo,
  keptPages: PageIdSet,
): Promise<void> {
  const { part, partpage } = files;
  if (!part || !partpage) return;
  const partIds = new PageIdSet();
  await staging.stagePartPages(
    batches(reading, partpage, (take, onBadLine) =>
      readPartPageFile(readCounted(reading, partpage), {
        file: partpage.name,
        onBadLine,
        onPartPage: (row) => {
          if (!keptPages.has(row.pageId)) return;
          partIds.add(row.partId);
          take(row);
        },
      }),
    ),
  );
  await staging.stageParts(
    batches(reading, part, (take, onBadLine) =>
      readPartFile(readCounted(reading, part), {
        file: part.name,
        onBadLine,
        wants: (partId) => partIds.has(partId),
        onPart: (row, line) => take({ ...row, line }),
      }),
    ),
  );
}

export async function stageNames(
  reading: Reading,
  { pagename }: ExportFiles,
  staging: StagingRepo,
  keptPages: PageIdSet,
): Promise<void> {
  if (!pagename) return;
  await staging.stageNames(
    batches(reading, pagename, (take, onBadLine) =>
      readPageNameFile(readCounted(reading, pagename), {
        file: pagename.name,
        onBadLine,
        wants: (pageId) => keptPages.has(pageId),
        onName: take,
      }),
    ),
  );
}

async function* nothing(): AsyncGenerator<never[]> {}
