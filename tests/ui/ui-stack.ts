// The whole stack on the sample library, and a browser in front of it: what all tests of the web UI share.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readTruth, type TruthLabel } from '@florilegium/simulated';
import { prepareChromium, type RunningStack, servicePrograms, startStack } from '@florilegium/stack';
import { type Browser, chromium } from 'playwright-core';
import { sampleLibrary } from '../deploy/tools.ts';

export interface UiStack {
  url: string;
  /** What a person types as the source of the import. */
  exportUrl: string;
  truth: Map<number, TruthLabel>;
  browser: Browser;
  get<Answer>(path: string): Promise<Answer>;
  stop(): Promise<void>;
}

export async function startUiStack(log: (line: string) => void = () => {}): Promise<UiStack> {
  const dir = await mkdtemp(join(tmpdir(), 'florilegium-ui-'));
  // PostgreSQL may run as another user, who must be able to pass through.
  await chmod(dir, 0o755);
  const stops: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true, maxRetries: 20 })];
  const stop = async () => {
    for (const one of stops.toReversed()) await one();
  };
  try {
    const library = await sampleLibrary();
    const stack: RunningStack = await startStack({
      dataDir: join(dir, 'data'),
      gatewayPort: 0,
      durable: false,
      programs: [
        {
          name: 'simulated-bhl',
          main: fileURLToPath(new URL('../../libs/simulated/src/simulated-bhl-main.ts', import.meta.url)),
          env: { LIBRARY: library },
          readyPath: '/images/image_not_found.jpg',
        },
        ...servicePrograms,
      ],
      // What the browser sees must not hang on a download.
      env: { FLORILEGIUM_OFFLINE: '1', FLORILEGIUM_MODELS: '' },
      programEnv: (urls) => {
        const url = urls['simulated-bhl']!;
        const limits = { baseUrl: url, requestsPerSecond: 500, inFlightMax: 32 };
        return {
          catalog: { IMPORT_HOSTS: new URL(url).host },
          fetcher: {
            SOURCES: JSON.stringify([
              { name: 'simulated-bucket', addressing: 'bucket', ...limits },
              { name: 'simulated-bhl', addressing: 'pageimage', ...limits },
            ]),
          },
        };
      },
      log,
    });
    stops.push(() => stack.stop());
    const executablePath = await prepareChromium(log);
    // As root Chromium has no sandbox; it opens nothing but this machine's own pages.
    const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
    stops.push(() => browser.close());
    return {
      url: stack.gatewayUrl,
      exportUrl: stack.serviceUrls['simulated-bhl']!,
      truth: await readTruth(library),
      browser,
      get: async <Answer>(path: string) => (await (await fetch(`${stack.gatewayUrl}${path}`)).json()) as Answer,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
