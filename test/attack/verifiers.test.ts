// Attacks on whoever verifies: files of somebody who wants the verifier to take all memory or all day. Both verifiers run as a
// user starts them, on the bombs of verifier-bombs.ts, and the most memory that they ever held is theirs to say.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { exportHeader } from '../../core/journal/export-lines.ts';
import { EXIT } from '../../edge-node/src/cli/exit-codes.ts';
import { root } from '../tidy/repository.ts';
import { anArchive, whole as checkpoint } from '../verify/a-journal.ts';
import { noPython } from '../verify/python.ts';
import {
  aSignedJournal,
  asLines,
  asParquet,
  fileAround,
  type Journal,
  lyingFile,
  numbers,
  packedBits,
  page,
  run,
} from './verifier-bombs.ts';
import { isWhole, sized } from './whole.ts';

const folder = mkdtempSync(join(tmpdir(), 'starling-bombs-'));
afterAll(() => rmSync(folder, { recursive: true }));

const MIB = 1024 * 1024;
/** Of the processor: how long it takes depends on what else the machine does. */
const secondsMax = 30;
const patienceMs = 300_000;
/** Not proved, or not readable, by either program. */
const REFUSED: readonly (number | null)[] = [1, EXIT.unproved, EXIT.usage];
const repeated = (text: string, times: number) => Buffer.alloc(text.length * times, text);
const empty = new Uint8Array(8);

/** Each is refused within so much memory beside what the file has itself. */
const BOMBS: readonly { name: string; make: () => Uint8Array | string; memory: number; isLarge?: boolean }[] = [
  {
    name: 'one body in a dictionary for 300 rows',
    make: () => asParquet(bodies(300, 240_000), { hasDictionary: true }),
    memory: 400 * MIB,
  },
  {
    name: 'a body larger than any of a journal, for 300 rows',
    make: () => {
      const { events, checkpoint: signed } = aSignedJournal(300, () => ({}));
      const body = JSON.stringify(numbers(8 * MIB));
      return asParquet(
        { checkpoint: signed, events: events.map((event) => ({ ...event, body })) },
        { hasDictionary: true },
      );
    },
    memory: 400 * MIB,
  },
  {
    name: 'a run of two thousand million values',
    make: () => lyingFile(checkpoint, Buffer.concat([page('dictionary', 1, empty), page('data', 1, run(2 ** 31), 8)])),
    memory: 250 * MIB,
  },
  {
    name: 'packed bits of a thousand million values',
    make: () =>
      lyingFile(checkpoint, Buffer.concat([page('dictionary', 1, empty), page('data', 1, packedBits(2 ** 27), 8)])),
    memory: 250 * MIB,
  },
  {
    name: 'sixty megabytes of packed bits for 8,192 values',
    make: () => {
      const bits = packedBits(60 * MIB, 60 * MIB);
      return lyingFile(checkpoint, Buffer.concat([page('dictionary', 1, empty), page('data', 8_192, bits, 8)]), {
        rows: 8_192,
      });
    },
    memory: 500 * MIB,
  },
  {
    name: 'a page that unpacks to a gigabyte',
    make: () => lyingFile(checkpoint, page('dictionary', 1, repeated('0', sized(200, 1_000) * MIB))),
    memory: 250 * MIB,
  },
  {
    name: 'pages that share one place in the file',
    make: () =>
      lyingFile(checkpoint, Buffer.concat(new Array(20_000).fill(page('dictionary', 0, new Uint8Array()))), {
        groups: 2_000,
      }),
    memory: 300 * MIB,
  },
  {
    name: 'a footer of parts without anything in them',
    make: () => fileAround(Buffer.concat([Buffer.from([0x29, 0xfc, 0xff, 0xff, 0xff, 3]), Buffer.alloc(4 * MIB - 6)])),
    memory: 450 * MIB,
  },
  {
    name: 'a footer of lists that say they are long',
    make: () => fileAround(repeated('\u0019\u00f9\u00ff\u00ff\u00ff\u0003', MIB).subarray(0, 4 * MIB)),
    memory: 300 * MIB,
  },
  { name: 'a footer as large as the file', make: () => fileAround(Buffer.alloc(100 * MIB, 0x1c)), memory: 250 * MIB },
  {
    name: 'nothing but ends of lines',
    make: () => Buffer.concat([Buffer.from(`${exportHeader(checkpoint)}\n`), repeated('\n', sized(20, 320) * MIB)]),
    memory: 250 * MIB,
  },
  {
    name: 'a line without an end',
    make: () => Buffer.concat([Buffer.from(`${exportHeader(checkpoint)}\n`), repeated('[', sized(20, 320) * MIB)]),
    memory: 250 * MIB,
  },
  {
    name: 'lines that are all the first',
    make: () => repeated(`${exportHeader(checkpoint)}\n`, sized(10_000, 1_000_000)),
    memory: 250 * MIB,
  },
  { name: 'JSON that is nested without end', make: () => repeated('[', 16 * MIB), memory: 1_400 * MIB, isLarge: true },
  { name: 'JSON of nothing but objects', make: () => objects(16 * MIB), memory: 1_000 * MIB, isLarge: true },
  { name: 'JSON larger than any proof', make: () => objects(sized(17, 400) * MIB), memory: 250 * MIB },
];

function objects(bytes: number): Buffer {
  return Buffer.concat([Buffer.from('['), repeated('{},', Math.floor(bytes / 3) - 2), Buffer.from('{}]')]);
}

function bodies(size: number, bytes: number): Journal {
  const body = numbers(bytes);
  return aSignedJournal(size, () => body);
}

