import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Fault } from '../../core/assert.ts';
import { verifyByDid } from '../../core/devices/did.ts';
import { canonical } from '../../core/json.ts';
import { enrollDevice } from '../../core/wire/enrollment.ts';
import { enrolDevice } from '../../edge-node/src/enrolment.ts';
import { HomeInUse, isHomeInUse, lockHome, openHome, writePrivateFile } from '../../edge-node/src/home.ts';
import { homeMarkerFile, readHomeMarker } from '../../edge-node/src/home-marker.ts';
import { openIdentity, readEnrolment } from '../../edge-node/src/identity.ts';
import { startEdgeNode } from '../../edge-node/src/main.ts';
import { deviceSettings, readSettings, withFolders, writeSettings } from '../../edge-node/src/settings.ts';
import { aDevice, anId } from './a-device.ts';

let home = '';
beforeEach(() => {
  home = join(mkdtempSync(join(tmpdir(), 'starling-home-')), 'home');
});
afterEach(() => rmSync(join(home, '..'), { recursive: true }));

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
const answer = {
  device: anId('dev'),
  tenant: anId('tnt'),
  swarm: anId('swm'),
  credential: 'dvc_x.y',
  connectUrl: 'ws://localhost:1/',
};

describe('a private file', () => {
  test('is written through no name that somebody can have taken before, and leaves no draft', () => {
    openHome(home);
    const theirs = join(home, 'theirs');
    writeFileSync(theirs, 'theirs');
    const path = join(home, 'held.json');
    if (process.platform !== 'win32') symlinkSync(theirs, `${path}.${process.pid}.new`);
    writePrivateFile(path, 'ours');
    expect([readFileSync(path, 'utf8'), readFileSync(theirs, 'utf8')]).toEqual(['ours', 'theirs']);
    const before = readdirSync(home);
    mkdirSync(join(home, 'folder'));
    expect(() => writePrivateFile(join(home, 'folder'), 'ours')).toThrow();
    expect(readdirSync(home)).toEqual([...before, 'folder'].toSorted());
  });

  test.runIf(process.platform === 'linux')(
    'is never replaced by a part of itself when there is no room for all',
    () => {
      openHome(home);
      const path = join(home, 'settings.json');
      writePrivateFile(path, 'before');
      const code = `import { writePrivateFile } from ${JSON.stringify(import.meta.resolve('../../edge-node/src/home.ts'))};
      try { writePrivateFile(${JSON.stringify(path)}, 'x'.repeat(100_000)); } catch (error) { console.log(error.code); }`;
      // What a disk does that has room for a part: the first write is short, the next one fails.
      const words = ['-c', `trap '' XFSZ; ulimit -f 8; exec "$0" --input-type=module -e "$1"`, process.execPath, code];
      expect(execFileSync('bash', words, { encoding: 'utf8' }).trim()).toBe('EFBIG');
      expect(readFileSync(path, 'utf8')).toBe('before');
    },
  );
});

describe('a home', () => {
  test('and all that is in it is for its owner alone', async () => {
    await enrolDevice({ home, token: 'ent_a.b', name: 'a' }, async () => ({ ok: true, value: answer }));
    writeSettings(home, deviceSettings.parse({}));
    const node = await startEdgeNode({ home }, { loadOperations: async () => [] });
    expect(modeOf(home)).toBe('700');
    for (const name of ['device.key', 'device.json', 'settings.json', 'status.json'])
      expect([name, modeOf(join(home, name))]).toEqual([name, '600']);
    await node.stop();
  });

  test('that was open to others is closed', () => {
    openHome(home);
    openIdentity(home);
    chmodSync(home, 0o755);
    chmodSync(join(home, 'device.key'), 0o644);
    openHome(home);
    openIdentity(home);
    expect([modeOf(home), modeOf(join(home, 'device.key'))]).toEqual(['700', '600']);
  });

  test('holds one runtime at a time', async () => {
    const device = aDevice();
    device.enrol('ws://127.0.0.1:1/');
    const node = await startEdgeNode({ home: device.home }, { loadOperations: async () => [] });
    expect(isHomeInUse(device.home)).toBe(true);
    await expect(startEdgeNode({ home: device.home })).rejects.toThrow(HomeInUse);
    await node.stop();
    expect(isHomeInUse(device.home)).toBe(false);
    lockHome(device.home).release();
    device.remove();
  });

  test('without a device is told from one with a damaged file', async () => {
    await expect(startEdgeNode({ home })).rejects.toThrow(/no device is enrolled/);
    writeFileSync(join(home, 'device.json'), '{"device":"dev_secret-part');
    const damaged = await startEdgeNode({ home }).catch((error: unknown) => error);
    expect(damaged).toBeInstanceOf(Fault);
    expect(String(damaged)).not.toContain('secret-part');
    writeFileSync(join(home, 'device.key'), 'not a key');
    expect(() => openIdentity(home)).toThrow(/does not hold an Ed25519 private key/);
  });
});

