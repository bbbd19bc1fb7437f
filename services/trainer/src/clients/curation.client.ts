import { CurationServiceDefinition } from '@florilegium/contracts/curation';
import type { PageLabel } from '@florilegium/ensemble/arithmetic';
import { internal, invalidArgument } from '@florilegium/errors';
import { createRpcClient, type RpcClientOptions } from '@florilegium/rpc';

export interface LabelSet {
  pages: { pageId: number; label: PageLabel }[];
  sha256: string;
}

export interface CurationClient {
  /** Throws not_found for a set that is not known, invalid_argument for one with more than `pagesMax` pages. */
  readLabelSet(labelSetId: string, pagesMax: number, signal: AbortSignal): Promise<LabelSet>;
  close(): void;
}

const labels: Record<string, PageLabel> = { LABEL_HQ: 'HQ', LABEL_LQ: 'LQ', LABEL_NOT_SURE: 'NOT_SURE' };

export function curationClient(options: RpcClientOptions): CurationClient {
  const { client, close } = createRpcClient(CurationServiceDefinition, options);
  return {
    readLabelSet: async (labelSetId, pagesMax, signal) => {
      const set: LabelSet = { pages: [], sha256: '' };
      for await (const { pages, labelSetSha256 } of client.streamLabelSet({ labelSetId }, { signal })) {
        set.sha256 = labelSetSha256;
        for (const { pageId, label } of pages) {
          const known = labels[label];
          if (!known) throw internal(`label set ${labelSetId} holds the unknown label ${label} for page ${pageId}`);
          set.pages.push({ pageId, label: known });
        }
        if (set.pages.length > pagesMax) {
          throw invalidArgument(`label set ${labelSetId} has more than the ${pagesMax} pages that LABELS_MAX allows`);
        }
      }
      return set;
    },
    close,
  };
}
