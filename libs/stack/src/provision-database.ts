import { failedPrecondition, messageOf, unavailable } from '@florilegium/errors';
import pg from 'pg';

export interface ProvisionOptions {
  /** Of a user who may make roles and schemas, or at least schemas. */
  adminUrl: string;
  /** Role and schema names, one per service. */
  names: readonly string[];
  passwordOf: (name: string) => string;
  /** True for our own embedded server: its roles are ours to change. On somebody's server a role of that name may be another's. */
  owned: boolean;
  /** Of the data folder: the database is its alone, for what the rows tell of lies in the folder's objects. */
  installation: string;
  log: (line: string) => void;
}

/**
 * Makes a role and a schema for each name and gives the addresses to connect with, by name. Where the given user may not
 * make roles, or the role is there with another password, the given user serves with the schema of that name.
 * @throws failed_precondition or unavailable in one line, without the password of the address; failed_precondition also when the database
 *   belongs to another installation
 */
export async function provisionDatabase(options: ProvisionOptions): Promise<Record<string, string>> {
  const { adminUrl, names, passwordOf, owned, installation, log } = options;
  const url = owned ? await makeDatabase(adminUrl, 'florilegium') : adminUrl;
  const client = await connect(url);
  try {
    await claimDatabase(client, installation);
    const urls: Record<string, string> = {};
    for (const name of names) {
      const password = passwordOf(name);
      const roleUrl = withUser(url, name, password);
      if (await makeRole(client, { name, password, owned, roleUrl })) {
        await makeSchema(client, name, name);
        urls[name] = roleUrl;
      } else {
        log(`DATABASE_URL: no role of its own for ${name}, the given user serves with the schema ${name}`);
        await makeSchema(client, name, undefined);
        urls[name] = url;
      }
    }
    return urls;
  } finally {
    await client.end();
  }
}

/** The database remembers whose it is; one that was used before it could is taken for ours. */
async function claimDatabase(client: pg.Client, installation: string): Promise<void> {
  const table = await client.query(`select to_regclass('florilegium.installation') as found`);
  if (table.rows[0]?.found === null) {
    await makeSchema(client, 'florilegium', undefined);
    // Another user, given later for the same database, must be able to read it.
    await client.query(`
      create table florilegium.installation (
        is_only boolean primary key default true check (is_only),
        id text not null
      );
      grant usage on schema florilegium to public;
      grant select on florilegium.installation to public`);
    await client.query('insert into florilegium.installation (id) values ($1)', [installation]);
  }
  const { rows } = await client.query<{ id: string }>('select id from florilegium.installation');
  if (rows[0]?.id !== installation)
    throw failedPrecondition(
      `DATABASE_URL: the database ${client.database} on ${client.host} holds the job of another data folder: name that one by --data, or another database`,
    );
}

async function makeDatabase(adminUrl: string, name: string): Promise<string> {
  const client = await connect(adminUrl);
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${name}`);
  } finally {
    await client.end();
  }
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function makeRole(
  client: pg.Client,
  { name, password, owned, roleUrl }: { name: string; password: string; owned: boolean; roleUrl: string },
): Promise<boolean> {
  const role = pg.escapeIdentifier(name);
  const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [name]);
  if (rowCount !== 0 && !owned) return await canConnect(roleUrl);
  try {
    const verb = rowCount === 0 ? 'create' : 'alter';
    await client.query(`${verb} role ${role} login password ${pg.escapeLiteral(password)}`);
    // A superuser needs no membership to give a schema away, others do; PostgreSQL 16 and later let the maker of a role grant it.
    await client.query(`grant ${role} to current_user`);
    return true;
  } catch (error) {
    if (isDenied(error)) return false;
    throw error;
  }
}

async function makeSchema(client: pg.Client, name: string, owner: string | undefined): Promise<void> {
  const authorization = owner === undefined ? '' : `authorization ${pg.escapeIdentifier(owner)}`;
  try {
    await client.query(`create schema if not exists ${pg.escapeIdentifier(name)} ${authorization}`);
  } catch (error) {
    const { rowCount } = await client.query('select 1 from pg_namespace where nspname = $1', [name]);
    if (rowCount !== 0 && isDenied(error)) return;
    throw failedPrecondition(`DATABASE_URL: the schema ${name} cannot be made: ${messageOf(error)}`, { cause: error });
  }
}

function isDenied(error: unknown): boolean {
  return (error as { code?: string }).code === '42501';
}

/** A server that takes connections and answers nothing must not hold the start up for ever. */
const queryTimeoutMs = 30_000;

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    query_timeout: queryTimeoutMs,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    const { host } = new URL(url);
    throw unavailable(`DATABASE_URL: cannot connect to ${host}: ${messageOf(error) || 'no answer'}`, { cause: error });
  }
}

async function canConnect(url: string): Promise<boolean> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    query_timeout: queryTimeoutMs,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

function withUser(url: string, user: string, password: string): string {
  const changed = new URL(url);
  changed.username = encodeURIComponent(user);
  changed.password = encodeURIComponent(password);
  return changed.href;
}
