import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { didFromPublicKey, publicKeyFromDid, verifyByDid } from '../../core/devices/did.ts';
import { factIdText, factOf } from '../../core/devices/fact-id.ts';
import type { DeviceId, EnrollmentId } from '../../core/ids.ts';
import { devicesMax, devicesPerSquad, enrollmentMs, eventBodyBytesMax } from '../../core/limits.ts';
import {
  aDescription,
  aDevice,
  aDid,
  anEnrolledDevice,
  anOffer,
  attemptOf,
  connect,
  fail,
  request,
  says,
  succeed,
} from './builders.ts';
import { aSwarm, type MemorySwarm } from './memory-swarm.ts';

const reported = { type: 'device.reported', version: 1, reported: { battery: 50 } } as const;

describe('enrolling', () => {
  test('[DEVICE-1] an enrolment makes one device, once, within its hour', () => {
    const swarm = aSwarm();
    const enrollment = swarm.do({ type: 'OpenEnrollment', name: 'press 3', autonomyLevel: 1 }) as EnrollmentId;
    const late = swarm.do({ type: 'OpenEnrollment' }) as EnrollmentId;
    const did = aDid();
    const device = swarm.do({ type: 'EnrollDevice', enrollment, did, name: 'its own name' });
    expect(swarm.row('device', device)).toMatchObject({
      name: 'press 3',
      did,
      autonomyLevel: 1,
      squad: 0,
      state: 'enrolled',
    });
    expect(swarm.row('presence', device)).toMatchObject({ connected: false, epoch: 0, seq: 0 });
    expect(swarm.refusal({ type: 'EnrollDevice', enrollment, did: aDid(), name: '' })).toBe('enrollment_used');
    swarm.at += enrollmentMs - 1;
    expect(swarm.refusal({ type: 'EnrollDevice', enrollment: late, did, name: '' })).toBe('device_already_enrolled');
    swarm.at += 1;
    expect(swarm.refusal({ type: 'EnrollDevice', enrollment: late, did, name: '' })).toBe('enrollment_expired');
    const nothing = 'enr_nothing' as EnrollmentId;
    expect(swarm.refusal({ type: 'EnrollDevice', enrollment: nothing, did, name: '' })).toBe('enrollment_not_found');
  });

  test('[DEVICE-2] the limit of devices holds when an enrolment is opened and when it is used', () => {
    const swarm = aSwarm();
    const open = swarm.do({ type: 'OpenEnrollment' }) as EnrollmentId;
    let devices = devicesMax - 1;
    Object.assign(swarm.read, { count: () => devices });
    const device = swarm.do({ type: 'EnrollDevice', enrollment: open, did: aDid(), name: '' });
    expect(swarm.row('device', device).squad).toBe(Math.floor((devicesMax - 1) / devicesPerSquad));
    const another = swarm.do({ type: 'OpenEnrollment' }) as EnrollmentId;
    devices = devicesMax;
    expect(swarm.refusal({ type: 'OpenEnrollment' })).toBe('limit_reached');
    expect(swarm.refusal({ type: 'EnrollDevice', enrollment: another, did: aDid(), name: '' })).toBe('limit_reached');
  });
});

