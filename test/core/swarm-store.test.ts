import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { idSource, type KeyId } from '../../core/ids.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import { openDraft } from '../../core/swarm/draft.ts';
import { REJECTIONS } from '../../core/swarm/rejections.ts';
import { migrate } from '../../durable-objects/migrate.ts';
import { nodeSql } from '../../durable-objects/node-sql.ts';
import { BooksBroken, LedgerGuard } from '../../durable-objects/swarm/conservation.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { COMMAND_LIST_HEAD, runCommandList } from './command-list.ts';
import { aSwarm, createSwarm, entropyOf, FIRST_KEY, START, SWARM, SYSTEM, TENANT } from './memory-swarm.ts';
import { brittle, StoreSwarm } from './store-swarm.ts';
import { aStoredDevice, checkConsistent } from './stored-device.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const post = { type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 1, reference: '' } as const;
const ask = { type: 'RequestTask', operation: 'text.summarize', input: { text: 'long' } } as const;

describe('the first command', () => {
  test('[SWARM-1] nothing is done in a swarm that is not created, and that refusal is not kept', () => {
    const swarm = new StoreSwarm({ isCreated: false });
    expect(swarm.code(post, { id: 'idem:1' })).toBe('swarm_not_found');
    expect([swarm.store.head().seq, swarm.store.origin()]).toEqual([0, null]);
    swarm.create();
    expect(swarm.execute(post, { id: 'idem:1' })).toMatchObject({ replayed: false, result: { ok: true } });
    expect(swarm.store.origin()).toBe(`${TENANT}/${SWARM}`);
    expect(swarm.code(createSwarm())).toBe('swarm_exists');
  });

  test.each([
    [0, []],
    [5, ['transfer.posted']],
  ])(
    '[SWARM-1] a swarm begins with its supply of %d, one key for everything, and what it can do itself',
    (supplyMicro, supply) => {
      const swarm = aSwarm({ supplyMicro });
      expect(swarm.events.map(({ type }) => type)).toEqual([
        'swarm.created',
        ...supply,
        'key.issued',
        'route.offered',
        'executor.opened',
      ]);
      expect(swarm.row('key', FIRST_KEY)).toMatchObject({ scopes: ['admin'], state: 'active' });
      expect(swarm.available('tenant')).toBe(supplyMicro);
    },
  );
});

