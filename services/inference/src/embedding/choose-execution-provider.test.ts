import { silentLog } from '@florilegium/log';
import { expect, it } from 'vitest';
import { chooseExecutionProvider } from './choose-execution-provider.ts';
import { recipeOf } from './embedding-recipe.ts';
import { tinyBackbone } from './tiny-backbone.fixture.ts';

const chosen = { recipe: recipeOf(tinyBackbone), file: 'tiny.onnx', canEmbed: true, note: '' };

it('takes CUDA where the backbone runs on it', async () => {
  const tried: string[] = [];
  const tryOut = async (_manifest: unknown, _file: string, provider: string) => void tried.push(provider);
  expect(await chooseExecutionProvider('cuda', chosen, tryOut, silentLog)).toEqual({
    executionProvider: 'cuda',
    note: '',
  });
  expect(tried).toEqual(['cuda']);
});

it('falls back to the CPU and says why', async () => {
  const tryOut = () => Promise.reject(new Error('no CUDA libraries\n at somewhere'));
  expect(await chooseExecutionProvider('cuda', chosen, tryOut, silentLog)).toEqual({
    executionProvider: 'cpu',
    note: 'EXECUTION_PROVIDER=cuda cannot be used (no CUDA libraries); the CPU embeds',
  });
});

it('tries nothing for the CPU, nor for classic', async () => {
  const tryOut = () => Promise.reject(new Error('tried'));
  const none = { executionProvider: 'cpu', note: '' };
  expect(await chooseExecutionProvider('cpu', chosen, tryOut, silentLog)).toEqual(none);
  const classic = { ...chosen, recipe: recipeOf(undefined), file: undefined };
  expect(await chooseExecutionProvider('cuda', classic, tryOut, silentLog)).toEqual(none);
});