describe('coming in', () => {
  function admit(swarm: MemorySwarm, device: DeviceId, epoch: number, seq: number, connection = 'con') {
    const { did } = swarm.row('device', device);
    return swarm.when({ type: 'AdmitDevice', device, did, connection, epoch, seq });
  }

  test('[DEVICE-3] only a device of this swarm comes in, with its own key, unless it was revoked', () => {
    const swarm = aSwarm();
    const device = anEnrolledDevice(swarm);
    const { did } = swarm.row('device', device);
    const command = { type: 'AdmitDevice', device, did, connection: 'con', epoch: 0, seq: 0 } as const;
    expect(swarm.refusal({ ...command, did: aDid() })).toBe('device_unknown');
    expect(swarm.refusal({ ...command, device: 'dev_nothing' as DeviceId })).toBe('device_unknown');
    expect(swarm.refusal(command)).toBeNull();
    swarm.do({ type: 'RevokeDevice', device });
    expect(swarm.refusal(command)).toBe('device_revoked');
  });

  test('[DEVICE-4] a device keeps its epoch while its outbox has used at least what is committed', () => {
    const swarm = aSwarm();
    const device = anEnrolledDevice(swarm);
    expect(admit(swarm, device, 0, 0).view).toEqual({ epoch: 1, seq: 0, now: swarm.at });
    says(swarm, device, reported);
    says(swarm, device, reported);
    expect(admit(swarm, device, 1, 2).view).toMatchObject({ epoch: 1, seq: 2 });
    expect(admit(swarm, device, 1, 9).view).toMatchObject({ epoch: 1, seq: 2 });
  });

  test.each([
    ['has used less than is committed', 1, 1],
    ['is empty', 0, 0],
    ['claims an epoch that nobody gave it', 7, 9],
  ])('[DEVICE-4] a device whose outbox %s starts a new epoch, so that no number has two meanings', (_, epoch, seq) => {
    const swarm = aSwarm();
    const device = anEnrolledDevice(swarm);
    admit(swarm, device, 0, 0);
    says(swarm, device, reported);
    says(swarm, device, reported);
    expect(admit(swarm, device, epoch, seq).view).toMatchObject({ epoch: 2, seq: 0 });
  });

  test('[DEVICE-9] only the end of the connection in force makes a device absent', () => {
    const swarm = aSwarm();
    const device = anEnrolledDevice(swarm);
    connect(swarm, device, 'con_1');
    connect(swarm, device, 'con_2');
    expect(swarm.when({ type: 'DeviceLeft', device, connection: 'con_1' }).types).toEqual([]);
    expect(swarm.row('presence', device)).toMatchObject({ connected: true, connection: 'con_2' });
    expect(swarm.when({ type: 'DeviceLeft', device, connection: 'con_2' }).types).toEqual(['device.disconnected']);
    expect(swarm.when({ type: 'DeviceLeft', device, connection: 'con_2' }).types).toEqual([]);
  });

  test('[DEVICE-9] a device that left keeps its attempts until their leases end', () => {
    const swarm = aSwarm();
    const device = aDevice(swarm);
    const task = request(swarm);
    swarm.do({ type: 'DeviceLeft', device, connection: 'con_1' });
    expect(swarm.row('task', task).state).toBe('leased');
    connect(swarm, device, 'con_2');
    succeed(swarm, task);
    expect(swarm.row('task', task).state).toBe('succeeded');
  });
});

describe('facts', () => {
  test('[DEVICE-5] facts count in their order, and one out of its turn is refused with the one that is expected', () => {
    const swarm = aSwarm();
    const device = anEnrolledDevice(swarm);
    connect(swarm, device);
    const fact = { type: 'TakeFact', device, epoch: 1, seq: 1, body: reported } as const;
    const id = (seq: number) => ({ id: factIdText({ device, epoch: 1, seq }) });
    expect(swarm.when({ ...fact, seq: 2 }, id(2)).result).toEqual({
      ok: false,
      error: { code: 'sequence_gap', expected: 1 },
    });
    expect(swarm.refusal({ ...fact, epoch: 2 })).toBe('epoch_stale');
    expect(swarm.refusal({ ...fact, device: 'dev_nothing' as DeviceId })).toBe('device_unknown');
    for (let seq = 1; seq <= 3; seq++) {
      swarm.do({ ...fact, seq }, id(seq));
      expect(swarm.row('presence', device).seq).toBe(seq);
    }
    expect(swarm.when({ ...fact, seq: 3 }, id(3)).result).toMatchObject({
      error: { code: 'sequence_gap', expected: 4 },
    });
  });

  test('[DEVICE-7] a fact that cannot be is set aside with a receipt, counts, and does not block the next', () => {
    const swarm = aSwarm();
    const device = aDevice(swarm, { operations: [] });
    const of = { task: 'tsk_other', attempt: 'att_other', fence: 1 } as const;
    const impossible = [
      ['refused:attempt_not_current', { type: 'attempt.started', ...of }],
      ['refused:attempt_not_current', { type: 'attempt.succeeded', ...of, result: 1, durationMs: 1 }],
      ['refused:fact_invalid', { type: 'poison', reason: 'nested too deeply' }],
      ['refused:content_too_large', { ...reported, reported: { x: 'x'.repeat(eventBodyBytesMax) } }],
      [
        'refused:content_too_large',
        { type: 'device.described', description: aDescription({ runtime: '€'.repeat(eventBodyBytesMax / 3) }) },
      ],
    ] as const;
    for (const [receipt, body] of impossible) {
      const { seq } = swarm.row('presence', device);
      const { result, events } = says(swarm, device, body);
      expect(result).toEqual({ ok: true, value: receipt });
      expect(events).toMatchObject([{ type: 'fact.set_aside', body: { seq: seq + 1, code: receipt.slice(8) } }]);
      expect(swarm.row('presence', device).seq).toBe(seq + 1);
    }
    expect(says(swarm, device, reported).types).toEqual(['device.reported']);
  });

  test('[DEVICE-7] the largest fact that is not set aside fits its events, whatever it is made of', () => {
    const swarm = aSwarm();
    const device = aDevice(swarm, { operations: [] });
    const name = `text.${'x'.repeat(95)}`;
    const sized = (bytes: number) => [
      { ...reported, reported: { x: 'x'.repeat(bytes) } },
      { type: 'device.described', description: aDescription({ runtime: 'x'.repeat(bytes) }) } as const,
      {
        type: 'device.described',
        description: aDescription({ operations: [anOffer({ name, input: { x: 'x'.repeat(bytes) } })] }),
      } as const,
    ];
    let refused = 0;
    let taken = 0;
    for (let bytes = eventBodyBytesMax - 1_700; bytes < eventBodyBytesMax; bytes += 50)
      for (const body of sized(bytes)) {
        const { result, types } = says(swarm, device, body);
        // Taken or set aside, but never refused: a refused fact would come again for ever.
        expect(result.ok).toBe(true);
        if (types.includes('fact.set_aside')) refused++;
        else taken++;
      }
    expect([refused > 20, taken > 5]).toEqual([true, true]);
  });

  test('[DEVICE-7] facts that were lost on the device are counted in the journal', () => {
    const swarm = aSwarm();
    const device = aDevice(swarm);
    const { events } = says(swarm, device, { type: 'facts.dropped', count: 7, reason: 'disk full' });
    expect(events).toMatchObject([{ type: 'facts.dropped', body: { device, count: 7, reason: 'disk full' } }]);
  });

  test('[DEVICE-6] the identity of a fact is its command’s id, and nothing else is read as one', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (epoch, seq) => {
        expect(factOf(factIdText({ device: 'dev_x', epoch, seq }))).toEqual({ device: 'dev_x', epoch, seq });
      }),
      { numRuns: 1_000 },
    );
    for (const id of ['idem:fact/dev_x/1/1', 'timer/lease/tsk_x/5', '']) expect(factOf(id)).toBeNull();
  });
});

