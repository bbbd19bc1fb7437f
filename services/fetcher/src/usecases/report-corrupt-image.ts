import type { ImageSize } from '@florilegium/bhl';
import { invalidArgument } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import { checkPageIds } from '../domain/fetch-run.ts';
import type { Store } from '../store.ts';

/** A reader could not decode a stored image: its page becomes corrupt and these bytes are refused from then on. A report on other bytes changes nothing. */
export async function reportCorruptImage(
  { store, log }: { store: Pick<Store, 'images'>; log: Log },
  report: { pageId: number; size: ImageSize; sha256: string; reason: string },
): Promise<void> {
  const { pageId, size, sha256 } = report;
  checkPageIds([pageId]);
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw invalidArgument('not a SHA-256 in hex', { field: 'sha256' });
  const reason = `cannot be decoded: ${report.reason.slice(0, 500) || 'no reason given'}`;
  const withdrawn = await store.images.withdrawImage({ pageId, size, sha256 }, reason, { refuseBytes: true });
  if (withdrawn) log.warn({ pageId, size, sha256, reason }, 'image reported as corrupt');
}
