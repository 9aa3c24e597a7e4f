// An export, taken while the swarm goes on, and brought into an object of its own: whole, or not at all. What was changed on the
// way, or was written by later code, is refused at its first bad event, and nothing of it is left.

import { newId, type SwarmId } from '../../../core/ids.ts';
import type { Imported } from '../../../core/imports/port.ts';
import { readEventLine, readExportHeader } from '../../../core/journal/export-lines.ts';
import { checkRows } from '../model/check-rows.ts';
import type { ObjectHost, Outcome } from '../platform/object-host.ts';
import { type FalseExport, fromLaterCode, tamper } from './false-export.ts';
import { type Kin, kinObjects } from './kin.ts';
import type { RealmView } from './surroundings.ts';

interface Refused {
  readonly code: string;
  readonly seq?: number | null;
  readonly detail?: string;
}
type Answered<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Refused };

const retryMs = 500;
const triesMax = 200;
const linesAtOnceMax = 120;

export class Import implements Kin {
  readonly swarmId: SwarmId;
  readonly swarm: ObjectHost;
  readonly past: ObjectHost;
  state: 'exporting' | 'filling' | 'discarding' | 'over' = 'exporting';
  readonly #realm: RealmView;
  #lines: readonly string[] = [];
  #false: FalseExport | null = null;
  #imported: Imported | null = null;
  #run = 0;
  #tries = 0;

  constructor(realm: RealmView) {
    const { random, timeline } = realm.world;
    this.#realm = realm;
    this.swarmId = newId(
      'swm',
      timeline.now(),
      Uint8Array.from({ length: 10 }, () => random.between(0, 255)),
    );
    const { swarm, past } = kinObjects(realm, this.swarmId);
    this.swarm = swarm;
    this.past = past;
  }

  isSettled(): boolean {
    return this.state === 'over';
  }
  hosts(): readonly ObjectHost[] {
    return [this.swarm, this.past];
  }
  durable(): void {}

  begin(): void {
    const { world, swarm } = this.#realm;
    world.network.ask(world.actor, swarm, 'exportJournal', [world.owner, 'ndjson'], (outcome) => {
      const answer = outcome.ok ? (outcome.value as Answered<ReadableStream<Uint8Array>>) : null; // what it resolves to
      if (!answer?.ok) this.state = 'over';
      // An export that breaks off is one that was not taken.
      else
        textOf(answer.value).then(
          (text) => world.later(1, () => this.#take(text)),
          () => world.later(1, () => this.#over()),
        );
    });
    // Whoever exports goes away when nothing comes any more.
    world.later(10 * 60_000, () => this.#over());
  }

  /** Nothing came of it, unless it goes on already. */
  #over(): void {
    if (this.state === 'exporting') this.state = 'over';
  }

  #take(text: string): void {
    if (this.state !== 'exporting') return;
    const { world, model, swarm } = this.#realm;
    const { faults, random } = world;
    const lines = text.trimEnd().split('\n');
    const signed = readExportHeader(lines[0] ?? '');
    const { size = 0 } = signed ?? {};
    for (const [n, line] of lines.slice(1).entries())
      if (readEventLine(model.origin, line)?.hash !== model.hashes[n])
        this.#wrong(`its line ${n + 1} is not the event`);
    if (lines.length !== size + 1) this.#wrong(`it has ${lines.length - 1} lines, its checkpoint signs ${size}`);
    this.#lines = lines;
    if (lines.length > 4 && faults.tempts('import-tampered')) this.#false = tamper(lines, random);
    else if (lines.length > 4 && faults.tempts('import-from-later-code')) {
      const [row] = swarm.database.exec(`SELECT value FROM meta WHERE key = 'signing-key'`) as { value: string }[]; // as asked
      this.#false = fromLaterCode(lines, row?.value ?? '', random);
    }
    this.state = 'filling';
    this.#start();
  }

  #start(): void {
    const { tenant, world } = this.#realm;
    const run = `run${++this.#run}`;
    const [header = '', ...events] = this.#false?.lines ?? this.#lines;
    const key = { id: `key_${this.swarmId.slice(4)}` as const, scopes: ['admin'] as const };
    const start = { id: this.swarmId, tenant, name: 'import', key, by: 'user/usr_owner', run, header };
    const send = (from: number): void => {
      if (from > events.length) {
        this.#ask('finishImport', [run, 'digest'], (imported) => this.#sealed(imported));
        return;
      }
      const lines = events.slice(from - 1, from - 1 + world.random.between(1, linesAtOnceMax));
      this.#ask('takeLines', [run, from, lines], () => send(from + lines.length));
    };
    this.#ask('beginImport', [start], () => send(1));
  }