describe('the same command again', () => {
  test('[SWARM-2] the same id and command get the same bytes for ever, success and refusal alike, and nothing happens', () => {
    const swarm = new StoreSwarm({ supplyMicro: 1_000 });
    aStoredDevice(swarm);
    const sent = [
      [ask, 'success'],
      [{ ...ask, operation: 'no.such' }, 'operation_unknown'],
      [{ type: 'IssueKey', name: 'k', scopes: ['tasks:read'] }, 'success'],
      [{ ...post, amountMicro: 5_000 }, 'credits_insufficient'],
      [{ ...post, reference: 'long '.repeat(100) }, 'success'],
      [{ type: 'CancelTask', task: 'tsk_none' }, 'task_not_found'],
    ] as const;
    const first = sent.map(([command], n) => swarm.execute(command as SwarmCommand, { id: `idem:${n}` }));
    first.forEach(({ result, replayed }, n) => {
      expect(replayed).toBe(false);
      expect(result.ok ? 'success' : result.error.code).toBe(sent[n]?.[1]);
    });
    // Much later, with credits that there were not, and after everything in memory is gone.
    swarm.now += 30 * 24 * 3_600_000;
    swarm.runDue();
    swarm.reopen();
    const before = swarm.digest();
    sent.forEach(([command], n) => {
      const again = swarm.execute(command as SwarmCommand, { id: `idem:${n}` });
      expect(JSON.stringify(again)).toBe(JSON.stringify({ ...first[n], replayed: true }));
    });
    expect(swarm.digest()).toBe(before);
  });

  test('[SWARM-2] another command under the same id is refused, and the first answer stays', () => {
    const swarm = new StoreSwarm();
    const first = swarm.execute(post, { id: 'idem:1' });
    for (const other of [{ ...post, amountMicro: 2 }, { ...post, reference: 'long '.repeat(100) }, ask])
      expect(swarm.execute(other as SwarmCommand, { id: 'idem:1' })).toEqual({
        result: { ok: false, error: { code: 'idempotency_key_reused' } },
        replayed: true,
      });
    expect(swarm.execute(post, { id: 'idem:1' }).result).toEqual(first.result);
  });

  test('[SWARM-2] an id counts once within a batch as well', () => {
    const swarm = new StoreSwarm({ supplyMicro: 100 });
    const envelope = swarm.envelope(post, { id: 'idem:1' });
    const { executed } = swarm.store.executeMany([
      envelope,
      envelope,
      { ...envelope, command: { ...post, amountMicro: 3 } },
    ]);
    expect(executed.map(({ replayed, result }) => [replayed, result.ok])).toEqual([
      [false, true],
      [true, true],
      [true, false],
    ]);
    expect(swarm.row('account', 'team/a').postedMicro).toBe(1);
  });

  test('[SWARM-2] a command whose id its sender did not make is not remembered', () => {
    const swarm = new StoreSwarm();
    for (let n = 0; n < 2; n++) expect(swarm.execute(post, { id: 'api:1', remember: false }).replayed).toBe(false);
    expect(swarm.row('account', 'team/a').postedMicro).toBe(2);
  });

  test('[KEY-3] a revoked key gets no answer, also not one that was given before', () => {
    const swarm = new StoreSwarm();
    const actor = { kind: 'key', id: FIRST_KEY, scopes: ['admin'] } as const;
    const first = swarm.execute(post, { id: 'idem:1', actor });
    expect(first.result.ok).toBe(true);
    swarm.do({ type: 'RevokeKey', key: FIRST_KEY });
    expect(swarm.execute(post, { id: 'idem:1', actor })).toEqual({
      result: { ok: false, error: { code: 'key_revoked' } },
      replayed: false,
    });
    // Its owner, with another key, gets it still.
    const key = swarm.do({ type: 'IssueKey', name: 'new', scopes: ['admin'] });
    expect(swarm.execute(post, { id: 'idem:1', actor: { ...actor, id: key } })).toEqual({ ...first, replayed: true });
  });

  test('[KEY-4] what was refused for its key alone may be tried again with another under the same id', () => {
    const swarm = new StoreSwarm();
    const old = { kind: 'key', id: FIRST_KEY, scopes: ['admin'] } as const;
    const key = swarm.do({ type: 'RotateKey', key: FIRST_KEY, graceMs: 0 }) as KeyId;
    expect(swarm.code(post, { id: 'idem:1', actor: old })).toBe('key_revoked');
    expect(swarm.execute(post, { id: 'idem:1', actor: { ...old, id: key } })).toMatchObject({
      replayed: false,
      result: { ok: true },
    });
  });
});

