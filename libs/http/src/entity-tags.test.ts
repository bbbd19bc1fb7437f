import { createAuthenticator } from '@florilegium/auth';
import { silentLog } from '@florilegium/log';
import { expect, it } from 'vitest';
import { createHttpApp } from './create-http-app.ts';
import { addEntityTags } from './entity-tags.ts';

it('answers 304 to who has the content already, and in full once it is another', async () => {
  const app = await createHttpApp({
    service: 'tags',
    title: '',
    description: '',
    authenticator: createAuthenticator({ required: false, keys: [] }),
    log: silentLog,
    readiness: {},
  });
  addEntityTags(app);
  let pages = 1;
  app.get('/v1/pages', { config: { role: 'viewer' } }, async () => ({ pages }));
  app.post('/v1/pages', { config: { role: 'viewer' } }, async () => ({ pages }));
  const get = (tag?: string) =>
    app.inject({ url: '/v1/pages', headers: tag === undefined ? {} : { 'if-none-match': tag } });

  const first = await get();
  expect(first.json()).toEqual({ pages: 1 });
  const tag = first.headers.etag as string;
  expect(tag).toMatch(/^W\/"[\w-]{27}"$/);
  for (const known of [tag, `"other", ${tag}`, tag.replace('W/', ''), '*']) {
    const again = await get(known);
    expect([again.statusCode, again.body, again.headers.etag]).toEqual([304, '', tag]);
  }
  pages = 2;
  const changed = await get(tag);
  expect([changed.statusCode, changed.json()]).toEqual([200, { pages: 2 }]);
  expect((await app.inject({ method: 'POST', url: '/v1/pages' })).headers.etag).toBeUndefined();
  expect((await app.inject('/v1/nothing')).headers.etag).toBeUndefined();
  expect((await app.inject('/livez')).headers.etag).toBeUndefined();
  await app.close();
});
