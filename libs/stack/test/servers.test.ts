import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { expect, inject, it } from 'vitest';

it('tests are given a PostgreSQL where they may create roles and schemas', async () => {
  const client = new pg.Client({ connectionString: inject('databaseUrl') });
  await client.connect();
  const { rows } = await client.query('select rolsuper from pg_roles where rolname = current_user');
  await client.end();
  expect(rows).toEqual([{ rolsuper: true }]);
});

it('tests are given a NATS with JetStream', async () => {
  const connection = await connect({ servers: inject('natsUrl') });
  const reply = await connection.request('$JS.API.INFO', '', { timeout: 2_000 });
  await connection.close();
  expect(reply.json()).toMatchObject({ type: 'io.nats.jetstream.api.v1.account_info_response' });
});