describe('what a device offers', () => {
  test('[DEVICE-8] its routes say what it says: offered, changed, withdrawn, and left alone where nothing changed', () => {
    const swarm = aSwarm();
    const [a, b, c] = ['text.a', 'text.b', 'text.c'].map((name) => anOffer({ name }));
    const device = aDevice(swarm, { operations: [a, b] as never });
    const again = says(swarm, device, {
      type: 'device.described',
      description: aDescription({ operations: [{ ...b, priceMicro: 7 }, c] as never }),
    });
    expect(again.types).toEqual(['route.withdrawn', 'device.described', 'route.offered', 'route.offered']);
    const routes = swarm.all('route').filter(({ executor }) => executor === device);
    expect(routes.map(({ operation, active, priceMicro }) => [operation, active, priceMicro])).toEqual([
      ['text.a', false, 100],
      ['text.b', true, 7],
      ['text.c', true, 100],
    ]);
    const same = says(swarm, device, {
      type: 'device.described',
      description: aDescription({ operations: [{ ...b, priceMicro: 7 }, c] as never }),
    });
    expect(same.types).toEqual(['fact.set_aside']);
  });

  test('[DEVICE-8] an operation that nobody offers any more is unknown again', () => {
    const swarm = aSwarm();
    const device = aDevice(swarm);
    says(swarm, device, { type: 'device.described', description: aDescription({ operations: [] }) });
    expect(swarm.refusal({ type: 'RequestTask', operation: 'text.summarize', input: 1 })).toBe('operation_unknown');
  });
});

