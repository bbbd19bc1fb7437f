import type { ImageSize } from '@florilegium/bhl';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { ImageKnowledge, StoredImage } from '../domain/image.ts';
import type { PageState } from '../domain/page-state.ts';
import type { ImageTable, Schema } from '../schema.ts';

/** How the search for a page's image ended. */
export type ImageEnding =
  | ({ state: 'stored' } & StoredImage)
  | {
      state: Exclude<PageState, 'stored' | 'pending'>;
      pageId: number;
      size: ImageSize;
      detail: string;
    };

export interface ImagesRepo {
  /** Keeps how the search ended for each page; nothing but a newer image takes the place of a stored one. */
  keepEndings(endings: readonly ImageEnding[]): Promise<void>;
  findImage(pageId: number, size: ImageSize): Promise<ImageKnowledge>;
  /** One entry for each id, in the order asked. */
  findImages(pageIds: readonly number[], size: ImageSize): Promise<ImageKnowledge[]>;
  /** What is known of a page at every size that a run has asked for. */
  findSizes(pageId: number): Promise<ImageKnowledge[]>;
  /** Stored images in the order of page and size, after the one given. */
  listStored(after: { pageId: number; size: string } | undefined, limit: number): Promise<StoredImage[]>;
  /** Of the hashes, those that are a stored image's. */
  findUsedHashes(hashes: readonly string[]): Promise<Set<string>>;
  /** A stored image, if it still has this hash, becomes corrupt; its bytes may be refused from then on. False when it has another hash. */
  withdrawImage(
    image: Pick<StoredImage, 'pageId' | 'size' | 'sha256'>,
    detail: string,
    options: { refuseBytes: boolean },
  ): Promise<boolean>;
}

export function imagesRepo(kysely: Kysely<Schema>): ImagesRepo {
  async function rowsOf(pageIds: readonly number[], size: ImageSize): Promise<Map<number, ImageKnowledge>> {
    const rows = await kysely
      .selectFrom('image')
      .selectAll()
      .where('size', '=', size)
      .where('page_id', '=', sql<number>`any(${pageIds}::int[])`)
      .execute();
    return new Map(rows.map((row) => [row.page_id, toKnowledge(row)]));
  }

  async function openPages(pageIds: readonly number[], size: ImageSize): Promise<Set<number>> {
    const open = await kysely
      .selectFrom('fetch_page')
      .innerJoin('fetch_run', 'fetch_run.id', 'fetch_page.run_id')
      .select('page_id')
      .distinct()
      .where('page_id', '=', sql<number>`any(${pageIds}::int[])`)
      .where('fetch_page.state', 'in', ['pending', 'retry_at'])
      .where('fetch_run.size', '=', size)
      .where('fetch_run.state', 'in', ['pending', 'running'])
      .execute();
    return new Set(open.map((row) => row.page_id));
  }

  async function findImages(pageIds: readonly number[], size: ImageSize): Promise<ImageKnowledge[]> {
    const known = await rowsOf(pageIds, size);
    const unsettled = pageIds.filter((pageId) => known.get(pageId)?.state !== 'stored');
    if (unsettled.length > 0) {
      // A run that is under way may still find what an earlier one did not.
      const open = await openPages(unsettled, size);
      // One that was open when its row was read and is not any more has ended between: its row is another now.
      const ended = unsettled.filter((pageId) => !open.has(pageId));
      const again = ended.length > 0 ? await rowsOf(ended, size) : new Map<number, ImageKnowledge>();
      for (const pageId of open)
        if (known.get(pageId)?.state !== 'retry_at') known.set(pageId, { state: 'pending', pageId, size, detail: '' });
      for (const [pageId, image] of again) {
        // Its run was cancelled, held or failed: nothing comes of it any more.
        if (image.state === 'retry_at') known.delete(pageId);
        else known.set(pageId, image);
      }
    }
    return pageIds.map((pageId) => known.get(pageId) ?? { state: 'unknown', pageId, size, detail: '' });
  }
  return {
    findImages,
    listStored: async (after, limit) => {
      let query = kysely
        .selectFrom('image')
        .selectAll()
        .where('state', '=', 'stored')
        .orderBy('page_id')
        .orderBy('size')
        .limit(limit);
      if (after) query = query.where(sql<boolean>`(page_id, size) > (${after.pageId}::int, ${after.size})`);
      return (await query.execute()).map(toKnowledge).filter((image) => image.state === 'stored');
    },
    findUsedHashes: async (hashes) => {
      const rows = await kysely
        .selectFrom('image')
        .select('sha256')
        .distinct()
        .where('state', '=', 'stored')
        .where('sha256', '=', sql<string>`any(${hashes}::text[])`)
        .execute();
      return new Set(rows.map((row) => row.sha256!));
    },
    findSizes: async (pageId) =>
      (await kysely.selectFrom('image').selectAll().where('page_id', '=', pageId).execute()).map(toKnowledge),
    findImage: async (pageId, size) => (await findImages([pageId], size))[0]!,
    keepEndings: async (endings) => {
      if (endings.length === 0) return;
      const rows = endings.map((ending) => {
        const image = ending.state === 'stored' ? ending : undefined;
        return {
          page_id: ending.pageId,
          size: ending.size,
          state: ending.state,
          detail: ending.state === 'stored' ? '' : ending.detail,
          sha256: image?.sha256 ?? null,
          format: image?.format ?? null,
          width: image?.width ?? null,
          height: image?.height ?? null,
          bytes: image?.bytes ?? null,
          source: image?.source ?? null,
          fetched_at: image?.fetchedAt ?? null,
          rejected_sha256: null,
        };
      });
      await kysely
        .insertInto('image')
        // In one order everywhere, so that two writers of the same pages wait for each other and never in a ring.
        .values(rows.sort((a, b) => a.page_id - b.page_id))
        .onConflict((conflict) =>
          conflict
            .columns(['page_id', 'size'])
            .doUpdateSet((eb) => ({
              state: eb.ref('excluded.state'),
              detail: eb.ref('excluded.detail'),
              sha256: eb.ref('excluded.sha256'),
              format: eb.ref('excluded.format'),
              width: eb.ref('excluded.width'),
              height: eb.ref('excluded.height'),
              bytes: eb.ref('excluded.bytes'),
              source: eb.ref('excluded.source'),
              fetched_at: eb.ref('excluded.fetched_at'),
            }))
            .where((eb) => eb.or([eb('image.state', '<>', 'stored'), eb('excluded.state', '=', 'stored')])),
        )
        .execute();
    },
    withdrawImage: async ({ pageId, size, sha256 }, detail, { refuseBytes }) => {
      const { numUpdatedRows } = await kysely
        .updateTable('image')
        .set({ state: 'corrupt', detail, ...(refuseBytes ? { rejected_sha256: sha256 } : {}) })
        .where('page_id', '=', pageId)
        .where('size', '=', size)
        .where('state', '=', 'stored')
        .where('sha256', '=', sha256)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
  };
}

function toKnowledge(row: Selectable<ImageTable>): ImageKnowledge {
  const { page_id: pageId, size, state } = row;
  if (state !== 'stored') return { state, pageId, size, detail: row.detail };
  // The table's check constraint holds these together.
  return {
    state,
    pageId,
    size,
    sha256: row.sha256!,
    format: row.format!,
    width: row.width!,
    height: row.height!,
    bytes: row.bytes!,
    source: row.source!,
    fetchedAt: row.fetched_at!,
  };
}
