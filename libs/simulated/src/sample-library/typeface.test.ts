import { describe, expect, it } from 'vitest';
import { books } from './books.ts';
import { setLine, textWidth } from './typeface.ts';
import { tongues } from './words.ts';

const style = { size: 100 };

describe('the typeface', () => {
  it('has a glyph for every letter that the books use', () => {
    const texts = [
      ...Object.values(tongues).flatMap(({ words, platePrefixes, explanation, map }) => [
        ...words,
        ...platePrefixes,
        explanation,
        map,
      ]),
      ...books.flatMap(({ titleLines, author, publication }) => [
        ...titleLines,
        ...titleLines.map((line) => line.toUpperCase()),
        author,
        publication,
      ]),
    ];
    const missing = new Set(
      texts
        .flatMap((text) => [...text.normalize('NFD')])
        .filter((letter) => letter !== ' ' && setLine(letter, 0, 0, style) === ''),
    );
    expect([...missing]).toEqual([]);
  });

  it('sets letters one after another, an accent over the letter before it', () => {
    expect(textWidth('nn', style)).toBeCloseTo(2 * textWidth('n', style), 9);
    expect(textWidth('é', style)).toBe(textWidth('e', style));
    expect(textWidth('n n', style)).toBeGreaterThan(textWidth('nn', style));
    expect(setLine('é', 0, 0, style)).not.toBe(setLine('e', 0, 0, style));
  });

  it('grows with its size and its tracking', () => {
    expect(textWidth('Tab', { size: 20 })).toBeCloseTo(textWidth('Tab', { size: 10 }) * 2, 9);
    expect(textWidth('Tab', { size: 10, track: 0.1 })).toBeCloseTo(textWidth('Tab', { size: 10 }) + 3, 9);
  });
});
