import { describe, expect, it } from 'vitest';
import { parseCandidateRules } from './parse-candidate-rules.ts';

const parse = (rules: unknown) => parseCandidateRules(JSON.stringify(rules), 'rules.json');

describe('candidate rules from a file', () => {
  it('are complete with their defaults', () => {
    expect(parse([{ name: 'maps', typeNames: ['Map'] }])).toEqual([
      {
        name: 'maps',
        version: 1,
        description: '',
        typeNames: ['Map'],
        prefixPatterns: [],
        rowNeeds: 'either',
        pageNeeds: 'some',
      },
    ]);
  });

  it.each([
    [{}, 'rules.json is not an array of candidate rules'],
    [[{ name: 'Maps', typeNames: ['Map'] }], 'rules.json: rule 1: name is not 1 to 100 of a-z, 0-9, - and _'],
    [[{ name: 'maps' }], 'rules.json: rule 1: typeNames is not filled'],
    [[{ name: 'maps', types: ['Map'] }], 'rules.json: rule 1: types is not known'],
    [[{ name: 'maps', typeNames: 'Map' }], 'typeNames is not an array of page type names'],
    [[{ name: 'maps', typeNames: ['Map'], rowNeeds: 'all' }], 'rowNeeds is not both or either'],
    [[{ name: 'maps', prefixPatterns: [{ name: 'Karte' }] }], 'prefixPatterns is not an array of'],
    [
      [{ name: 'maps', prefixPatterns: [{ name: 'Karte', language: 'de', pattern: '(' }] }],
      'rule maps: the prefix pattern Karte is not a regular expression',
    ],
    [[{ name: 'illustrated', typeNames: ['Map'] }], 'there is another rule illustrated'],
  ])('are refused with the field that is wrong: %j', (rules, message) => {
    expect(() => parse(rules)).toThrow(message);
  });

  it('are refused when the text is no JSON', () => {
    expect(() => parseCandidateRules('[', 'rules.json')).toThrow('rules.json is not JSON');
  });
});
