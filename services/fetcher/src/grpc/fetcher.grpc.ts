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
import { reportCorruptImage } from '../usecases/report-corrupt-image.ts';
import { startFetchRun } from '../usecases/start-fetch-run.ts';
import { streamImages } from '../usecases/stream-images.ts';

export interface FetcherGrpcDeps {
  store: RootStore;
  catalog: CatalogClient;
  files: ImageFiles;
  log: Log;
}

export function fetcherGrpc(deps: FetcherGrpcDeps): FetcherServiceImplementation {
  return {
    startFetchRun: async ({ selection, size, startIndex, maxCount, idempotencyKey }) => {
      const request = {
        selection: selectionOf(selection),
        size: sizeOfContract(size),
        startIndex,
        maxCount,
        concurrency: 0,
      };
      return { fetchRun: toContractRun(await startFetchRun(deps, request, idempotencyKey || undefined)) };
    },
    getFetchRun: async ({ fetchRunId }) => ({ fetchRun: toContractRun(await findFetchRun(deps.store, fetchRunId)) }),
    cancelFetchRun: async ({ fetchRunId }) => ({ fetchRun: toContractRun(await cancelFetchRun(deps, fetchRunId)) }),
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