describe('an identity', () => {
  test('is made once and signs as its did', () => {
    openHome(home);
    const identity = openIdentity(home);
    expect(openIdentity(home).did).toBe(identity.did);
    expect(verifyByDid(identity.did, 'text', identity.sign('text'))).toBe(true);
    expect(verifyByDid(identity.did, 'other', identity.sign('text'))).toBe(false);
  });
});

describe('enrolment', () => {
  test('proves the key over the token, and keeps what it is given', async () => {
    const posted: unknown[] = [];
    const enrolled = await enrolDevice({ home, token: 'ent_a.b', name: 'my laptop' }, async (body) => {
      posted.push(body);
      return { ok: true, value: answer };
    });
    expect(enrolled).toEqual({ ok: true, value: { ...answer, name: 'my laptop' } });
    expect(readEnrolment(home)).toEqual({ ...answer, name: 'my laptop' });
    const { token, did, proof } = enrollDevice.parse(posted[0]);
    expect(verifyByDid(did, canonical({ did, purpose: 'starling.enroll', token }), proof)).toBe(true);
  });

  test('[P6] cut off and repeated sends the same request under the same key', async () => {
    const posts: [unknown, string][] = [];
    const post = async (body: unknown, key: string) => {
      posts.push([body, key]);
      return posts.length === 1 ? { ok: false as const, error: 'cut' } : { ok: true as const, value: answer };
    };
    expect(await enrolDevice({ home, token: 't', name: 'a' }, post)).toEqual({
      ok: false,
      error: { code: 'refused', cause: 'cut' },
    });
    expect(readEnrolment(home)).toBeNull();
    expect((await enrolDevice({ home, token: 't', name: 'a' }, post)).ok).toBe(true);
    expect(posts[1]).toEqual(posts[0]);
  });

  test('does not replace a device that is there', async () => {
    const post = async () => ({ ok: true as const, value: answer });
    await enrolDevice({ home, token: 't', name: 'a' }, post);
    expect(await enrolDevice({ home, token: 'u', name: 'b' }, post)).toEqual({
      ok: false,
      error: { code: 'already_enrolled', device: answer.device },
    });
  });

  test.each([[{}], [{ ...answer, connectUrl: 'file:///etc/passwd' }], ['text'], [null]])(
    'refuses the answer %j',
    async (value) => {
      expect(await enrolDevice({ home, token: 't', name: 'a' }, async () => ({ ok: true, value }))).toEqual({
        ok: false,
        error: { code: 'answer_invalid' },
      });
      expect(readdirSync(home)).toEqual(['device.key', 'starling-home']);
    },
  );
});

test('[DEVICE-17] a device’s home is marked as one when it is opened, also one of before', () => {
  for (let i = 0; i < 2; i++) {
    openHome(home);
    expect(readHomeMarker(home)?.kind).toBe('device');
  }
  rmSync(join(home, homeMarkerFile));
  openHome(home);
  expect(readHomeMarker(home)?.kind).toBe('device');
});

describe('settings', () => {
  test('of a new device grant nothing', () => {
    openHome(home);
    expect(readSettings(home)).toMatchObject({ grants: [], withheld: [], privacy: 'device-only' });
  });

  test('take folders relative to where the command stands; running includes reading', () => {
    const settings = withFolders(deviceSettings.parse({}), ['docs', '/b'], ['/b'], '/a');
    expect(settings.grants).toEqual([
      { path: '/a/docs', read: true, run: false, runUnconfined: false },
      { path: '/b', read: true, run: false, runUnconfined: true },
    ]);
  });

  test('of before, with run, can still be read; they run nothing by it', () => {
    openHome(home);
    writeFileSync(join(home, 'settings.json'), '{"grants":[{"path":"/b","read":true,"run":true}]}');
    const { grants } = readSettings(home);
    expect(grants).toEqual([{ path: '/b', read: true, run: true, runUnconfined: false }]);
    expect(withFolders(deviceSettings.parse({ grants }), [], ['/b'], '/').grants).toEqual([
      { path: '/b', read: true, run: true, runUnconfined: true },
    ]);
  });

  test.each([
    ['{', 'is not JSON'],
    ['{"grants":[{"path":"relative","read":true,"run":false}]}', '/grants/0/path: expected an absolute path'],
    ['{"parallel":0}', '/parallel'],
    ['{"unknown":1}', 'nrecognized'],
  ])('that read %s are refused with the place', (text, words) => {
    openHome(home);
    writeFileSync(join(home, 'settings.json'), text);
    expect(() => readSettings(home)).toThrow(words);
  });
});
