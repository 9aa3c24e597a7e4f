// What a key or a member may do. One table from role to scopes; a route names the one scope it needs.

export const SCOPES = [
  'tasks:read',
  'tasks:write',
  'devices:read',
  'devices:write',
  'ledger:read',
  'ledger:write',
  'journal:read',
  'webhooks:read',
  'webhooks:write',
  'forks:read',
  'forks:write',
  'control:read',
  'control:write',
  'keys:write',
  'members:read',
  'members:write',
  'admin',
] as const;
export type Scope = (typeof SCOPES)[number];

export const ROLES = ['owner', 'admin', 'operator', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

const READ = SCOPES.filter((scope) => scope.endsWith(':read'));

/** The scopes of each role. `admin` stands for every scope. */
export const ROLE_SCOPES: Readonly<Record<Role, readonly Scope[]>> = {
  owner: ['admin'],
  admin: ['admin'],
  operator: [...READ, 'tasks:write', 'devices:write', 'forks:write', 'control:write', 'webhooks:write'],
  viewer: READ,
};

/** The first scope of a role that is not among `scopes`: who gives the role would give more than they have. */
export function scopeBeyond(scopes: readonly Scope[], role: Role): Scope | null {
  return ROLE_SCOPES[role].find((scope) => !allows(scopes, scope)) ?? null;
}

/** True when `scopes` allow what needs `scope`. */
export function allows(scopes: readonly Scope[], scope: Scope): boolean {
  return scopes.includes('admin') || scopes.includes(scope);
}
