import { createHash } from 'node:crypto';
import { type Role, roles } from './role.ts';

export interface ApiKey {
  /** Who holds it; stands as the author of labels. */
  name: string;
  role: Role;
  /** SHA-256 of the key in hex. The key itself is never kept. */
  sha256: string;
}

export const hashApiKey = (key: string): string => createHash('sha256').update(key).digest('hex');

/**
 * Reads `API_KEYS`: entries `name:role:sha256-of-the-key`, separated by commas or line ends.
 * @throws Error naming the entry (by its place, never its content) that is not of this form
 */
export function parseApiKeys(text: string): ApiKey[] {
  const entries = text.split(/[,\n]/).map((entry) => entry.trim());
  const keys = entries.flatMap((entry, index): ApiKey[] => {
    if (entry === '') return [];
    const [name, role, sha256, ...rest] = entry.split(':');
    if (!name || rest.length > 0 || !roles.some((known) => known === role) || !/^[0-9a-f]{64}$/.test(sha256 ?? ''))
      throw new Error(`API_KEYS: entry ${index + 1} is not name:role:sha256, with role one of ${roles.join(', ')}`);
    return [{ name, role: role as Role, sha256: sha256! }];
  });
  return keys;
}
