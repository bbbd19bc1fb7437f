import { type GrantedSlots, type HostLimits, type SlotLedger, slotsToTake } from '@florilegium/bhl';
import { type Kysely, sql } from 'kysely';
import type { Schema } from '../schema.ts';

// A process that has not asked for so long is gone, and its share of the requests in flight goes to the others.
const visitorGoneMs = 15_000;
const visitorRefreshMs = 3000;

/**
 * The ledger of all replicas: one row for each host holds when the next request may start, and one row for each process that visits it.
 * Times are the database's; what comes back is relative. `inFlightMax` is shared out evenly among the visitors.
 */
export function hostSlotsRepo(
  kysely: Kysely<Schema>,
  visitor: string,
  limitsOf: (host: string) => HostLimits,
): SlotLedger {
  const visitorCounts = new Map<string, { count: number; refreshAt: number }>();

  async function visitorsOf(host: string): Promise<number> {
    const known = visitorCounts.get(host);
    if (known && performance.now() < known.refreshAt) return known.count;
    const { rows } = await sql<{ count: number }>`
      with gone as (delete from host_visitor where host = ${host} and visitor <> ${visitor}
        and seen_at < clock_timestamp() - ${visitorGoneMs} * interval '1 millisecond'),
      seen as (insert into host_visitor (host, visitor, seen_at) values (${host}, ${visitor}, clock_timestamp())
        on conflict (host, visitor) do update set seen_at = excluded.seen_at)
      select count(*)::int as count from host_visitor where host = ${host} and visitor <> ${visitor}
        and seen_at >= clock_timestamp() - ${visitorGoneMs} * interval '1 millisecond'`.execute(kysely);
    const count = rows[0]!.count + 1;
    visitorCounts.set(host, { count, refreshAt: performance.now() + visitorRefreshMs });
    return count;
  }

  return {
    takeSlots: async (host, wanted, waitMsMax): Promise<GrantedSlots> => {
      const { requestsPerSecond, inFlightMax: inFlightOfAll } = limitsOf(host);
      const inFlightMax = Math.max(1, Math.floor(inFlightOfAll / (await visitorsOf(host))));
      const spacingMs = 1000 / requestsPerSecond;
      const count = slotsToTake(wanted, requestsPerSecond);
      const takenMs = count * spacingMs;
      const { rows } = await sql<{ firstInMs: number }>`
        insert into host_slot as slot (host, next_at)
        values (${host}, clock_timestamp() + ${takenMs}::float8 * interval '1 millisecond')
        on conflict (host) do update
          set next_at = greatest(slot.next_at, clock_timestamp()) + ${takenMs}::float8 * interval '1 millisecond'
          where slot.next_at <= clock_timestamp() + ${waitMsMax}::float8 * interval '1 millisecond'
        returning (extract(epoch from next_at - clock_timestamp()) * 1000)::float8 - ${takenMs}::float8 as "firstInMs"`.execute(
        kysely,
      );
      if (rows[0]) return { firstInMs: Math.max(rows[0].firstInMs, 0), count, spacingMs, inFlightMax };
      const held = await sql<{ ms: number }>`
        select (extract(epoch from next_at - clock_timestamp()) * 1000)::float8 as ms from host_slot where host = ${host}`.execute(
        kysely,
      );
      return { firstInMs: Math.max(held.rows[0]?.ms ?? 0, 0), count: 0, spacingMs, inFlightMax };
    },
    holdBack: async (host, delayMs) => {
      await sql`
        insert into host_slot as slot (host, next_at)
        values (${host}, clock_timestamp() + ${delayMs}::float8 * interval '1 millisecond')
        on conflict (host) do update set next_at = greatest(slot.next_at, excluded.next_at)`.execute(kysely);
    },
  };
}
