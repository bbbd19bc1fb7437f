import { describe, expect, it } from 'vitest';
import { reuseOf } from './reuse.ts';

describe('what may be reused', () => {
  it.each([
    [
      'Public domain. The BHL considers that this work is no longer under copyright protection.',
      '',
      '',
      'public_domain',
    ],
    ['NOT_IN_COPYRIGHT', '', '', 'public_domain'],
    ['No known copyright restrictions as determined by scanning institution', '', '', 'public_domain'],
    ['In copyright. Digitized with the permission of the rights holder.', '', '', 'in_copyright'],
    [
      'In copyright. Digitized with the permission of the rights holder.',
      'https://www.biodiversitylibrary.org/permissions',
      'http://creativecommons.org/licenses/by-nc-sa/3.0/',
      'limited',
    ],
    ['In copyright.', '', 'https://creativecommons.org/licenses/by/4.0/', 'attribution'],
    ['In copyright.', '', 'CC BY-NC 4.0', 'limited'],
    ['In copyright.', '', 'CC BY', 'attribution'],
    ['', '', 'https://creativecommons.org/publicdomain/mark/1.0/', 'public_domain'],
    ['', 'http://rightsstatements.org/vocab/InC/1.0/', '', 'in_copyright'],
    ['', 'http://rightsstatements.org/vocab/NoC-US/1.0/', '', 'public_domain'],
    ['', 'http://rightsstatements.org/vocab/NKC/1.0/', '', 'public_domain'],
    ['', 'http://rightsstatements.org/vocab/NoC-NC/1.0/', '', 'limited'],
    ['Public domain.', 'http://rightsstatements.org/vocab/NoC-CR/1.0/', '', 'limited'],
    ['NOT_IN_COPYRIGHT', '', 'http://rightsstatements.org/vocab/NoC-OKLR/1.0/', 'limited'],
    ['Not provided. Contact Holding Institution to verify copyright status.', '', '', 'unknown'],
    ['', '', '', 'unknown'],
  ])('of %s %s %s is %s', (copyrightStatus, statement, license, reuse) => {
    expect(reuseOf({ copyrightStatus, statement, license })).toBe(reuse);
  });
});
