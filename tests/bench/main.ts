// `npm run bench -- NAME [options]`: runs tests/bench/NAME.bench.ts. A bench is a file that exports `describe` (one line)
// and `run(args)`, which gives the exit status: 0 when every limit is kept.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Bench {
  describe: string;
  run(args: readonly string[]): Promise<number>;
}

const folder = fileURLToPath(new URL('.', import.meta.url));
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.slice(0, -'.bench.ts'.length))
  .sort();
const load = (name: string): Promise<Bench> => import(new URL(`${name}.bench.ts`, import.meta.url).href);

const [name, ...args] = process.argv.slice(2);
if (name !== undefined && names.includes(name)) process.exitCode = await (await load(name)).run(args);
else {
  console.error(name === undefined ? 'Which bench? npm run bench -- NAME' : `There is no bench ${name}.`);
  for (const known of names) console.error(`  ${known}: ${(await load(known)).describe}`);
  process.exitCode = 2;
}
