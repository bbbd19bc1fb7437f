import { invalidArgument } from '@florilegium/errors';
import { type CandidateRule, compileRule, type PrefixPattern } from './candidate-rule.ts';
import { candidateRules } from './candidate-rules.ts';

/** With the built-in ones they still fit the bits of one number, where an import keeps what a row matches. */
const rulesMax = 20;

/**
 * Candidate rules from JSON, an array of rules in the form of `CandidateRule`; `version`, `description`, `typeNames`,
 * `prefixPatterns`, `rowNeeds` and `pageNeeds` have the defaults 1, '', none, none, `either` and `some`.
 * @param from names the text in messages
 * @throws AppError invalid_argument naming the rule and its field
 */
export function parseCandidateRules(text: string, from: string): CandidateRule[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw invalidArgument(`${from} is not JSON: ${(error as Error).message}`, { cause: error });
  }
  if (!Array.isArray(parsed)) throw invalidArgument(`${from} is not an array of candidate rules`);
  if (parsed.length > rulesMax) throw invalidArgument(`${from} holds more than ${rulesMax} candidate rules`);
  const names = new Set(candidateRules.map(({ name }) => name));
  return parsed.map((value: unknown, index) => {
    const rule = toRule(value, `${from}: rule ${index + 1}`);
    if (names.has(rule.name)) throw invalidArgument(`${from}: there is another rule ${rule.name}`, { field: 'name' });
    names.add(rule.name);
    compileRule(rule);
    return rule;
  });
}

function toRule(value: unknown, where: string): CandidateRule {
  const wrong = (field: string, wants: string) => invalidArgument(`${where}: ${field} is not ${wants}`, { field });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('it', 'an object');
  const known = ['name', 'version', 'description', 'typeNames', 'prefixPatterns', 'rowNeeds', 'pageNeeds'];
  const stray = Object.keys(value).find((key) => !known.includes(key));
  if (stray !== undefined) throw invalidArgument(`${where}: ${stray} is not known`, { field: stray });
  const {
    name,
    version = 1,
    description = '',
    typeNames = [],
    prefixPatterns = [],
    rowNeeds = 'either',
    pageNeeds = 'some',
  } = value as Record<string, unknown>;
  if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9_-]{0,99}$/.test(name)) {
    throw wrong('name', '1 to 100 of a-z, 0-9, - and _');
  }
  if (!Number.isInteger(version) || (version as number) < 1) throw wrong('version', 'a whole number from 1');
  if (typeof description !== 'string') throw wrong('description', 'a text');
  if (!isArrayOf(typeNames, (entry): entry is string => typeof entry === 'string' && entry !== '')) {
    throw wrong('typeNames', 'an array of page type names');
  }
  if (!isArrayOf(prefixPatterns, isPattern)) {
    throw wrong('prefixPatterns', 'an array of { name, language, pattern }');
  }
  if (typeNames.length + prefixPatterns.length === 0) throw wrong('typeNames', 'filled, and so is prefixPatterns');
  if (rowNeeds !== 'both' && rowNeeds !== 'either') throw wrong('rowNeeds', 'both or either');
  if (pageNeeds !== 'some' && pageNeeds !== 'all') throw wrong('pageNeeds', 'some or all');
  return { name, version: version as number, description, typeNames, prefixPatterns, rowNeeds, pageNeeds };
}

function isArrayOf<Entry>(value: unknown, isEntry: (entry: unknown) => entry is Entry): value is Entry[] {
  return Array.isArray(value) && value.every(isEntry);
}

function isPattern(value: unknown): value is PrefixPattern {
  const { name, language, pattern } = (value ?? {}) as Record<string, unknown>;
  return [name, language, pattern].every((text) => typeof text === 'string' && text !== '');
}
