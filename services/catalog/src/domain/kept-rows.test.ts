import { type CandidateRule, candidateRule } from '@florilegium/bhl';
import { describe, expect, it } from 'vitest';
import { missingRows, rowTestOf } from './kept-rows.ts';

const illustrated = candidateRule('illustrated').rule;
const reference = candidateRule('reference').rule;
const keptBy = [rowTestOf(illustrated)];
const aRule = (over: Partial<CandidateRule>): CandidateRule => ({
  name: 'mine',
  version: 1,
  description: '',
  typeNames: [],
  prefixPatterns: [],
  rowNeeds: 'either',
  pageNeeds: 'some',
  ...over,
});

describe('rows that were kept', () => {
  it('suffice for both built-in rules', () => {
    expect(missingRows(keptBy, illustrated)).toEqual([]);
    expect(missingRows(keptBy, reference)).toEqual([]);
  });

  it('suffice for a rule that selects less, by type or by prefix', () => {
    expect(missingRows(keptBy, aRule({ typeNames: ['Foldout'] }))).toEqual([]);
    expect(missingRows(keptBy, aRule({ prefixPatterns: illustrated.prefixPatterns.slice(0, 3) }))).toEqual([]);
    expect(missingRows(keptBy, aRule({ typeNames: ['Chart'], rowNeeds: 'both', prefixPatterns: [] }))).toEqual([]);
  });

  it('do not suffice for another type or prefix, which is named', () => {
    const prefixPatterns = [{ name: 'Karte', language: 'de', pattern: 'karte' }];
    expect(missingRows(keptBy, aRule({ typeNames: ['Map', 'Chart'], prefixPatterns }))).toEqual([
      'type Map',
      'prefix Karte',
    ]);
    expect(missingRows([], illustrated)).not.toEqual([]);
  });

  it('do not suffice where only rows that pass both tests were kept', () => {
    expect(missingRows([rowTestOf(reference)], aRule({ typeNames: ['Drawing'] }))).toEqual(['type Drawing']);
    expect(missingRows([rowTestOf(reference)], reference)).toEqual([]);
  });
});
