import { beforeAll, expect, it } from 'vitest';
import { selectBackend } from './backend.ts';
import { predict } from './predict.ts';
import { calibrateEnsemble, chooseL2, trainMember } from './probe.ts';
import { readProbeParameters } from './probe-parameters.ts';
import { scoresOf } from './scores.ts';
import { aTrainingSet, silentLog } from './training-set.fixture.ts';

const parameters = readProbeParameters({ seed: 4 });
const train = (set = aTrainingSet(), member = 0) => trainMember(set, parameters, { member, l2: 0.03 });

beforeAll(() => selectBackend('wasm', silentLog));

it('learns what holds on items it never saw', () => {
  const set = aTrainingSet();
  const { l2, tried } = chooseL2(set, parameters);
  expect(tried.map((entry) => entry.logLoss).every((loss) => loss > 0 && loss < 1)).toBe(true);
  const members = [0, 1, 2, 3, 4].map((member) => trainMember(set, parameters, { member, l2 }));
  const { temperature, scores } = calibrateEnsemble(set, parameters, members);
  const fresh = aTrainingSet({ seed: 77 });
  const probabilities = predict(
    {
      dims: set.dims,
      temperature,
      members: members.map(({ weights, bias }) => ({ weights: Float64Array.from(weights), bias })),
    },
    fresh.rows,
  );
  const means = Array.from(
    { length: 240 },
    (_, page) => probabilities.subarray(page * 5, page * 5 + 5).reduce((a, b) => a + b) / 5,
  );
  const freshScores = scoresOf(
    means,
    fresh.labels.map((label) => (label === 'HQ' ? 1 : 0)),
  );
  // The best possible accuracy here is about 0.91 (means 3 apart, deviation 1.12).
  expect(freshScores.accuracy).toBeGreaterThan(0.87);
  expect(scores.accuracy).toBeGreaterThan(0.85);
  expect(freshScores.calibrationError).toBeLessThan(0.08);
});

it('gives the same weights for the same input and seed, others for another member or seed', () => {
  expect(train()).toEqual(train());
  expect(train().weights).not.toEqual(train(aTrainingSet(), 1).weights);
  expect(train().weights).not.toEqual(
    trainMember(aTrainingSet(), { ...parameters, seed: 5 }, { member: 0, l2: 0.03 }).weights,
  );
});

it('starts from the parent and comes to the same member in fewer epochs', () => {
  const cold = train();
  const parent = { weights: Float64Array.from(cold.weights), bias: cold.bias };
  const warm = trainMember(aTrainingSet(), parameters, { member: 0, l2: 0.03, parent });
  expect(warm.warmStarted).toBe(true);
  expect(warm.epochs).toBeLessThan(cold.epochs / 2);
  warm.weights.forEach((weight, dim) => {
    expect(weight).toBeCloseTo(cold.weights[dim]!, 2);
  });
});

it('scores out of fold by fits that start cold: a parent that saw the pages tells nothing of them', () => {
  // Labels of pure chance, and a parent that knows them all: fits that start from it and stop early would repeat its answers.
  const set = aTrainingSet({ signal: 0, dims: 200, pages: 200 });
  const options = { member: 0, l2: 1e-6 };
  const parent = trainMember(set, parameters, options);
  const hurried = { ...parameters, epochsMax: 1 };
  const warm = trainMember(set, hurried, {
    ...options,
    parent: { weights: Float64Array.from(parent.weights), bias: parent.bias },
  });
  const cold = trainMember(set, hurried, options);
  expect(warm.weights).not.toEqual(cold.weights);
  warm.outOfFoldLogits.forEach((logit, page) => {
    expect(logit).toBeCloseTo(cold.outOfFoldLogits[page]!, 4);
  });
});

it('does not learn from the page it scores out of fold: labels that are pure chance score as chance', () => {
  const set = aTrainingSet({ signal: 0, dims: 200, pages: 200 });
  const member = trainMember(set, parameters, { member: 0, l2: 0.01 });
  const scored = calibrateEnsemble(set, parameters, [member]);
  expect(scored.scores.auc).toBeGreaterThan(0.35);
  expect(scored.scores.auc).toBeLessThan(0.65);
});

it('scores NOT_SURE pages without training on them', () => {
  const set = aTrainingSet({ notSureEvery: 10 });
  const trained = train(set);
  expect(trained.outOfFoldLogits.every(Number.isFinite)).toBe(true);
  const { scores, outOfFoldProbabilities } = calibrateEnsemble(set, parameters, [trained]);
  expect(scores.pages).toBe(216);
  expect(outOfFoldProbabilities).toHaveLength(240);
});

it('refuses a label set of one class, naming the class and the count', () => {
  const set = aTrainingSet();
  expect(() => train({ ...set, labels: set.labels.map(() => 'HQ' as const) })).toThrow(
    'the label set has 0 usable LQ pages; training needs at least 2 of each of HQ and LQ',
  );
  expect(() =>
    chooseL2({ ...set, labels: set.labels.map((_, page) => (page === 0 ? 'HQ' : 'LQ')) }, parameters),
  ).toThrow('1 usable HQ page;');
});

it('lets one book of many labels outvote many books of one, unless its pages are discounted', () => {
  // One dimension. A book of sixty pages says that 1 is LQ; thirty books of one page each say that it is HQ.
  const [big, few] = [60, 30];
  const labels = Array.from(
    { length: big + 2 * few },
    (_, page) => (page < big || page % 2 ? 'LQ' : 'HQ') as 'LQ' | 'HQ',
  );
  const rows = Float32Array.from(labels, (label, page) => (page < big || label === 'HQ' ? 1 : -1));
  const itemIds = Int32Array.from(labels, (_, page) => (page < big ? 1 : page));
  const logitAtOne = (itemDiscount: number) => {
    const given = readProbeParameters({ itemDiscount, classWeights: 'none' });
    const { weights, bias } = trainMember({ rows, dims: 1, labels, itemIds }, given, { member: 0, l2: 0.001 });
    return weights[0]! + bias;
  };
  expect(logitAtOne(0)).toBeLessThan(0);
  expect(logitAtOne(1)).toBeGreaterThan(1);
});

it('refuses an embedding that is not finite', () => {
  const set = aTrainingSet();
  set.rows[12 * 5 + 3] = Number.NaN;
  expect(() => train(set)).toThrow('embedding of page row 5 is not finite');
});

it('trains on the smallest set there is: two pages of each class in one book', () => {
  const set = {
    rows: Float32Array.of(1, 2, -1, -2),
    dims: 1,
    labels: ['HQ', 'HQ', 'LQ', 'LQ'] as const,
    itemIds: [1, 1, 1, 1],
  };
  const member = train(set);
  expect(member.weights[0]).toBeGreaterThan(0);
  expect(calibrateEnsemble(set, parameters, [member]).foldsBy).toBe('page');
});

it('names the parameter at fault', () => {
  expect(() => readProbeParameters({ sed: 1 })).toThrow('parameter sed is not known; there are memberCount, seed');
  expect(() => readProbeParameters({ memberCount: 0 })).toThrow('memberCount must be an integer from 1 to 25');
  expect(() => readProbeParameters({ itemDiscount: 2 })).toThrow('itemDiscount must be a number from 0 to 1');
  expect(() => readProbeParameters({ l2: -1 })).toThrow('l2 must be a number');
  expect(readProbeParameters({})).toEqual({
    memberCount: 5,
    seed: 1,
    l2: undefined,
    classWeights: 'balanced',
    itemDiscount: 0,
    foldCountMax: 5,
    epochsMax: 200,
  });
});
