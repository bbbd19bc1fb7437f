import { describe, expect, it } from 'vitest';
import { createRequestCounters } from './request-counters.ts';

describe('createRequestCounters', () => {
  it('counts arrivals in each second, quiet ones included, and finds the peak between two seconds', () => {
    const counters = createRequestCounters();
    for (const at of [0, 900, 950, 1050, 1100, 3000]) counters.arrived('image', 1_000_000 + at);
    expect(counters.arrivals()).toEqual({ perSecond: [3, 2, 0, 1], peakPerSecond: 4 });
  });

  it('counts answers by status and what is under way', () => {
    const counters = createRequestCounters();
    counters.arrived('image');
    counters.arrived('export');
    counters.ended(200);
    counters.arrived('redirect');
    counters.ended(429);
    counters.ended(undefined);
    expect(counters.read()).toMatchObject({
      requests: 3,
      byStatus: { 200: 1, 429: 1 },
      throttled: 1,
      inFlight: 0,
      inFlightPeak: 2,
    });
  });

  it('starts again from nothing', () => {
    const counters = createRequestCounters();
    counters.arrived('image');
    counters.reset();
    expect(counters.read()).toMatchObject({ requests: 0, inFlight: 1 });
    expect(counters.arrivals()).toEqual({ perSecond: [], peakPerSecond: 0 });
  });
});
