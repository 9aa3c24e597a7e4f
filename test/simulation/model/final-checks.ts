// What must hold when all is over: rows are what the journal says, the books are what an outsider made of the events, nothing is
// stuck, nothing that was read has changed.

import type { Realm } from '../world/realm.ts';
import { checkRows } from './check-rows.ts';

export async function checkRealm(realm: Realm): Promise<void> {
  const { model, swarm, world, receiver } = realm;
  const { findings } = world;
  const { origin } = model;
  const hot = swarm.database.exec('SELECT seq, hash FROM journal ORDER BY seq') as { seq: number; hash: string }[]; // as asked
  const first = hot[0]?.seq ?? 1;
  for (const [index, { seq, hash }] of hot.entries())
    if (seq !== first + index || hash !== model.hashes[seq - 1])
      findings.add('journal', `${origin} ${seq}`, 'the event is not the one that was seen before');
  if ((hot.at(-1)?.seq ?? 0) < model.hashes.length)
    findings.add(
      'lost',
      `${origin} journal`,
      `${model.hashes.length} events were seen, ${hot.at(-1)?.seq ?? 0} are there`,
    );
  checkRows(swarm, model.rowsAt(model.hashes.length), origin, findings);
  checkDue(realm);
  for (const one of realm.kin) one.check();
  checkBooks(realm);
  checkDeliveries(realm);
  await realm.queue.check();
  model.work.checkPaid(model.books.ending);
  for (const delivery of model.delivered)
    if (!receiver.seen.has(delivery))
      findings.add('lost', `${origin} ${delivery}`, 'the journal says that it arrived, and nobody has it');
}

function checkBooks({ model, swarm, world }: Realm): void {
  const accounts = swarm.database.exec('SELECT id, body FROM account') as { id: string; body: string }[]; // as asked
  const known = model.books.accounts();
  for (const { id, body } of accounts) {
    const { postedMicro, heldMicro } = JSON.parse(body) as { postedMicro: number; heldMicro: number }; // an account's row
    const { postedMicro: posted, heldMicro: held } = known.get(id) ?? { postedMicro: 0, heldMicro: 0 };
    if (postedMicro !== posted || heldMicro !== held)
      world.findings.add(
        'books',
        `${model.origin} ${id}`,
        `${postedMicro}/${heldMicro}, the events say ${posted}/${held}`,
      );
  }
}

/** Whatever the clocks have said: nothing waits for longer than anything may be made to wait. */
function checkDue({ model, swarm, world }: Realm): void {
  const far = swarm.database.exec('SELECT key, due FROM timer WHERE due > ?', world.timeline.now() + dueMsMax);
  for (const { key, due } of far as { key: string; due: number }[]) // as asked
    world.findings.add(
      'lost',
      `${model.origin} ${key}`,
      `it is due in ${due - world.timeline.now()} ms, by a wrong clock`,
    );
}
/** Deadlines, holds and cycles last 30 days at most; a clock may be an hour wrong when one is set. */
const dueMsMax = 31 * 24 * 3_600_000;

/** A delivery that has not ended is on its way, or has a time at which it will be. */
function checkDeliveries({ model, swarm, world }: Realm): void {
  const stuck = swarm.database.exec(
    `SELECT id FROM delivery WHERE
       body ->> '$.state' = 'sending' AND id NOT IN (SELECT effect ->> '$.delivery' FROM outbox WHERE effect ->> '$.kind' = 'send')
       OR body ->> '$.state' = 'waiting' AND 'delivery/' || id NOT IN (SELECT key FROM timer)`,
  ) as { id: string }[]; // as asked
  for (const { id } of stuck) world.findings.add('lost', `${model.origin} ${id}`, 'nobody will send this delivery');
}
