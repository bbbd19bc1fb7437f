import { readFile } from 'node:fs/promises';
import { type CompiledRule, candidateRule, compileRule, parseCandidateRules } from '@florilegium/bhl';

/** The rule of that name: of the file of rules where one is given, else a built-in one. @throws not_found */
export async function findRule({ rule, rulesFile }: { rule: string; rulesFile?: string }): Promise<CompiledRule> {
  if (rulesFile === undefined) return candidateRule(rule);
  const found = parseCandidateRules(await readFile(rulesFile, 'utf8'), rulesFile).find(({ name }) => name === rule);
  return found ? compileRule(found) : candidateRule(rule);
}
