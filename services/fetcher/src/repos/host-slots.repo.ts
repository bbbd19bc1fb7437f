import { type GrantedShare, type GrantedSlots, type HostLimits, type SlotLedger, slotsToTake } from '@florilegium/bhl';
import { type Kysely, sql } from 'kysely';
import type { Schema } from '../schema.ts';

// A process that has not renewed its share for so long is gone, and the others take it.
const visitorGoneMs = 10_000;
const shareGoodForMs = 1000;
// Where there are more processes than requests in flight, each holds one for so long and then passes it on.
const turnMs = 1000;

/**
 * The ledger of all replicas: one row for each host holds when the next request may start, and one row for each process that visits it holds its
 * share of the requests in flight. Times are the database's; what comes back is relative.
 */
export function hostSlotsRepo(
  kysely: Kysely<Schema>,
  visitor: string,
  limitsOf: (host: string) => HostLimits,
): SlotLedger {
  return {
    takeShare: (host, wanted, inFlight): Promise<GrantedShare> =>
      kysely.transaction().execute(async (tx) => {
        // One after the other, so that the sum of the shares is seen before it is added to.
        await sql`select pg_advisory_xact_lock(hashtextextended(${`share ${host}`}, 0))`.execute(tx);
        await sql`delete from host_visitor where host = ${host} and visitor <> ${visitor}
          and seen_at < clock_timestamp() - ${visitorGoneMs} * interval '1 millisecond'`.execute(tx);
        const { rows } = await sql<{ taken: number; others: number; hungry: number; mine: number; heldMs: number }>`
          select coalesce(sum(in_flight_max) filter (where visitor <> ${visitor}), 0)::int as taken,
            (count(*) filter (where visitor <> ${visitor}))::int as others,
            (count(*) filter (where visitor <> ${visitor} and in_flight_max = 0))::int as hungry,
            coalesce(max(in_flight_max) filter (where visitor = ${visitor}), 0)::int as mine,
            coalesce(max(extract(epoch from clock_timestamp() - granted_at) * 1000) filter (where visitor = ${visitor}), 0)::float8 as "heldMs"
          from host_visitor where host = ${host}`.execute(tx);
        const { taken, others, hungry, mine, heldMs } = rows[0]!;
        const { inFlightMax } = limitsOf(host);
        const fair = Math.ceil(inFlightMax / (others + 1));
        const isTurnOver = fair === 1 && hungry > 0 && mine > 0 && heldMs > turnMs;
        const share = isTurnOver ? 0 : Math.max(Math.min(wanted, fair, inFlightMax - taken), 0);
        // What is under way counts until it has ended.
        const counted = Math.max(share, inFlight);
        await sql`
          insert into host_visitor as own (host, visitor, seen_at, in_flight_max, granted_at)
          values (${host}, ${visitor}, clock_timestamp(), ${counted}, clock_timestamp())
          on conflict (host, visitor) do update set seen_at = excluded.seen_at, in_flight_max = excluded.in_flight_max,
            granted_at = case when own.in_flight_max = 0 then excluded.granted_at else own.granted_at end`.execute(tx);
        if (isTurnOver) return { inFlightMax: 0, goodForMs: turnMs / 2 };
        const isSettled = share > 0 && counted === share && share >= Math.min(wanted, fair);
        return { inFlightMax: share, goodForMs: isSettled ? shareGoodForMs : 100 + Math.random() * 100 };
      }),
    giveBackShare: async (host) => {
      await sql`delete from host_visitor where host = ${host} and visitor = ${visitor}`.execute(kysely);
    },
    takeSlots: async (host, wanted, waitMsMax): Promise<GrantedSlots> => {
      const { requestsPerSecond } = limitsOf(host);
      if (requestsPerSecond === Number.POSITIVE_INFINITY) return { firstInMs: 0, count: wanted, spacingMs: 0 };
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
      if (rows[0]) return { firstInMs: Math.max(rows[0].firstInMs, 0), count, spacingMs };
      const held = await sql<{ ms: number }>`
        select (extract(epoch from next_at - clock_timestamp()) * 1000)::float8 as ms from host_slot where host = ${host}`.execute(
        kysely,
      );
      return { firstInMs: Math.max(held.rows[0]?.ms ?? 0, 0), count: 0, spacingMs };
    },
    holdBack: async (host, delayMs) => {
      await sql`
        insert into host_slot as slot (host, next_at)
        values (${host}, clock_timestamp() + ${delayMs}::float8 * interval '1 millisecond')
        on conflict (host) do update set next_at = greatest(slot.next_at, excluded.next_at)`.execute(kysely);
    },
  };
}
