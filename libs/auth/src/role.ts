/** What a caller may do; each role includes those before it. */
export const roles = ['viewer', 'curator', 'operator'] as const;
export type Role = (typeof roles)[number];

/** Whether somebody with role `has` may call what needs role `needs`. */
export const allows = (has: Role, needs: Role): boolean => roles.indexOf(has) >= roles.indexOf(needs);
