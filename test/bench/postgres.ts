// The `ledger` benchmark's peer: PostgreSQL doing the same double entry with its default durability (fsync, synchronous
// commit), in both of its ways: sixteen clients with a transaction each, and one client with a hundred transfers per transaction
// in a server-side function. It writes no hash chain and keeps no answers. Left out when it is not installed.

import { execFile, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

/** One round. */
const SECONDS = 2;
export const CLIENTS = 16;
export const BATCH = 100;
const startMsMax = 20_000;

const SCHEMA = `
CREATE TABLE account (id int PRIMARY KEY, posted bigint NOT NULL CHECK (posted >= 0));
CREATE TABLE transfer (id bigserial PRIMARY KEY, debit int NOT NULL, credit int NOT NULL, amount bigint NOT NULL, at timestamptz NOT NULL DEFAULT now(), reference text);
CREATE TABLE journal (seq bigserial PRIMARY KEY, type text NOT NULL, at timestamptz NOT NULL DEFAULT now(), body jsonb NOT NULL);
INSERT INTO account VALUES (0, 1000000000000000);
INSERT INTO account SELECT i, 0 FROM generate_series(1, 10) i;
CREATE FUNCTION move(credit_ int) RETURNS void LANGUAGE sql AS $$
  UPDATE account SET posted = posted - 1 WHERE id = 0;
  UPDATE account SET posted = posted + 1 WHERE id = credit_;
  INSERT INTO transfer (debit, credit, amount, reference) VALUES (0, credit_, 1, 'bench');
  INSERT INTO journal (type, body) VALUES ('transfer.posted', jsonb_build_object('debit', 0, 'credit', credit_, 'amount', 1));
$$;
CREATE FUNCTION move_many(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN FOR i IN 1..n LOOP PERFORM move(1 + i % 10); END LOOP; END $$;
`;

/** A running server; each way answers with its transfers per second. */
export interface Postgres {
  readonly version: string;
  /** `CLIENTS` clients, a transaction for each transfer. */
  clients(): Promise<number>;
  /** One client, `BATCH` transfers in a transaction. */
  batches(): Promise<number>;
  stop(): Promise<void>;
}

/** Null where PostgreSQL is not installed. */
export async function startPostgres(): Promise<Postgres | null> {
  const bin = findPostgres();
  const user = postgresUser();
  if (bin === null || user === null) return null;
  const folder = mkdtempSync(join(tmpdir(), 'starling-postgres-'));
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const as = {
    ...user,
    cwd: folder,
    env: { PATH: process.env.PATH, PGHOST: folder, PGDATABASE: 'postgres', PGUSER: 'postgres' },
  };
  const run = promisify(execFile);
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '--auth=trust'], as);
  const server = spawn(join(bin, 'postgres'), ['-D', data, '-k', folder, '-c', 'listen_addresses='], {
    ...as,
    stdio: 'ignore',
  });
  const kill = (): boolean => server.kill('SIGINT');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    kill();
    await new Promise((resolve) => (server.exitCode === null ? server.once('exit', resolve) : resolve(null)));
    rmSync(folder, { recursive: true, force: true });
  };
  const bench = async (file: string, clients: number): Promise<number> => {
    const flags = ['-n', '-M', 'prepared', '-c', `${clients}`, '-j', '2', '-T', `${SECONDS}`, '-f', join(folder, file)];
    const { stdout } = await run(join(bin, 'pgbench'), flags, as);
    return Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
  };
  try {
    await untilReady(bin, as);
    for (const [file, text] of Object.entries(FILES)) writeFileSync(join(folder, file), text, { mode: 0o644 });
    await run(join(bin, 'psql'), ['-q', '-v', 'ON_ERROR_STOP=1', '-f', join(folder, 'schema.sql')], as);
    const { stdout } = await run(join(bin, 'postgres'), ['--version'], as);
    return {
      version: /[\d.]+/.exec(stdout)?.[0] ?? '',
      clients: () => bench('single.sql', CLIENTS),
      batches: async () => BATCH * (await bench('batched.sql', 1)),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const FILES = {
  'schema.sql': SCHEMA,
  'single.sql': '\\set to random(1, 10)\nSELECT move(:to);\n',
  'batched.sql': `SELECT move_many(${BATCH});\n`,
} as const;

async function untilReady(bin: string, as: object): Promise<void> {
  const until = Date.now() + startMsMax;
  for (;;) {
    try {
      execFileSync(join(bin, 'pg_isready'), ['-q'], as);
      return;
    } catch (error) {
      if (Date.now() > until) throw error;
      await pause(100);
    }
  }
}

function findPostgres(): string | null {
  const base = '/usr/lib/postgresql';
  if (!existsSync(base)) return null;
  const newest = readdirSync(base).sort((a, b) => Number(b) - Number(a))[0];
  return newest ? join(base, newest, 'bin') : null;
}

/** PostgreSQL refuses to run as root: then its own user is needed. */
function postgresUser(): { uid?: number; gid?: number } | null {
  if (userInfo().uid !== 0) return {};
  try {
    const id = (flag: string) =>
      Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return null;
  }
}
