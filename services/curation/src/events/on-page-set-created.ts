import type { PageSetCreated } from '@florilegium/contracts/catalog/events';
import { type CopyPageSetsDeps, copyPageSet } from '../usecases/copy-page-sets.ts';

export const onPageSetCreated =
  (deps: CopyPageSetsDeps) =>
  async ({ name }: PageSetCreated): Promise<void> =>
    copyPageSet(deps, name);
