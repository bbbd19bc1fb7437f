import { describe, expect, it } from 'vitest';
import { createHostGate, createMemoryLedger, type HostGate, type HostLimits, type SlotLedger } from './image-gate.ts';

const gateWith = (limits: HostLimits) => createHostGate(createMemoryLedger(() => limits));

async function start(gate: HostGate, host = 'a', waitMsMax = 5000): Promise<number> {
  const passage = await gate.enter(host, { waitMsMax });
  if (passage.kind !== 'go') throw new Error('no passage');
  const at = performance.now();
  passage.leave();
  return at;
}

describe('rate', () => {
  it('spaces starts evenly and never above the limit, however many ask at once', async () => {
    const gate = gateWith({ requestsPerSecond: 100, inFlightMax: 50 });
    const starts = await Promise.all(Array.from({ length: 40 }, () => start(gate)));
    const span = starts.at(-1)! - starts[0]!;
    // 39 intervals of 10 ms; a late timer may take some off the last one.
    expect(span).toBeGreaterThan(360);
    expect(span).toBeLessThan(1200);
    for (let i = 10; i < starts.length; i++) expect(starts[i]! - starts[i - 10]!).toBeGreaterThan(60);
  });

  it('does not save up starts while nobody asks', async () => {
    const gate = gateWith({ requestsPerSecond: 50, inFlightMax: 50 });
    await start(gate);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const starts = await Promise.all(Array.from({ length: 6 }, () => start(gate)));
    expect(starts[5]! - starts[0]!).toBeGreaterThan(70);
  });

  it('of one host does not hold up another', async () => {
    const gate = gateWith({ requestsPerSecond: 1, inFlightMax: 5 });
    await start(gate, 'slow');
    const before = performance.now();
    expect((await start(gate, 'other')) - before).toBeLessThan(200);
  });
});

describe('in flight', () => {
  it('lets no more in than the limit, and the next when one leaves', async () => {
    const gate = gateWith({ requestsPerSecond: 1000, inFlightMax: 2 });
    let inFlight = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 12 }, async () => {
        const passage = await gate.enter('a', { waitMsMax: 5000 });
        most = Math.max(most, ++inFlight);
        await new Promise((resolve) => setTimeout(resolve, 10));
        inFlight--;
        if (passage.kind === 'go') passage.leave();
      }),
    );
    expect(most).toBe(2);
    expect(gate.counts()).toEqual([{ host: 'a', inFlight: 0, waiting: 0 }]);
  });
});

describe('waiting', () => {
  it('ends with "later" at once when the host is held back for longer', async () => {
    const gate = gateWith({ requestsPerSecond: 1000, inFlightMax: 2 });
    await gate.holdBack('a', 60_000);
    const before = performance.now();
    const passage = await gate.enter('a', { waitMsMax: 1000 });
    expect(passage.kind === 'later' && passage.retryAfterMs).toBeGreaterThan(59_000);
    expect(performance.now() - before).toBeLessThan(100);
  });

  it('lasts until the hold ends when that is near', async () => {
    const gate = gateWith({ requestsPerSecond: 1000, inFlightMax: 2 });
    await gate.holdBack('a', 150);
    const before = performance.now();
    await start(gate);
    expect(performance.now() - before).toBeGreaterThan(140);
  });

  it('ends with "later" when nobody leaves in time', async () => {
    const gate = gateWith({ requestsPerSecond: 1000, inFlightMax: 1 });
    await gate.enter('a', { waitMsMax: 100 });
    expect(await gate.enter('a', { waitMsMax: 50 })).toMatchObject({ kind: 'later' });
  });

  it('ends when its signal aborts, and those behind go on', async () => {
    const gate = gateWith({ requestsPerSecond: 5, inFlightMax: 5 });
    await start(gate);
    const abort = new AbortController();
    const given = expect(gate.enter('a', { waitMsMax: 5000, signal: abort.signal })).rejects.toThrow('enough');
    const behind = start(gate);
    abort.abort(new Error('enough'));
    await given;
    await behind;
    expect(() => gate.enter('a', { waitMsMax: 1, signal: abort.signal })).toThrow('enough');
  });
});

describe('a ledger that is far away', () => {
  const memory = createMemoryLedger(() => ({ requestsPerSecond: 100, inFlightMax: 50 }));

  it('that answers slowly every time still lets requests through', async () => {
    const slow: SlotLedger = {
      ...memory,
      takeSlots: async (...given) => {
        await new Promise((resolve) => setTimeout(resolve, 80));
        return await memory.takeSlots(...given);
      },
    };
    const gate = createHostGate(slow);
    const began = performance.now();
    await Promise.all(Array.from({ length: 20 }, () => start(gate)));
    expect(performance.now() - began).toBeLessThan(3000);
  });

  it('is asked for a larger share as soon as more is wanted', async () => {
    const asked: number[] = [];
    const gate = createHostGate({
      ...memory,
      takeShare: async (_host, wanted) => {
        asked.push(wanted);
        return { inFlightMax: Math.min(wanted, 8), goodForMs: 60_000 };
      },
    });
    const passages = [];
    for (let i = 0; i < 8; i++) passages.push(await gate.enter('a', { waitMsMax: 2000 }));
    expect(passages.every(({ kind }) => kind === 'go')).toBe(true);
    // Twice what is wanted each time: 1, 3, 7.
    expect(asked).toEqual([2, 6, 14]);
  });
});