  #sealed(value: unknown): void {
    const { model, world } = this.#realm;
    this.state = 'over';
    if (this.#false !== null) {
      this.#wrong(`it was taken, and its event ${this.#false.badSeq} is not true`);
      return;
    }
    const imported = value as Imported; // what `finishImport` resolves to
    this.#imported = imported;
    world.faults.count('import-made');
    if (imported.head !== model.hashes[imported.size - 1]) this.#wrong('it has another head');
    if (imported.stateHash !== model.stateHashAt(imported.size)) this.#wrong('it has another state');
  }

  #refused({ code, seq, detail = '' }: Refused): void {
    const { faults } = this.#realm.world;
    // Everything slept, and it was thrown away meanwhile.
    if (code === 'import_superseded' && this.#run < 5) {
      this.#start();
      return;
    }
    const expected = this.#false;
    if (expected === null) this.#wrong(`a true export is refused: ${code} ${detail}`);
    else if (code !== 'import_invalid' || seq !== expected.badSeq)
      this.#wrong(`${code} at ${seq} in place of ${expected.badSeq}`);
    else if (expected.names !== null && !detail.includes(expected.names)) this.#wrong(`${detail}: without its name`);
    else faults.count(expected.names === null ? 'import-tampered' : 'import-from-later-code');
    this.state = 'discarding';
    this.#ask('discardImport', [null], () => {
      this.state = 'over';
    });
  }

  /** Asks until there is an answer; a refusal is one. */
  #ask(method: string, args: readonly unknown[], done: (value: unknown) => void): void {
    const { world } = this.#realm;
    world.network.ask(world.actor, this.swarm, method, args, (outcome: Outcome) => {
      if (!outcome.ok) {
        if (++this.#tries > triesMax) this.#wrong(`${method} is never answered: ${outcome.error}`);
        else world.later(retryMs, () => this.#ask(method, args, done));
        return;
      }
      const answered = outcome.value as Answered<unknown> | undefined; // of the import's port
      if (answered?.ok === false) this.#refused(answered.error);
      else done(answered?.value);
    });
  }

  /** A sealed one is the original to the last row; of any other nothing is left. */
  check(): void {
    const { model, world } = this.#realm;
    const { swarm } = this;
    const events = swarm.database.exec('SELECT seq, hash FROM journal ORDER BY seq') as { seq: number; hash: string }[]; // as asked
    if (this.#imported === null) {
      const left = swarm.database.exec('SELECT count(*) AS n FROM meta') as { n: number }[]; // as asked
      if (events.length > 0 || (left[0]?.n ?? 0) > 0) this.#wrong('something of what was not taken is left');
      return;
    }
    const { size } = this.#imported;
    if (events.length !== size || events.some(({ seq, hash }) => hash !== model.hashes[seq - 1]))
      this.#wrong('its journal is not the original');
    checkRows(swarm, model.rowsAt(size), `${model.origin} import`, world.findings);
  }

  #wrong(why: string): void {
    const { world, model } = this.#realm;
    this.state = 'over';
    world.findings.add('changed', `${model.origin} import ${this.swarmId}`, why);
  }
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of stream) text += decoder.decode(bytes, { stream: true });
  return text;
}