describe('all or nothing', () => {
  test('[SWARM-3] a refused command writes nothing but its answer', () => {
    const swarm = new StoreSwarm();
    const before = swarm.digest();
    expect(swarm.code({ ...ask, operation: 'no.such' }, { remember: false })).toBe('operation_unknown');
    expect(swarm.code({ type: 'StartMission', plan: { tasks: [{ key: 'a', ...ask }] } }, { remember: false })).toBe(
      'operation_unknown',
    );
    expect(swarm.digest()).toBe(before);
    expect(swarm.store.executeMany([swarm.envelope({ ...post, amountMicro: -1 })])).toMatchObject({
      events: [],
      told: false,
    });
  });

  test('[SWARM-5] the commands of a batch are one transaction, each decided on what those before it did, each answered by itself', () => {
    const swarm = new StoreSwarm({ supplyMicro: 10 });
    const amounts = [6, 5, 4, 1];
    const { executed, events } = swarm.store.executeMany(
      amounts.map((amountMicro) => swarm.envelope({ ...post, amountMicro })),
    );
    expect(executed.map(({ result }) => (result.ok ? 'ok' : result.error.code))).toEqual([
      'ok',
      'credits_insufficient',
      'ok',
      'credits_insufficient',
    ]);
    expect(events.map(({ seq }) => seq)).toEqual([swarm.store.head().seq - 1, swarm.store.head().seq]);
    checkConsistent(swarm);
  });

  /** Commands of every sort, each of which changes something when it comes in this order. */
  function* everything(swarm: StoreSwarm): Generator<[SwarmCommand, string?]> {
    const device = aStoredDevice(swarm);
    const fact = (body: object): [SwarmCommand, string] => {
      const { epoch, seq } = swarm.row('presence', device);
      return [
        { type: 'TakeFact', device, epoch, seq: seq + 1, body: body as never },
        `fact/${device}/${epoch}/${seq + 1}`,
      ];
    };
    const last = () => {
      const task = swarm.stored('task').at(-1);
      const attempt = task?.attempts.at(-1);
      return { task: task?.id ?? 'tsk_', attempt: attempt?.id ?? 'att_', fence: attempt?.n ?? 0 };
    };
    yield [
      {
        type: 'CreateWebhook',
        webhook: 'whk_1',
        url: 'https://a',
        events: ['*'],
        description: null,
        sealedSecret: 's',
      },
    ];
    yield [{ type: 'IssueKey', name: 'k', scopes: ['admin'] }];
    yield [post];
    yield [{ ...post, type: 'HoldTransfer', timeoutMs: 1_000 }];
    yield [{ type: 'OpenEnrollment' }];
    yield [ask];
    yield fact({ type: 'attempt.started', ...last() });
    yield fact({
      type: 'attempt.failed',
      ...last(),
      error: { code: 'x', message: '', retryable: true },
      durationMs: 1,
    });
    yield [ask];
    yield fact({ type: 'attempt.succeeded', ...last(), result: { long: 'x'.repeat(300) }, durationMs: 1 });
    const tasks = ['a', 'b', 'c'].map((key, n) => ({
      key,
      operation: 'text.summarize',
      input: n,
      after: n === 2 ? ['a', 'b'] : [],
    }));
    yield [{ type: 'StartMission', plan: { tasks } }];
    yield [{ type: 'CancelMission', mission: swarm.stored('mission')[0]?.id ?? 'msn_' }];
    yield [{ type: 'ChangeDevice', device, desired: { a: 1 } }];
    yield [{ type: 'CloseCycle', cycle: 1 }];
    yield [{ type: 'RevokeDevice', device }];
  }

  test('[SWARM-4] whichever statement fails, nothing has changed, and the same command is done when it is sent again', () => {
    const disk = brittle();
    const swarm = new StoreSwarm({ supplyMicro: 1e6, around: disk.around });
    let crashes = 0;
    for (const [command, id] of everything(swarm)) {
      const envelope = swarm.envelope(command, id === undefined ? {} : { id });
      const before = swarm.digest();
      const head = swarm.store.head();
      for (let at = 1; ; at++) {
        disk.arm(at);
        let crashed = false;
        try {
          const { result } = swarm.send(envelope);
          if (!result.ok) throw new Error(`${command.type}: ${result.error.code}`);
        } catch (error) {
          if (!(error instanceof Error) || error.message !== 'the disk is gone') throw error;
          crashed = true;
        }
        disk.disarm();
        if (!crashed) break;
        crashes++;
        expect(swarm.digest(), `${command.type}, statement ${at}`).toBe(before);
        expect(swarm.store.head()).toEqual(head);
        // Now and then the object is gone as well.
        if (at % 5 === 0) swarm.reopen();
      }
      expect(swarm.store.head().seq).toBeGreaterThan(head.seq);
      checkConsistent(swarm);
    }
    expect(crashes).toBeGreaterThan(200);
  });

  test('[SWARM-4] a command that fails takes the others of its batch with it, and none is answered', () => {
    const swarm = new StoreSwarm();
    const before = swarm.digest();
    const broken = { type: 'NoSuchCommand' } as never;
    expect(() =>
      swarm.store.executeMany([swarm.envelope(post), swarm.envelope(broken), swarm.envelope(post)]),
    ).toThrow();
    expect(swarm.digest()).toBe(before);
    swarm.do(post);
    checkConsistent(swarm);
  });

  test('[JOURNAL-15] one list of commands gives one journal, with the head that is written down', async () => {
    const sql = nodeSql(new DatabaseSync(':memory:'));
    migrate(sql, swarmMigrations);
    expect(await runCommandList(sql)).toEqual(COMMAND_LIST_HEAD);
  });

  test('[SWARM-11] a store that is opened anew after every command of the list goes on where it was', async () => {
    const sql = nodeSql(new DatabaseSync(':memory:'));
    migrate(sql, swarmMigrations);
    expect(await runCommandList(sql, (reopen) => reopen())).toEqual(COMMAND_LIST_HEAD);
  });

  test('[SWARM-11] eviction between any two commands changes nothing: the journal’s head is the same', () => {
    const run = (evict: boolean) => {
      const swarm = new StoreSwarm({ supplyMicro: 1e6 });
      for (let n = 0; n < 40; n++) {
        swarm.now += 137;
        swarm.execute(
          n % 3 === 0
            ? { ...ask, operation: 'swarm.echo' }
            : n % 3 === 1
              ? post
              : { ...post, type: 'HoldTransfer', timeoutMs: 500 },
        );
        if (evict) swarm.reopen();
        swarm.runDue();
        if (evict) swarm.reopen();
      }
      // The first event names the swarm's key, which is another each time, and so the hashes differ.
      return swarm.store.events(2, 10_000).map(({ body, type, at }) => `${type} ${at} ${body}`);
    };
    expect(run(true)).toEqual(run(false));
  });
});

