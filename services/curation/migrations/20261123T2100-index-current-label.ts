import { type Kysely, sql } from 'kysely';

/**
 * The current label by one walk over an index that holds each page's newest event first: a page of labels, or the labels of a page,
 * then cost what they hold, whatever the planner believes of the table.
 */
export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql`create index label_event_newest on label_event (page_id, id desc)`.execute(kysely);
  await sql`drop index label_event_by_page`.execute(kysely);
  await sql`
    create or replace view current_label as
      select distinct on (event.page_id) event.id, event.page_id, event.label, event.by, event.at, event.queue
      from standing_label_event event order by event.page_id, event.id desc`.execute(kysely);
}
