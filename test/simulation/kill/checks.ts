// Holds the server against what it has promised. `checkNow` runs after every kill, while the users wait; `checkWhole` at the
// end, over everything.

import { setTimeout as pause } from 'node:timers/promises';
import type { AccountView, TransferView } from '../../../core/wire/resources.ts';
import type { Findings } from '../model/findings.ts';
import type { Random } from '../random.ts';
import { DEEDS, type Promised, type Refused } from './promises.ts';
import type { Tenant } from './tenant.ts';

/** Promises that are asked for again after each kill: the newest, which the kill may have taken, and some others. */
const newestAsked = 24;
const othersAsked = 8;
/** Requests that the checker sends at once. */
const lanes = 8;
/** Work that goes on may move the ledger between two pages; then it is read again. */
const steadyTries = 40;
/** Every task ends in this time: an offer is taken or lost within 15 s, a lease within 30 s, and there are three tries. */
const endedMsMax = 150_000;

/** After a kill: the journal goes on from what was read before, and a sample of the promises is kept. */
export async function checkNow(tenant: Tenant, random: Random, findings: Findings): Promise<void> {
  const { mirror, promises } = tenant;
  await mirror.catchUp();
  await mirror.checkHeld();
  mirror.books.check();
  checkStream(tenant, findings);
  const { promised } = promises;
  const asked = new Set(promised.slice(-newestAsked));
  for (let i = 0; i < othersAsked && promised.length > 0; i++)
    asked.add(promised[random.between(0, promised.length - 1)] as Promised); // within its bounds
  for (const one of asked) checkInJournal(one, tenant, findings);
  await inLanes([...asked], (one) => checkAnswer(one, tenant, findings));
  await checkAccounts(tenant, findings);
}

/** At the end, when nobody sends any more: everything. */
export async function checkWhole(tenant: Tenant, findings: Findings): Promise<void> {
  const { mirror, promises } = tenant;
  await untilEnded(tenant, findings);
  await mirror.checkHeld();
  checkStream(tenant, findings);
  for (const one of promises.promised) checkInJournal(one, tenant, findings);
  const keys = new Set(promises.promised.map(({ asked }) => asked.key));
  for (const key of mirror.keys())
    if (!keys.has(key) && key.startsWith(`${tenant.name}-`))
      findings.add('work', `${tenant.name} ${key}`, 'the journal has what nobody was promised');
  const size = mirror.size();
  await inLanes(promises.promised, (one) => checkAnswer(one, tenant, findings));
  await inLanes(promises.refused, (one) => checkRefusal(one, tenant, findings));
  await inLanes([...promises.finished], (one) => checkFinished(one, tenant, findings));
  await mirror.catchUp();
  if (mirror.size() !== size)
    findings.add('doubled', `${tenant.name} replay`, `asking again made ${mirror.size() - size} events`);
  mirror.books.check();
  mirror.work.checkPaid(mirror.books.ending);
  await checkAccounts(tenant, findings);
  await mirror.verifyWhole();
}

/** The journal says once what was promised once. */
function checkInJournal({ deed, asked, id }: Promised, { name, mirror }: Tenant, findings: Findings): void {
  const made = mirror.madeBy(asked.key).filter(({ type }) => type === DEEDS[deed]);
  const subject = `${name} ${asked.key}`;
  const expected = deed === 'task' ? `task/${id}` : `transfer/${id}`;
  if (made.length === 0) findings.add('lost', subject, `${DEEDS[deed]} of ${id} is not in the journal`);
  else if (made.length > 1)
    findings.add('doubled', subject, `${DEEDS[deed]} stands ${made.length} times in the journal`);
  else if (made[0]?.subject !== expected)
    findings.add('changed', subject, `the journal has ${made[0]?.subject}, the answer said ${expected}`);
}

/** The same request under the same key is answered with the same bytes, and nothing happens. */
async function checkAnswer({ asked, status, answer }: Promised, tenant: Tenant, findings: Findings): Promise<void> {
  const { prefer, ...plain } = asked;
  const again = await tenant.client.ask(plain);
  const subject = `${tenant.name} ${asked.key}`;
  if (again.status >= 400) findings.add('lost', subject, `it was acknowledged, now it is refused: ${again.answer}`);
  else if (!again.replayed) findings.add('lost', subject, 'it was acknowledged, and is done now for the first time');
  // A client that waited saw the task as it was later; the answer to the request itself is what is kept.
  else if (prefer === undefined && (again.answer !== answer || again.status !== status))
    findings.add('changed', subject, `it was answered with ${answer}, now with ${again.answer}`);
}

