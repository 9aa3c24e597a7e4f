// What stands in the places of paths. It knows no platform: whatever asks one may use it.

/** What stands in each place of a path, by the folder before it. */
export const PLACES: Readonly<Record<string, string>> = {
  tasks: 'tsk',
  missions: 'msn',
  keys: 'key',
  devices: 'dev',
  triggers: 'trg',
  webhooks: 'whk',
  transfers: 'trf',
  members: 'usr',
  invitations: 'inv',
  'dead-letters': 'letter',
  segments: 'segment',
  forks: 'fork',
  imports: 'import',
};
