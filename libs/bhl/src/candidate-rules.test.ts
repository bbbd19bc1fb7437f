import { describe, expect, it } from 'vitest';
import { compileRule } from './candidate-rule.ts';
import { candidateRule, candidateRules } from './candidate-rules.ts';

const rows = (...pairs: [string, string][]) => pairs.map(([prefix, typeName]) => ({ prefix, typeName }));

describe('the illustrated rule', () => {
  const { judgeRow } = candidateRule('illustrated');
  const patternOf = (prefix: string) => judgeRow({ prefix, typeName: 'Text' }).prefixPattern?.name;

  it.each([
    ['Plate', 'Plate'],
    ['PLATE 12', 'Plate'],
    ['plate 4, Page', 'Plate'],
    ['Plates 5 &', 'Plate'],
    ['Pl.', 'Pl.'],
    ['pl', 'Pl.'],
    ['Page 123/Pl.', 'Pl.'],
    ['Sess. extr. Pl.', 'Pl.'],
    ['Tome XXX Pl.', 'Pl.'],
    ['Tab.', 'Tab.'],
    ['TAB:', 'Tab.'],
    ['Tab 9,', 'Tab.'],
    ['TAB II, TAB', 'Tab.'],
    ['Tabula', 'Tabula'],
    ['Taf', 'Taf.'],
    ['Tafel', 'Tafel'],
    ['Planche', 'Planche'],
    ['Lam.', 'Lámina'],
    ['Lám.', 'Lámina'],
    ['LÁMINA', 'Lámina'],
    ['TAV', 'Tavola'],
    ['Est.', 'Estampa'],
    ['Fig', 'Fig.'],
    ['Text-figs.', 'Fig.'],
    ['Табл.', 'Таблица'],
    ['第十二図', '図版'],
  ])('takes %s for a plate or figure', (prefix, name) => {
    expect(patternOf(prefix)).toBe(name);
  });

  it.each([
    '',
    'Page',
    'Pag.',
    'Table',
    'Table I,',
    'Tableau',
    'No.',
    'T',
    'T. XL Pt.',
    'Place',
    'Page 801, ,',
    'West',
    'Front cover',
    '#NAME?',
    'Stab',
  ])('takes %s for neither', (prefix) => {
    expect(patternOf(prefix)).toBeUndefined();
  });

  it('selects by a type alone, by a prefix alone, and whatever the other rows say', () => {
    const { explain } = candidateRule('illustrated');
    expect(explain(rows(['', 'Illustration'], ['Page', 'Text'])).selected).toBe(true);
    expect(explain(rows(['Plate', 'Text'])).selected).toBe(true);
    expect(explain(rows(['', 'Map'])).selected).toBe(false);
    expect(explain(rows(['Page', 'Text'], ['', 'Blank'])).outcome).toBe('no_row_matches');
  });
});

describe('the reference rule', () => {
  const { explain } = candidateRule('reference');

  it('says which rows decided', () => {
    const mixed = explain(rows(['Plate', 'Illustration'], ['Plate', 'Text']));
    expect(mixed.outcome).toBe('another_row_does_not_match');
    expect(mixed.rows.map(({ decided }) => decided)).toEqual([false, true]);
    expect(mixed.rows[0]!.prefixPattern?.name).toBe('plate');

    const pure = explain(rows(['Fig. 3', 'Drawing'], ['Pl. 3', 'Illustration']));
    expect(pure).toMatchObject({ selected: true, outcome: 'selected' });
    expect(pure.rows.every(({ decided }) => decided)).toBe(true);

    expect(explain(rows(['Tab.', 'Illustration'])).outcome).toBe('no_row_matches');
  });
});

describe('rules as data', () => {
  it('hash what they select by, not how they are described', () => {
    const rule = candidateRules[0]!;
    const { hash } = compileRule(rule);
    expect(compileRule({ ...rule, description: 'other words' }).hash).toBe(hash);
    expect(compileRule({ ...rule, typeNames: ['Map'] }).hash).not.toBe(hash);
    expect(compileRule(JSON.parse(JSON.stringify(rule))).hash).toBe(hash);
  });

  it('refuse a prefix pattern that is not a regular expression, naming it', () => {
    const broken = { ...candidateRules[0]!, prefixPatterns: [{ name: 'Open', language: 'en', pattern: '(' }] };
    expect(() => compileRule(broken)).toThrow('the prefix pattern Open is not a regular expression');
  });

  it('are asked for by name', () => {
    expect(() => candidateRule('best')).toThrow('candidate rule best is not known');
  });
});
