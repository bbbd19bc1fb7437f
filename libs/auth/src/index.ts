export type { ApiKey } from './api-keys.ts';
export { hashApiKey, parseApiKeys } from './api-keys.ts';
export type { Authenticator, AuthOptions, Principal } from './authenticate.ts';
export { createAuthenticator } from './authenticate.ts';
export type { BrowserFacts } from './foreign-page.ts';
export { refuseForeignPage } from './foreign-page.ts';
export type { Role } from './role.ts';
export { allows, roles } from './role.ts';