/** What was refused stays refused, whatever has become of the accounts since. */
async function checkRefusal({ asked, status, code }: Refused, tenant: Tenant, findings: Findings): Promise<void> {
  const again = await tenant.client.ask(asked);
  const now = JSON.parse(again.answer) as { code?: string };
  if (again.status !== status || now.code !== code)
    findings.add(
      'changed',
      `${tenant.name} ${asked.key}`,
      `it was refused with ${code}, now ${now.code ?? again.status}`,
    );
}

/** A task that was shown finished is shown the same for ever. */
async function checkFinished(
  [id, shown]: readonly [string, string],
  tenant: Tenant,
  findings: Findings,
): Promise<void> {
  const { answer } = await tenant.client.ask({ method: 'GET', path: `/v1/tasks/${id}` });
  if (answer !== shown)
    findings.add('changed', `${tenant.name} ${id}`, `a finished task was shown as ${shown}, now as ${answer}`);
}

/** What the stream brought is what the journal has. */
function checkStream({ name, mirror, follower }: Tenant, findings: Findings): void {
  for (const [i, hash] of (follower?.hashes ?? []).entries()) {
    if (i >= mirror.size()) return; // Said after the checker has read.
    if (hash !== mirror.hashAt(i + 1))
      findings.add('stream', `${name} ${i + 1}`, 'the stream brought another event than the journal has');
  }
}

/** The accounts and holds as the API shows them are those of the journal, at one moment. */
async function checkAccounts({ name, client, mirror }: Tenant, findings: Findings): Promise<void> {
  for (let tries = 0; tries < steadyTries; tries++) {
    const accounts = await readAll<AccountView>('/v1/ledger/accounts?limit=100', client.read);
    const holds = await readAll<TransferView>('/v1/ledger/transfers?limit=100&state=pending', client.read);
    const size = mirror.size();
    await mirror.catchUp();
    if (mirror.size() === size) {
      compareAccounts(name, accounts, mirror.books.accounts(), findings);
      const pending = mirror.books.pending();
      for (const { id } of holds)
        if (!pending.has(id))
          findings.add('books', `${name} ${id}`, 'the ledger shows a hold that the journal has not');
      if (holds.length !== pending.size)
        findings.add(
          'books',
          `${name} holds`,
          `the ledger shows ${holds.length} holds, the journal has ${pending.size}`,
        );
      return;
    }
    await pause(50);
  }
  findings.add('server', `${name} steady`, 'the ledger did not come to rest');
}

function compareAccounts(
  name: string,
  shown: readonly AccountView[],
  kept: ReadonlyMap<string, { readonly postedMicro: number; readonly heldMicro: number }>,
  findings: Findings,
): void {
  if (shown.reduce((sum, { postedMicro }) => sum + postedMicro, 0) !== 0)
    findings.add('books', `${name} shown`, 'the accounts shown do not add up to nought');
  if (shown.length !== kept.size)
    findings.add('books', `${name} accounts`, `${shown.length} are shown, ${kept.size} are in the journal`);
  for (const { id, postedMicro, heldMicro } of shown) {
    const own = kept.get(id);
    if (own?.postedMicro !== postedMicro || own.heldMicro !== heldMicro)
      findings.add(
        'books',
        `${name} ${id}`,
        `${postedMicro} and ${heldMicro} held are shown, the journal has ${own?.postedMicro} and ${own?.heldMicro}`,
      );
  }
}

/** Waits until every task has ended, as the journal says it. */
async function untilEnded({ name, mirror }: Tenant, findings: Findings): Promise<void> {
  const until = performance.now() + endedMsMax;
  for (;;) {
    await mirror.catchUp();
    const open = mirror.work.open();
    if (open.length === 0) return;
    if (performance.now() > until) {
      for (const task of open) findings.add('work', `${name} ${task}`, 'the task has not come to an end');
      return;
    }
    await pause(100);
  }
}

async function readAll<T>(path: string, read: Tenant['client']['read']): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: { data: T[]; nextCursor: string | null } = await read(
      cursor === '' ? path : `${path}&cursor=${encodeURIComponent(cursor)}`,
    );
    all.push(...page.data);
    cursor = page.nextCursor;
  }
  return all;
}

/** Does all of them, a few at a time. */
async function inLanes<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (const one of left) await work(one);
    }),
  );
}
