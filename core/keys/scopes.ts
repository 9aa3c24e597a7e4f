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

/** True when `scopes` allow what needs `scope`. */
export function allows(scopes: readonly Scope[], scope: Scope): boolean {
  return scopes.includes('admin') || scopes.includes(scope);
}
