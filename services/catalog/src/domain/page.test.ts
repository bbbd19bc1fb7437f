import { describe, expect, it } from 'vitest';
import { citationOf, type Page, placeOf, rightsTextOf } from './page.ts';

const nothing = { copyrightStatus: '', statement: '', license: '', holder: '' };

function aPage(over: Partial<Page> = {}): Page {
  return {
    ref: { pageId: 12, itemId: 3, titleId: 4, barCode: 'flora3', sequence: 5 },
    keptAs: 'rule',
    title: 'Flora der Alpen.',
    authors: 'Gmelin, J. G.',
    publicationDetails: 'Tübingen :Cotta,1802-1804.',
    institution: 'A library',
    year: '1803',
    volume: 'Bd. 2',
    issue: '',
    rows: [
      { prefix: '', number: '', typeName: 'Illustration' },
      { prefix: 'Taf.', number: 'III', typeName: 'Text' },
    ],
    neighbours: [],
    names: [],
    parts: [],
    rights: { ...nothing, copyrightStatus: 'Public domain.' },
    reuse: 'public_domain',
    ...over,
  };
}

describe('a page', () => {
  it('is cited with everything that is known', () => {
    expect(citationOf(aPage())).toBe(
      'Gmelin, J. G. Flora der Alpen, Bd. 2 (1803). Tübingen :Cotta,1802-1804. Taf. III. Volume held by A library. Biodiversity Heritage Library, https://www.biodiversitylibrary.org/page/12.',
    );
  });

  it('is cited with its address alone when nothing else is known', () => {
    const page = aPage({ title: '', authors: '', publicationDetails: '', institution: '', rows: [] });
    expect(citationOf(page)).toBe('Biodiversity Heritage Library, https://www.biodiversitylibrary.org/page/12.');
  });

  it('is cited with its article', () => {
    const part = { partId: 9, title: 'On moths', containerTitle: 'Flora', date: '1803', pageRange: '1--9' };
    expect(citationOf(aPage({ parts: [part] }))).toContain('On moths, pp. 1--9. In: Flora der Alpen');
  });

  it('tells its rights in one line', () => {
    const rights = { ...nothing, license: 'https://creativecommons.org/licenses/by/4.0/', holder: 'M. Author' };
    expect(rightsTextOf(aPage({ rights }))).toBe('https://creativecommons.org/licenses/by/4.0/; held by M. Author');
  });

  it('has the number of its plate, before that of the page', () => {
    const rows = [
      { prefix: 'Page', number: '12', typeName: 'Text' },
      { prefix: 'Plate', number: 'III', typeName: 'Text' },
    ];
    expect(placeOf(aPage({ rows }))).toBe('Plate III');
    expect(placeOf(aPage({ rows: rows.slice(0, 1) }))).toBe('Page 12');
  });

  it('has the number that stands beside a word, before one that stands alone', () => {
    expect(placeOf(aPage())).toBe('Taf. III');
    expect(placeOf(aPage({ rows: [{ prefix: '', number: '7', typeName: '' }] }))).toBe('7');
    expect(placeOf(aPage({ rows: [] }))).toBe('');
  });
});
