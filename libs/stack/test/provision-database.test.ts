import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { provisionDatabase } from '../src/provision-database.ts';

// Roles belong to the whole server, which other tests share.
const suffix = randomBytes(4).toString('hex');
const [database, role, schema, makerless, maker] = ['db', 'role', 'schema', 'makerless', 'maker'].map(
  (name) => `stack_${name}_${suffix}`,
) as [string, string, string, string, string];

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const asUser = (url: string, user: string, password: string) => {
  const changed = new URL(url);
  changed.username = user;
  changed.password = password;
  return changed.href;
};

let url: string;
beforeAll(async () => {
  await query(inject('databaseUrl'), `create database ${database}`);
  const own = new URL(inject('databaseUrl'));
  own.pathname = `/${database}`;
  url = own.href;
  await query(url, `create role ${makerless} login password 'p'; grant create on database ${database} to ${makerless}`);
  await query(
    url,
    `create role ${maker} login createrole password 'p'; grant create on database ${database} to ${maker}`,
  );
});
afterAll(async () => {
  await query(inject('databaseUrl'), `drop database ${database} with (force)`);
  for (const name of [role, `${role}_2`, makerless, maker]) {
    await query(inject('databaseUrl'), `drop role if exists ${name}`);
  }
});

const provision = (
  adminUrl: string,
  names: string[],
  password = 'secret/ä',
  lines: string[] = [],
  installation = 'ours',
) =>
  provisionDatabase({
    adminUrl,
    names,
    passwordOf: () => password,
    owned: false,
    installation,
    log: (line) => lines.push(line),
  });

it('makes a role with a schema of its name, and finds them again', async () => {
  for (const _ of [1, 2]) {
    const urls = await provision(url, [role]);
    expect(await query(urls[role]!, 'select current_user as "user"')).toEqual([{ user: role }]);
    await query(urls[role]!, `create table if not exists ${role}.page (id int)`);
  }
});

it('never changes the password of a role on a server that is not ours', async () => {
  const lines: string[] = [];
  const urls = await provision(url, [role], 'other', lines);
  expect(urls[role]).toBe(url);
  expect(lines).toEqual([
    `DATABASE_URL: no role of its own for ${role}, the given user serves with the schema ${role}`,
  ]);
  const still = await provision(url, [role]);
  expect(new URL(still[role]!).username).toBe(role);
});

it('lets a user who may make roles, but is no superuser, make them', async () => {
  const urls = await provision(asUser(url, maker, 'p'), [`${role}_2`]);
  expect(new URL(urls[`${role}_2`]!).username).toBe(`${role}_2`);
  await query(urls[`${role}_2`]!, `create table ${role}_2.page (id int)`);
});

it('serves with the given user where that may make schemas only', async () => {
  const given = asUser(url, makerless, 'p');
  const urls = await provision(given, [schema]);
  expect(urls[schema]).toBe(given);
  await query(given, `create table ${schema}.page (id int)`);
});

it('says which schema cannot be made', async () => {
  await query(url, `revoke create on database ${database} from ${makerless}`);
  await expect(provision(asUser(url, makerless, 'p'), [`${schema}_2`])).rejects.toThrow(
    `DATABASE_URL: the schema ${schema}_2 cannot be made: permission denied`,
  );
});

it('serves one data folder alone', async () => {
  await expect(provision(url, [role], undefined, [], 'another')).rejects.toThrow(
    /^DATABASE_URL: the database stack_db_\w+ on \S+ holds the job of another data folder: name that one by --data, or another database$/,
  );
});
