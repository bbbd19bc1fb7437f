import { type Kysely, sql } from 'kysely';

/**
 * A label event is stamped when it is written. `now()` is the start of its transaction, which may have waited for a freeze or an import: the event
 * would carry a time before events of lower ids, and what was current at that time would change afterwards. Writers hold the label lock by then, so
 * an event is never stamped before one that a holder of it alone has written. Two that write side by side may be microseconds apart in either order,
 * and an event is seen when its transaction ends, milliseconds after its time.
 */
export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql.raw('alter table label_event alter at set default clock_timestamp()').execute(kysely);
}
