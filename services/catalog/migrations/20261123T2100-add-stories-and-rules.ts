import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  // kept_by: the row tests of the rules whose rows the import kept. staged: what a running import has staged for good.
  await sql`
    alter table import
      add column with_names boolean not null default false,
      add column phase text not null default '',
      add column bytes_per_second double precision not null default 0,
      add column rows_per_second double precision not null default 0,
      add column kept_by jsonb not null default '[]',
      add column staged jsonb`.execute(kysely);
  await sql`alter table item add column reuse text not null default 'unknown'`.execute(kysely);
  await sql`alter table title add column creators text not null default ''`.execute(kysely);
  // The reservoir is listed by PageID among millions of others.
  await sql`create index page_reservoir on page (page_id) where kept_as = 'reservoir'`.execute(kysely);
  await sql`
    create table part (
      part_id integer primary key,
      title text not null,
      container_title text not null,
      date text not null,
      page_range text not null,
      rights_status text not null,
      rights_statement text not null,
      license_name text not null,
      license_url text not null,
      rights_holder text not null,
      reuse text not null
    )`.execute(kysely);
  await sql`
    create table page_part (
      page_id integer not null,
      part_id integer not null,
      primary key (page_id, part_id)
    )`.execute(kysely);
  await sql`
    create table page_name (
      page_id integer primary key,
      names text[] not null
    )`.execute(kysely);
}
