import type { TxStore } from '../store.ts';

/**
 * Does a piece of labelling once: the same key of the same person answers with what the first request did.
 * @param request what was asked for, as JSON
 * @throws already_exists when the key was used for another request
 */
export async function answerOnce<Result>(
  tx: TxStore,
  { by, key, request }: { by: string; key: string | undefined; request: unknown },
  work: () => Promise<Result>,
): Promise<{ result: Result; isRepeated: boolean }> {
  if (key === undefined) return { result: await work(), isRepeated: false };
  await tx.labels.lockRequest(by, key);
  const before = await tx.labels.findRequest<Result>(by, key, request);
  if (before) return { result: before, isRepeated: true };
  const result = await work();
  await tx.labels.addRequest(by, key, result, request);
  return { result, isRepeated: false };
}
