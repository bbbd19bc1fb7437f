// What the backup script makes of tar's answers, with stand-ins for docker compose, pg_dump and tar; compose.full.ts runs it for real.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const script = fileURLToPath(new URL('../../deploy/compose-backup.sh', import.meta.url));

it('takes the files that are there, without what is being written', () => {
  const { status, folder, calls } = backUp({ tarStatus: 0 });
  expect(status).toBe(0);
  expect(readFileSync(join(folder, 'objects.tar'), 'utf8')).toBe('objects');
  expect(readFileSync(join(folder, 'florilegium.dump'), 'utf8')).toBe('dump');
  expect(calls).toContain('--exclude ./.cache --exclude ./.writing');
});

it('takes a file that changed meanwhile for none to worry about', () => {
  const { status, folder } = backUp({ tarStatus: 1 });
  expect(status).toBe(0);
  expect(existsSync(join(folder, 'objects.tar'))).toBe(true);
});

it.each([{ tarStatus: 2 }, { composeStatus: 1 }])(
  'fails and leaves no backup behind that is not whole: %j',
  (faults) => {
    const { status, folder } = backUp(faults);
    expect(status).not.toBe(0);
    expect(existsSync(join(folder, 'objects.tar'))).toBe(false);
    expect(existsSync(join(folder, 'florilegium.dump'))).toBe(false);
  },
);

/** Runs the script on a stack whose `exec -T <service>` runs the command here. */
function backUp({ tarStatus = 0, composeStatus = 0 }: { tarStatus?: number; composeStatus?: number }) {
  const work = mkdtempSync(join(tmpdir(), 'florilegium-backup-'));
  onTestFinished(() => rmSync(work, { recursive: true }));
  const program = (name: string, text: string) =>
    writeFileSync(join(work, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  program('pg_dump', 'printf dump');
  program('tar', `echo "$*" >>"${work}/calls"; printf objects; exit ${tarStatus}`);
  program(
    'compose',
    `case $3 in fetcher-api) [ ${composeStatus} = 0 ] || exit ${composeStatus};; esac; shift 3; exec "$@"`,
  );
  const folder = join(work, 'backup');
  const { status } = spawnSync('sh', [script, folder], {
    env: { ...process.env, COMPOSE: join(work, 'compose'), PATH: `${work}:${process.env.PATH}` },
  });
  const calls = existsSync(join(work, 'calls')) ? readFileSync(join(work, 'calls'), 'utf8') : '';
  return { status, folder, calls };
}
