// Makes src/gen from proto/: messages and stubs by ts-proto, the role of every method, and the descriptor set that reflection serves.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const out = process.env.GENERATE_OUT ?? join(root, 'libs/contracts/src/gen');
const proto = join(root, 'proto');
const buf = (...args: string[]) =>
  execFileSync(join(root, 'node_modules/.bin/buf'), args, {
    cwd: proto,
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'inherit'],
  });

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
buf('lint');
const template = readFileSync(join(proto, 'buf.gen.yaml'), 'utf8').replace(
  '../libs/contracts/src/gen',
  out.replaceAll('\\', '/'),
);
buf('generate', '--include-imports', '--template', JSON.stringify(parseTemplate(template)));

// Type stripping takes `import type` only where it is written; ts-proto marks its type imports, so the output runs as it is.
const image = JSON.parse(buf('build', '-o', '-#format=json').toString()) as {
  file: {
    package: string;
    service?: { name: string; method: { name: string; options?: Record<string, unknown> }[] }[];
  }[];
};
const roles: Record<string, string> = {};
for (const file of image.file)
  for (const service of file.service ?? [])
    for (const method of service.method) {
      const path = `/${file.package}.${service.name}/${method.name}`;
      const role = method.options?.['[florilegium.auth.v1.role]'];
      if (typeof role !== 'string' || role === 'ROLE_UNSPECIFIED') throw new Error(`${path} names no role`);
      roles[path] = role.replace('ROLE_', '').toLowerCase();
    }
writeFileSync(
  join(out, 'roles.ts'),
  `// Made by libs/contracts/scripts/generate.ts from proto/: the role that each gRPC method needs.
export const methodRoles: Readonly<Record<string, 'viewer' | 'curator' | 'operator'>> = ${JSON.stringify(roles, null, 2)};\n`,
);
const descriptor = buf('build', '--as-file-descriptor-set', '-o', '-');
writeFileSync(
  join(out, 'descriptor-set.ts'),
  `// Made by libs/contracts/scripts/generate.ts from proto/: the FileDescriptorSet that server reflection answers from.
export const descriptorSetBase64 =\n  '${descriptor.toString('base64')}';\n`,
);
console.log(
  `generated ${readdirSync(out, { recursive: true }).filter((name) => String(name).endsWith('.ts')).length} files`,
);

/** The few forms of YAML that buf.gen.yaml uses, as the JSON that buf takes on its command line. */
function parseTemplate(yaml: string): unknown {
  const local = /local: (\[.*\])/.exec(yaml)?.[1];
  const target = /out: (.*)/.exec(yaml)?.[1];
  const opt = [...yaml.matchAll(/^ {6}- (.*)$/gm)].map((match) => match[1]);
  if (!local || !target) throw new Error('proto/buf.gen.yaml has no local plugin or no out folder');
  return { version: 'v2', plugins: [{ local: JSON.parse(local), out: target, strategy: 'all', opt }] };
}