describe('the books', () => {
  test('[LEDGER-11] books that do not add up are found when the swarm starts, and nothing is written from then on', () => {
    const plants = [
      [
        'the sum of all accounts is not nought',
        `UPDATE account SET body = json_set(body, '$.postedMicro', 999) WHERE id = 'tenant'`,
      ],
      [
        'what accounts hold is not what transfers hold',
        `UPDATE account SET body = json_set(body, '$.heldMicro', 7) WHERE id = 'tenant'`,
      ],
      [
        'what accounts hold is not what transfers hold',
        `UPDATE transfer SET body = json_set(body, '$.state', 'voided') WHERE body ->> '$.state' = 'pending'`,
      ],
      [
        'an account is below its bound',
        `UPDATE account SET body = json_set(body, '$.heldMicro', 20000) WHERE id = 'tenant'`,
      ],
    ] as const;
    for (const [reason, plant] of plants) {
      const swarm = new StoreSwarm();
      swarm.do({ ...post, type: 'HoldTransfer', timeoutMs: 1_000 });
      expect(swarm.store.audit()).toBeNull();
      swarm.sql.run(plant);
      swarm.reopen();
      expect(swarm.store.audit()).toBe(reason);
      const before = swarm.digest();
      for (const command of [post, ask, { type: 'CloseCycle', cycle: 1 }] as const)
        expect(swarm.code(command)).toBe('swarm_halted');
      expect(swarm.digest()).toBe(before);
      // It does not forget.
      swarm.reopen();
      expect(swarm.store.halted()).toBe(reason);
    }
  });

  test('[LEDGER-11] a transaction that would break the books is rolled back, and stops the swarm', () => {
    const swarm = new StoreSwarm();
    const before = { head: swarm.store.head(), accounts: swarm.stored('account') };
    vi.spyOn(LedgerGuard.prototype, 'check').mockImplementationOnce(() => {
      throw new BooksBroken('planted');
    });
    expect(() => swarm.execute(post)).toThrow(BooksBroken);
    expect({ head: swarm.store.head(), accounts: swarm.stored('account') }).toEqual(before);
    expect(swarm.store.halted()).toBe('planted');
    expect(swarm.code(post)).toBe('swarm_halted');
  });

  test('[LEDGER-11] what a decision does to the books is added up before it is kept', () => {
    const swarm = aSwarm({ supplyMicro: 100 });
    const account = (id: string, postedMicro: number, heldMicro = 0) =>
      ({ kind: 'account', id, row: { id, postedMicro, heldMicro } }) as const;
    const pending = { ...swarm.all('transfer')[0], id: 'trf_1', state: 'pending', amountMicro: 30 } as never;
    const cases = [
      [null, [account('tenant', 90), account('team/a', 10)]],
      [null, [account('tenant', 100, 30), { kind: 'transfer', id: 'trf_1', row: pending }]],
      [/sum/, [account('tenant', 90)]],
      [/sum/, [account('tenant', 90), account('team/a', 11)]],
      [/hold/, [account('tenant', 100, 30)]],
      [/hold/, [{ kind: 'transfer', id: 'trf_1', row: pending }]],
      [
        /bound/,
        [
          account('tenant', 100, 101),
          { kind: 'transfer', id: 'trf_1', row: { ...(pending as object), amountMicro: 101 } as never },
        ],
      ],
    ] as const;
    for (const [why, rows] of cases) {
      const moment = { at: START, actor: SYSTEM, ids: idSource(START, entropyOf(0)), commandId: '', trace: null };
      const draft = openDraft(swarm.read, moment);
      for (const row of rows) (draft.rows as Map<string, unknown>).set(`${row.kind}/${row.id}`, row);
      const guard = new LedgerGuard();
      const judge = () => {
        guard.watch(draft, swarm.read);
        guard.check();
      };
      if (why === null) expect(judge).not.toThrow();
      else expect(judge).toThrow(why);
    }
  });
});

test('[SWARM-15] every reason to refuse has a status and a sentence', () => {
  for (const [code, { status, title }] of Object.entries(REJECTIONS)) {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect([400, 401, 402, 403, 404, 409, 410, 413, 422, 429, 503, 507]).toContain(status);
    expect(title).toMatch(/^[A-Z].*[^.]$/);
  }
});
