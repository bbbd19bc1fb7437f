import { notFound } from '@florilegium/errors';
import { type CandidateRule, type CompiledRule, compileRule, type PrefixPattern } from './candidate-rule.ts';

/** The rule of the 2020 project: few false candidates, but it loses half of the illustrated pages. */
const reference: CandidateRule = {
  name: 'reference',
  version: 1,
  description: 'Every row is a Drawing or Illustration whose prefix contains plate, fig, "pl." or "pl ".',
  typeNames: ['Drawing', 'Illustration'],
  prefixPatterns: [
    { name: 'plate', language: 'en', pattern: 'plate' },
    { name: 'fig', language: 'any', pattern: 'fig' },
    { name: 'pl.', language: 'any', pattern: 'pl\\.' },
    { name: 'pl and a blank', language: 'any', pattern: 'pl ' },
  ],
  rowNeeds: 'both',
  pageNeeds: 'all',
};

/**
 * A whole word, as `\b` finds it for ASCII letters only: prefixes such as "Page 12/Pl." put a word after a stroke or a
 * digit, and "Lám." has a letter that `\b` does not know.
 */
function word(words: string): string {
  return `(?<!\\p{L})(?:${words})(?!\\p{L})`;
}

function pattern(name: string, language: string, words: string): PrefixPattern {
  return { name, language, pattern: word(words) };
}

/**
 * Words that name a plate or a figure in the languages of the library. "Table" is left out: in English and French it heads
 * tables of numbers and of contents; the plates of Latin and German books are Tab., Tabula, Tafel.
 */
const platePrefixes: readonly PrefixPattern[] = [
  pattern('Plate', 'en', 'plates?'),
  pattern('Pl.', 'any', 'pls?|plt'),
  pattern('Figure', 'en', 'figures?'),
  pattern('Fig.', 'any', 'figs?|figg'),
  pattern('Illustration', 'en', 'illus|illustrations?'),
  pattern('Frontispiece', 'en', 'frontis|frontisp|frontispieces?|frontispice|frontispiz'),
  pattern('Photo', 'en', 'photos?|photographs?|engravings?|drawings?'),
  pattern('Tab.', 'la', 'tabb?'),
  pattern('Tabula', 'la', 'tabula|tabulae|tabulæ'),
  pattern('Taf.', 'de', 'taff?'),
  pattern('Tafel', 'de', 'tafeln?'),
  pattern('Abb.', 'de', 'abb|abbildung|abbildungen'),
  pattern('Bildtafel', 'de', 'bildtafeln?|farbtafeln?|lichtdrucktafeln?'),
  pattern('Planche', 'fr', 'planches?'),
  pattern('Lámina', 'es', 'l[aá]m|l[aá]ms|l[aá]minas?'),
  pattern('Figura', 'es', 'figuras?'),
  pattern('Tavola', 'it', 'tavv?|tavola|tavole'),
  pattern('Estampa', 'pt', 'est|estampas?'),
  pattern('Plaat', 'nl', 'plaat|platen|afb|afbeelding|afbeeldingen'),
  pattern('Tavle', 'da', 'tavle|tavler|tavlen'),
  pattern('Tafla', 'sv', 'tafla|taflor|tavla|tavlor|plansch|planscher'),
  pattern('Tabulka', 'cs', 'tabulka|tabulky'),
  pattern('Tábla', 'hu', 't[aá]bla|t[aá]bl[aá]k'),
  pattern('Tablica', 'pl', 'tablica|tablice'),
  pattern('Таблица', 'ru', 'табл|таблица|таблицы|рис|рисунок'),
  // No blanks part words in these scripts.
  { name: '図版', language: 'ja', pattern: '図版|圖版|第[\\p{Nd}一二三四五六七八九十百]+[図圖]' },
  { name: '图版', language: 'zh', pattern: '图版' },
];

/** The default: whatever is typed like a picture or numbered like a plate, whatever its other rows say. */
const illustrated: CandidateRule = {
  name: 'illustrated',
  version: 1,
  description: 'Some row has a picture-like type (maps apart) or a plate-like prefix.',
  typeNames: ['Illustration', 'Drawing', 'Photograph', 'Foldout', 'Chart'],
  prefixPatterns: platePrefixes,
  rowNeeds: 'either',
  pageNeeds: 'some',
};

export const candidateRules: readonly CandidateRule[] = [illustrated, reference];

/** A built-in rule, ready to judge. @throws AppError not_found */
export function candidateRule(name: string): CompiledRule {
  const rule = candidateRules.find((known) => known.name === name);
  if (!rule) throw notFound('candidate rule', name);
  return compileRule(rule);
}