describe('changing and revoking', () => {
  test('[DEVICE-10] the desired state has a version, and a change that has not seen it is refused', () => {
    const swarm = aSwarm();
    const device = aDevice(swarm);
    const { events, effects } = swarm.when({ type: 'ChangeDevice', device, desired: { mode: 'eco' }, ifVersion: 0 });
    expect(events).toMatchObject([{ body: { desired: { mode: 'eco' }, desiredVersion: 1 } }]);
    expect(effects).toMatchObject([
      { kind: 'order', order: { deliverBy: null, body: { type: 'desire', version: 1 } } },
    ]);
    expect(swarm.when({ type: 'ChangeDevice', device, name: 'x', ifVersion: 0 }).result).toEqual({
      ok: false,
      error: { code: 'version_conflict', version: 1 },
    });
    expect(swarm.when({ type: 'ChangeDevice', device, desired: { mode: 'eco' } }).types).toEqual([]);
    expect(swarm.refusal({ type: 'ChangeDevice', device: 'dev_nothing' as DeviceId })).toBe('device_not_found');
    says(swarm, device, { type: 'device.reported', version: 1, reported: { mode: 'eco' } });
    expect(swarm.row('device', device)).toMatchObject({
      desired: { version: 1 },
      reported: { version: 1, state: { mode: 'eco' } },
    });
  });

  test('[DEVICE-11] a revoked device offers nothing, is turned out, and is refused for good', () => {
    const swarm = aSwarm();
    const device = aDevice(swarm);
    const { did } = swarm.row('device', device);
    const { types, effects } = swarm.when({ type: 'RevokeDevice', device });
    expect(types).toEqual(['route.withdrawn', 'device.revoked']);
    expect(effects).toEqual([{ kind: 'expel', squad: 0, device }]);
    expect(says(swarm, device, reported).result).toEqual({ ok: false, error: { code: 'device_revoked' } });
    expect(swarm.refusal({ type: 'ChangeDevice', device, name: 'x' })).toBe('device_revoked');
    expect(swarm.when({ type: 'RevokeDevice', device }).types).toEqual([]);
    const enrollment = swarm.do({ type: 'OpenEnrollment' }) as EnrollmentId;
    expect(swarm.refusal({ type: 'EnrollDevice', enrollment, did, name: '' })).toBe('device_already_enrolled');
  });

  test('[DEVICE-11] what a revoked device was doing goes to another when its lease ends', () => {
    const swarm = aSwarm({ supplyMicro: 1_000 });
    const device = aDevice(swarm);
    const task = request(swarm);
    swarm.do({ type: 'RevokeDevice', device });
    const other = aDevice(swarm);
    swarm.fire(`lease/${task}`);
    swarm.fire(`retry/${task}`);
    expect(attemptOf(swarm, task)).toMatchObject({ executor: other, n: 2 });
    expect(swarm.row('account', 'tenant').heldMicro).toBe(100);
    fail(swarm, task, false);
    expect(swarm.available('tenant')).toBe(1_000);
  });
});

describe('did:key', () => {
  test('[DEVICE-12] a public key and its did:key name each other, and a second spelling is no name', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(60), (key, at) => {
        const did = didFromPublicKey(key);
        expect(publicKeyFromDid(did)).toEqual(key);
        const place = 'did:key:z'.length + (at % (did.length - 'did:key:z'.length));
        const other = did.slice(0, place) + (did[place] === '2' ? '3' : '2') + did.slice(place + 1);
        expect(publicKeyFromDid(other)).not.toEqual(key);
        for (const twin of [`${did}1`, did.replace(':z', ':z1'), did.toUpperCase(), `${did} `])
          expect(publicKeyFromDid(twin)).toBeNull();
      }),
      { numRuns: 1_000 },
    );
    for (const text of ['', 'did:key:z', 'did:web:example.com', 'did:key:z6Mk', `did:key:z${'1'.repeat(200)}`])
      expect(publicKeyFromDid(text)).toBeNull();
  });

  test('[DEVICE-12] the did:key of RFC 8032’s first key is the one that others compute', () => {
    const key = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');
    expect(didFromPublicKey(new Uint8Array(key))).toBe('did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw');
  });

  test('[DEVICE-12] a signature holds for its text and key alone', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const did = didFromPublicKey(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)));
    const signature = sign(null, Buffer.from('text'), privateKey).toString('base64url');
    expect(verifyByDid(did, 'text', signature)).toBe(true);
    expect(verifyByDid(did, 'texT', signature)).toBe(false);
    expect(verifyByDid(aDid(), 'text', signature)).toBe(false);
    expect(verifyByDid('did:key:znonsense', 'text', signature)).toBe(false);
    expect(verifyByDid(did, 'text', `${signature}=`)).toBe(false);
    for (let at = 0; at < signature.length; at++) {
      const flipped = signature.slice(0, at) + (signature[at] === 'A' ? 'B' : 'A') + signature.slice(at + 1);
      expect(verifyByDid(did, 'text', flipped)).toBe(false);
    }
  });
});
