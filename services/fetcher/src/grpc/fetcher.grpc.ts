import { imageMediaTypes } from '@florilegium/bhl';
import type {
  FetchRun as ContractRun,
  FetcherServiceImplementation,
  ImageInfo,
  StartFetchRunRequest,
} from '@florilegium/contracts/fetcher';
import { invalidArgument } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { CatalogClient } from '../clients/catalog.client.ts';
import type { ImageFiles } from '../clients/image-files.client.ts';
import { contractRunStateOf, contractSizeOf, contractStateOf, sizeOfContract } from '../contract-values.ts';
import { checkPageIds, type FetchRun, type PageSelection } from '../domain/fetch-run.ts';
import type { ImageKnowledge } from '../domain/image.ts';
import type { RootStore } from '../store.ts';
import { cancelFetchRun } from '../usecases/cancel-fetch-run.ts';
import { findFetchRun } from '../usecases/find-fetch-run.ts';
import { pauseFetchRun, resumeFetchRun } from '../usecases/pause-fetch-run.ts';
import { reportCorruptImage } from '../usecases/report-corrupt-image.ts';
import { retryFailedPages } from '../usecases/retry-failed-pages.ts';
import { startFetchRun } from '../usecases/start-fetch-run.ts';
import { startFetchRunOverIds } from '../usecases/start-fetch-run-over-ids.ts';
import { streamImages } from '../usecases/stream-images.ts';

export interface FetcherGrpcDeps {
  store: RootStore;
  catalog: CatalogClient;
  files: ImageFiles;
  log: Log;
  pagesPerBatch: number;
}

const idsPerMessageMax = 10_000;

export function fetcherGrpc(deps: FetcherGrpcDeps): FetcherServiceImplementation {
  return {
    startFetchRun: async ({ selection, size, startIndex, maxCount, concurrency, idempotencyKey }) => {
      const request = {
        selection: selectionOf(selection),
        size: sizeOfContract(size),
        startIndex,
        maxCount,
        concurrency,
      };
      return { fetchRun: toContractRun(await startFetchRun(deps, request, idempotencyKey || undefined)) };
    },
    startFetchRunOverIds: async (messages) => {
      const stream = messages[Symbol.asyncIterator]();
      const first = await stream.next();
      if (first.done) throw invalidArgument('no message came', { field: 'pageIds' });
      const { size, startIndex, maxCount, concurrency, idempotencyKey, pageIds } = first.value;
      const ids = (async function* () {
        yield checkMessage(pageIds);
        for (;;) {
          const next = await stream.next();
          if (next.done) return;
          yield checkMessage(next.value.pageIds);
        }
      })();
      const request = { size: sizeOfContract(size), startIndex, maxCount, concurrency };
      return { fetchRun: toContractRun(await startFetchRunOverIds(deps, request, ids, idempotencyKey || undefined)) };
    },
    getFetchRun: async ({ fetchRunId }) => ({ fetchRun: toContractRun(await findFetchRun(deps.store, fetchRunId)) }),
    cancelFetchRun: async ({ fetchRunId }) => ({ fetchRun: toContractRun(await cancelFetchRun(deps, fetchRunId)) }),
    pauseFetchRun: async ({ fetchRunId }) => ({ fetchRun: toContractRun(await pauseFetchRun(deps, fetchRunId)) }),
    resumeFetchRun: async ({ fetchRunId }) => ({ fetchRun: toContractRun(await resumeFetchRun(deps, fetchRunId)) }),
    retryFailedPages: async ({ fetchRunId }) => ({ fetchRun: toContractRun(await retryFailedPages(deps, fetchRunId)) }),
    getImageStates: async ({ pageIds, size }) => {
      checkPageIds(pageIds);
      const known = await deps.store.images.findImages(pageIds, sizeOfContract(size));
      return { images: known.map(toImageInfo) };
    },
    streamImages: async function* ({ pageIds, size, partBytesMax }) {
      if (partBytesMax < 0) throw invalidArgument('is below 0', { field: 'partBytesMax' });
      for await (const { image, content } of streamImages(deps, pageIds, sizeOfContract(size))) {
        const step = partBytesMax === 0 ? content.length : partBytesMax;
        const info = toImageInfo({ state: 'stored', ...image });
        for (let at = 0; at < content.length; at += step)
          yield { info: at === 0 ? info : undefined, content: content.subarray(at, at + step) };
      }
    },
    reportCorruptImage: async ({ pageId, size, sha256, reason }) => {
      await reportCorruptImage(deps, { pageId, size: sizeOfContract(size), sha256, reason });
      return {};
    },
  };
}

function checkMessage(pageIds: readonly number[]): readonly number[] {
  if (pageIds.length <= idsPerMessageMax) return pageIds;
  throw invalidArgument(`${pageIds.length} ids in a message, more than ${idsPerMessageMax}`, { field: 'pageIds' });
}

function selectionOf(selection: StartFetchRunRequest['selection']): PageSelection {
  switch (selection?.$case) {
    case 'pageSetId':
      return { kind: 'page-set', pageSetId: selection.value };
    case 'rule':
      return { kind: 'rule', rule: selection.value };
    case 'pageIds':
      return { kind: 'page-ids', pageIds: selection.value.pageIds };
    default:
      throw invalidArgument('one of page_set_id, rule and page_ids must be given', { field: 'selection' });
  }
}

function toContractRun(run: FetchRun): ContractRun {
  return {
    run: {
      id: run.id,
      state: contractRunStateOf(run.state),
      doneCount: run.storedCount + run.failedCount,
      totalCount: run.totalCount,
      reason: run.reason,
      createdAt: run.createdAt,
      startedAt: run.startedAt ?? undefined,
      endedAt: run.endedAt ?? undefined,
    },
    size: contractSizeOf(run.size),
    pageSetId: run.selection.kind === 'page-set' ? run.selection.pageSetId : '',
    rule: run.selection.kind === 'rule' ? run.selection.rule : '',
    storedCount: run.storedCount,
    failedCount: run.failedCount,
    bytes: run.bytes,
    concurrency: run.concurrency,
    idCount: run.selection.kind === 'id-list' ? run.selection.count : 0,
    pageCounts: {
      pending: Math.max(run.totalCount - run.storedCount - run.failedCount - run.countOf.retry_at, 0),
      retryAt: run.countOf.retry_at,
      stored: run.storedCount,
      missing: run.countOf.missing,
      placeholder: run.countOf.placeholder,
      corrupt: run.countOf.corrupt,
      blocked: run.countOf.blocked,
    },
  };
}

function toImageInfo(image: ImageKnowledge): ImageInfo {
  const stored = image.state === 'stored' ? image : undefined;
  return {
    pageId: image.pageId,
    state: contractStateOf(image.state),
    sha256: stored?.sha256 ?? '',
    mediaType: stored ? imageMediaTypes[stored.format] : '',
    width: stored?.width ?? 0,
    height: stored?.height ?? 0,
    bytes: stored?.bytes ?? 0,
    source: stored?.source ?? '',
    fetchedAt: stored?.fetchedAt,
    detail: image.state === 'stored' ? '' : image.detail,
  };
}
