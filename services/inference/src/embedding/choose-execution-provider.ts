import { messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { BackboneManifest, ExecutionProvider } from './backbones.ts';
import type { ChosenBackbone } from './choose-backbone.ts';

export interface ChosenExecutionProvider {
  executionProvider: ExecutionProvider;
  /** Why it is not the one that was asked for; empty when it is. */
  note: string;
}

/**
 * What the backbone runs on. CUDA that cannot be used (no GPU, no CUDA libraries, an ONNX Runtime without them) is passed over for the CPU,
 * and said: pages are embedded all the same, only more slowly.
 */
export async function chooseExecutionProvider(
  wish: ExecutionProvider,
  { recipe, file }: ChosenBackbone,
  tryOut: (manifest: BackboneManifest, file: string, executionProvider: ExecutionProvider) => Promise<void>,
  log: Log,
): Promise<ChosenExecutionProvider> {
  if (wish === 'cpu' || !recipe.backbone || !file) return { executionProvider: 'cpu', note: '' };
  try {
    await tryOut(recipe.backbone, file, wish);
    log.info({ executionProvider: wish }, 'execution provider chosen');
    return { executionProvider: wish, note: '' };
  } catch (error) {
    const note = `EXECUTION_PROVIDER=${wish} cannot be used (${messageOf(error).split('\n', 1)[0]}); the CPU embeds`;
    log.warn({ executionProvider: 'cpu', note }, 'execution provider chosen');
    return { executionProvider: 'cpu', note };
  }
}
