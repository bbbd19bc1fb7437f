// The rules of the house that a machine can hold: who may import whom, where the environment and SQL are read, where truth is opened.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const services = ['catalog', 'fetcher', 'inference', 'curation', 'trainer'] as const;

interface Source {
  path: string;
  text: string;
  imports: string[];
}

const sources: Source[] = ['libs', 'services', 'tests', 'scripts']
  .flatMap((top) => walk(join(root, top)))
  .map((path) => {
    const text = readFileSync(path, 'utf8');
    const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map((match) => match[1]!);
    return { path: relative(root, path).split(sep).join('/'), text, imports };
  });

function walk(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return ['node_modules', 'gen', 'dist', 'web'].includes(entry.name) ? [] : walk(path);
    return /\.(ts|mjs)$/.test(entry.name) ? [path] : [];
  });
}

const isTest = (path: string) => /\.test\.ts$|\/test\/|^tests\//.test(path);
const code = sources.filter(({ path }) => !isTest(path));
/** Files, as `path: what is wrong`, so that a failure reads as a list of places. */
const faults = (list: readonly Source[], find: (source: Source) => string | undefined | false) =>
  list.flatMap((source) => {
    const fault = find(source);
    return fault ? [`${source.path}: ${fault}`] : [];
  });

/** The folder under src that a relative import of a service leads into. */
function layerOf(service: string, from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const target = relative(join(root, 'services', service, 'src'), resolve(root, dirname(from), specifier)).split(sep);
  return target[0] === '..' ? undefined : target.length > 1 ? target[0] : '.';
}

