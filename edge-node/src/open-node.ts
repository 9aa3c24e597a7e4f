// Everything of a device that stands on its disk, opened: who it is, what it allows, its database.

import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../core/assert.ts';
import type { Clock } from './clock.ts';
import { HOME_FILES, type HomeLock, lockHome, openHome } from './home.ts';
import { type Enrolment, type Identity, openIdentity, readEnrolment } from './identity.ts';
import type { Log } from './log.ts';
import { type DeviceDatabase, isDamaged, openDatabase } from './outbox/database.ts';
import { type Outbox, openOutbox } from './outbox/outbox.ts';
import { type DeviceSettings, readSettings } from './settings.ts';
import { createStatusFile, type StatusFile } from './status.ts';
import { type AttemptStore, openAttemptStore } from './supervision/attempt-store.ts';

export interface OpenNode {
  readonly enrolment: Enrolment;
  readonly identity: Identity;
  readonly settings: DeviceSettings;
  readonly database: DeviceDatabase;
  readonly outbox: Outbox;
  readonly store: AttemptStore;
  readonly status: StatusFile;
  /** Gives the home back. */
  close(): void;
}

export interface OpenNodeOptions {
  readonly home: string;
  readonly settings: DeviceSettings | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Opens the device that lives in `home`, for this process alone.
 * @throws HomeInUse when a runtime is there; Fault when no device is enrolled or a file is damaged
 */
export function openNode({ home, settings, clock, log }: OpenNodeOptions): OpenNode {
  openHome(home);
  const enrolment = readEnrolment(home);
  if (enrolment === null)
    throw new Fault(`no device is enrolled in ${home}: run \`starling device enrol\` first`, { retryable: false });
  const identity = openIdentity(home);
  const allowed = settings ?? readSettings(home);
  const lock = lockHome(home);
  try {
    const { database, isReplaced } = openOrReplace(join(home, HOME_FILES.database), clock, log);
    const outbox = openOutbox(database, { now: clock.now });
    if (isReplaced)
      outbox.append([
        {
          body: {
            type: 'facts.dropped',
            count: 1,
            reason: 'the database was damaged: how many facts it held is not known',
          },
        },
      ]);
    return {
      ...{ enrolment, identity, settings: allowed, database, outbox },
      store: openAttemptStore(database),
      status: createStatusFile(home, clock),
      close: () => closeAll(database, lock),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function closeAll(database: DeviceDatabase, lock: HomeLock): void {
  database.close();
  lock.release();
}

/** A damaged database is set aside, not repaired by hand [P11]: the swarm gives the new one an epoch of its own. */
function openOrReplace(path: string, clock: Clock, log: Log): { database: DeviceDatabase; isReplaced: boolean } {
  try {
    return { database: openDatabase(path), isReplaced: false };
  } catch (error) {
    if (!isDamaged(error)) throw error;
  }
  const aside = `${path}.damaged-${clock.now()}`;
  log('error', 'the database is damaged and was set aside; a new one begins', { aside });
  renameSync(path, aside);
  // They belong to the file that is gone: a new database must not read them.
  for (const rest of [`${path}-wal`, `${path}-shm`]) if (existsSync(rest)) rmSync(rest);
  return { database: openDatabase(path), isReplaced: true };
}