interface Ended {
  readonly status: number | null;
  readonly said: string;
  /** The most memory that it held, in bytes, and how long it had the processor; noughts where the system does not say. */
  readonly memory: number;
  readonly seconds: number;
}

/** Only Linux says it of a program alone: elsewhere, and in `maxrss`, whoever started it counts too. */
const isMeasured = process.platform === 'linux';
const peak = join(folder, 'peak');
const atExit = `data:text/javascript,${encodeURIComponent(
  `import { appendFileSync, readFileSync } from 'node:fs';
  process.on('exit', () => {
    const { user, system } = process.cpuUsage();
    appendFileSync(${JSON.stringify(peak)}, readFileSync('/proc/self/status') + 'CPU: ' + (user + system) / 1e6 + '\\n');
  });`,
)}`;
const wrapped = `import atexit, runpy, sys, time
peak = ${JSON.stringify(peak)}
atexit.register(lambda: open(peak, "a").write(open("/proc/self/status").read() + "CPU: %f" % time.process_time()))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")`;
const unmeasured = 'import runpy, sys\nsys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name="__main__")';

const VERIFIERS: Readonly<Record<string, (words: readonly string[]) => [string, ...string[]]>> = {
  'starling verify': (words) => {
    const bin = join(root, 'edge-node/bin/starling.mjs');
    return [process.execPath, ...(isMeasured ? ['--import', atExit] : []), bin, 'verify', ...words];
  },
  ...(noPython
    ? {}
    : {
        'verify.py': ([thing = '', ...rest]: readonly string[]) => [
          ...(['python3', '-c', isMeasured ? wrapped : unmeasured] as const),
          ...[join(root, 'docs/verify/verify.py'), thing, ...rest.filter((word) => word !== '--held')],
        ],
      }),
};

async function verify(name: string, words: readonly string[]): Promise<Ended> {
  const [program, ...args] = VERIFIERS[name]?.(words) ?? [''];
  writeFileSync(peak, '');
  const env = { PATH: process.env.PATH, HOME: folder, STARLING_CONFIG: join(folder, 'config.json') };
  const child = spawn(program, args, { env, timeout: patienceMs, killSignal: 'SIGKILL' });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      said += String(data);
    });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const text = readFileSync(peak, 'utf8');
  const most = (line: RegExp) => Math.max(...[...text.matchAll(line)].map(([, number]) => Number(number)));
  return isMeasured
    ? { status, said, memory: most(/^VmHWM:\s+(\d+) kB$/gm) * 1024, seconds: most(/^CPU: ([\d.]+)$/gm) }
    : { status, said, memory: 0, seconds: 0 };
}

describe.each(Object.keys(VERIFIERS))('[EXPORT-20] %s', (verifier) => {
  test.each(BOMBS.filter(({ isLarge = false }) => isWhole || !isLarge))(
    'refuses $name within its memory and time',
    { timeout: 2 * patienceMs },
    async ({ name, make, memory }) => {
      const path = join(folder, 'bomb');
      const bytes = make();
      writeFileSync(path, bytes);
      const ended = await verify(verifier, [path]);
      expect(REFUSED, `${name}: ${ended.said}`).toContain(ended.status);
      expect(ended.said).not.toMatch(/Traceback|\n\s+at /);
      expect(ended.memory / MIB).toBeLessThan((memory + 2 * bytes.length) / MIB);
      expect(ended.seconds).toBeLessThan(secondsMax);
    },
  );

  test('accepts honest files, within the memory of one row group beside the file', {
    timeout: 2 * patienceMs,
  }, async () => {
    const line = 'the quick brown fox jumps over the lazy dog ';
    const some = aSignedJournal(sized(300, 6_000), (seq) => ({ seq, text: line.repeat(seq % 200) }));
    const path = join(folder, 'honest');
    for (const bytes of [asLines(some), asParquet(some), asParquet(some, { hasDictionary: true, groupRows: 8_192 })]) {
      writeFileSync(path, bytes);
      const ended = await verify(verifier, [path]);
      expect(ended).toMatchObject({ status: 0 });
      expect(ended.memory / MIB).toBeLessThan((400 * MIB + 2 * bytes.length) / MIB);
    }
  });

  test('accepts the same large body in many rows', { timeout: 2 * patienceMs }, async () => {
    const path = join(folder, 'honest');
    writeFileSync(path, asParquet(bodies(sized(5, 100), 240_000)));
    expect(await verify(verifier, [path])).toMatchObject({ status: 0 });
  });

  test.runIf(process.platform !== 'win32')(
    'reads no pipe, no device and no name that leads to one',
    {
      timeout: 2 * patienceMs,
    },
    async () => {
      const own = mkdtempSync(join(folder, 'links-'));
      const pipe = join(own, 'pipe');
      execFileSync('mkfifo', [pipe]);
      const links = join(own, 'links');
      mkdirSync(links);
      for (const [name, bytes] of await anArchive([8, 8, 5]))
        if (name === 'manifest.json') writeFileSync(join(links, name), bytes);
        else symlinkSync('/dev/zero', join(links, name));
      const export_ = join(root, 'docs/verify/vectors/export.ndjson');
      for (const words of [
        [pipe],
        ['/dev/zero'],
        [links],
        [export_, '--held', '/dev/zero'],
        [export_, '--held', pipe],
      ]) {
        const ended = await verify(verifier, words);
        expect(REFUSED, ended.said).toContain(ended.status);
        expect(ended.memory / MIB).toBeLessThan(250);
      }
    },
  );
});