/** The package that a file belongs to: a service, a lib, or the folder of tests or scripts. */
const packageOf = (path: string) =>
  path
    .split('/')
    .slice(0, /^(services|libs)\//.test(path) ? 2 : 1)
    .join('/');

/** What a relative import leads to, from the root of the house. */
const targetOf = (from: string, specifier: string) =>
  relative(root, resolve(root, dirname(from), specifier))
    .split(sep)
    .join('/');

describe('architecture', () => {
  it('sees the whole house', () => {
    for (const service of services)
      expect(
        code.some(({ path }) => path === `services/${service}/src/main.ts`),
        service,
      ).toBe(true);
    expect(sources.length).toBeGreaterThan(100);
  });

  it('lets no service import another, nor the stack, the simulated things or the command line', () => {
    expect(
      faults(code, ({ path, imports }) => {
        const service = /^services\/([^/]+)\//.exec(path)?.[1];
        return (
          service &&
          imports.find((name) =>
            /^@florilegium\/(catalog|fetcher|inference|curation|trainer|stack|simulated|cli)(\/|$)/.test(name),
          )
        );
      }),
    ).toEqual([]);
  });

  it('lets no lib import a service', () => {
    expect(
      faults(
        sources,
        ({ path, imports }) =>
          /^libs\//.test(path) &&
          imports.find((name) => /^@florilegium\/(catalog|fetcher|inference|curation|trainer)(\/|$)/.test(name)),
      ),
    ).toEqual([]);
  });

  it('lets services and libs reach each other by name only, never by path', () => {
    expect(
      faults(
        sources,
        ({ path, imports }) =>
          /^(services|libs)\//.test(path) &&
          imports.find((name) => {
            const target = name.startsWith('.') ? packageOf(targetOf(path, name)) : packageOf(path);
            // Tests may make again what a script makes.
            return target !== packageOf(path) && !(target === 'scripts' && isTest(path));
          }),
      ),
    ).toEqual([]);
  });

  it('lets a service call only services to its left', () => {
    expect(
      faults(code, ({ path, imports }) => {
        const index = services.indexOf(/^services\/([^/]+)\//.exec(path)?.[1] as (typeof services)[number]);
        if (index < 0) return undefined;
        const right = services.slice(index + 1);
        return imports.find((name) => right.some((service) => name === `@florilegium/contracts/${service}`));
      }),
    ).toEqual([]);
  });

  it('keeps the arrows: edges to use cases to domain', () => {
    const mayImport: Record<string, readonly string[]> = {
      domain: ['domain'],
      usecases: ['usecases', 'domain', 'metrics.ts', 'embedding', 'heads', 'networks', 'training'],
      repos: ['repos', 'domain', 'schema.ts'],
      clients: ['clients', 'domain', 'embedding', 'training'],
    };
    expect(
      faults(code, ({ path, text }) => {
        const match = /^services\/([^/]+)\/src\/(domain|usecases|repos|clients)\//.exec(path);
        if (!match) return undefined;
        const [, service, layer] = match as unknown as [string, string, string];
        // A use case may name the types of repos and clients; it is given the values.
        for (const [, typeOnly, specifier] of text.matchAll(
          /^(?:import|export)\s+(type\s)?[^'"]*?from\s+['"]([^'"]+)['"]/gm,
        )) {
          const target = layerOf(service, path, specifier!);
          if (!target || target === '.' || mayImport[layer]!.includes(target)) continue;
          if (layer === 'usecases' && typeOnly && ['repos', 'clients'].includes(target)) continue;
          return `imports ${specifier}`;
        }
        return undefined;
      }),
    ).toEqual([]);
  });

  it('keeps domain files free of databases, queues, web servers and TensorFlow', () => {
    expect(
      faults(
        code,
        ({ path, imports }) =>
          /^services\/[^/]+\/src\/domain\//.test(path) &&
          imports.find((name) =>
            /kysely|^pg|nats|fastify|nice-grpc|@florilegium\/(db|messaging|work|rpc|http)|tensorflow|onnxruntime/.test(
              name,
            ),
          ),
      ),
    ).toEqual([]);
  });

  it('reads the environment only in config.ts of a service and at the edges of programs', () => {
    const edges =
      /^services\/[^/]+\/src\/config\.ts$|^libs\/(stack|cli|gateway)\/|^libs\/(simulated|messaging)\/src\/[a-z-]+-main\.ts$|^scripts\/|^libs\/contracts\/scripts\//;
    expect(
      faults(code, ({ path, text }) => !edges.test(path) && /process\.env/.test(text) && 'reads process.env'),
    ).toEqual([]);
  });

  it('keeps SQL in repos and migrations', () => {
    const sqlHome =
      /^services\/[^/]+\/(migrations\/|src\/repos\/|src\/store\.ts|src\/schema\.ts)|\.repo\.ts$|^libs\/(db|work|stack)\//;
    expect(
      faults(
        code,
        ({ path, text }) =>
          !sqlHome.test(path) &&
          /\bsql(<[^`]*>)?`|\.(selectFrom|insertInto|updateTable|deleteFrom)\(/.test(text) &&
          'holds SQL',
      ),
    ).toEqual([]);
  });

  it('opens truth only in the simulated library and in tests/evaluate', () => {
    const home =
      /^libs\/simulated\/|^tests\/evaluate\/|^tests\/architecture\.test\.ts$|^tests\/(ui\/ui-stack|whole-run\/reference-readme\.test)\.ts$/;
    // The last two play a person at the keys, who knows what is on the page.
    expect(
      faults(
        sources,
        ({ path, text }) => !home.test(path) && /readTruth|truth\.csv/.test(text) && 'opens the truth of a library',
      ),
    ).toEqual([]);
  });

  it('names what is simulated, and keeps it out of services', () => {
    expect(
      faults(
        code,
        ({ path, text }) => /^services\//.test(path) && /simulated(?! BHL)/i.test(text) && 'speaks of simulated things',
      ),
    ).toEqual([]);
  });

  it('exports by name only, and has no vague file names', () => {
    expect(
      faults(code, ({ path, text }) => !/vite\.config/.test(path) && /^export default/m.test(text) && 'default export'),
    ).toEqual([]);
    expect(
      faults(
        sources,
        ({ path }) => /(^|\/|-)(utils?|helpers?|common|misc|manager|processor)(-|\.|\/)/.test(path) && 'vague name',
      ),
    ).toEqual([]);
    expect(
      faults(
        sources,
        ({ path }) => !/^[a-z0-9./-]+$/.test(path) && !/\/migrations\/\d{8}T\d{4}-/.test(path) && 'not kebab-case',
      ),
    ).toEqual([]);
  });

  it('gives every lib and service a README', () => {
    const packages = [
      ...readdirSync(join(root, 'libs')).map((name) => `libs/${name}`),
      ...services.map((name) => `services/${name}`),
    ];
    expect(packages.filter((dir) => !readdirSync(join(root, dir)).includes('README.md'))).toEqual([]);
  });
});
