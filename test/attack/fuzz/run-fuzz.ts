// Sends the requests of a seed over several connections, judges each answer, and shortens what was found.

import type { Platform } from '../../../local/platform.ts';
import { seededRandom } from '../../simulation/random.ts';
import { makeWorld, type World } from './a-world.ts';
import { readCodes, readOperations } from './document.ts';
import { fuzzFrames } from './fuzz-frames.ts';
import { codeOf, type JudgeDeps, judge } from './judge.ts';
import { type FuzzRequest, makeRequest } from './make-request.ts';
import { bytesOf, openRawClient, type RawClient } from './raw-http.ts';
import { residentAtRest, residentOf } from './watch-memory.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly requests: number;
  /** This request of the seed alone. */
  readonly only?: number;
  readonly say?: (text: string) => void;
  /** Has workerd collect its garbage: without it nothing is said of memory. */
  readonly collect?: () => Promise<void>;
}

export interface Finding {
  readonly what: string;
  readonly n: number;
  readonly count: number;
  /** As it is sent, cut short. */
  readonly request: string;
  readonly answer: string;
}

export interface FuzzReport {
  readonly seed: number;
  readonly requests: number;
  readonly frames: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  /**
   * workerd's resident memory in bytes: at rest after a tenth of the requests (100,000 of a million) and at the end, and the most
   * that was seen at work. Null where it cannot be known, or when workerd was lost.
   */
  readonly residentEarly: number | null;
  readonly residentEnd: number | null;
  readonly residentMost: number | null;
  /** How often workerd was lost. */
  readonly crashes: number;
  readonly findings: readonly Finding[];
}

/** Connections: some of them always wait for an answer that takes its time, and the server is never without work. */
const lanes = 24;
/** So often frames are sent in place of a request. */
const frameShare = 0.02;
/** A tenant is given up after so many requests, before its limits are all that answers. */
const requestsPerWorld = 5_000;
const shortenMax = 80;

export async function runFuzz(platform: Platform, options: FuzzOptions): Promise<FuzzReport> {
  const { url } = platform;
  const { seed, requests, only, say = () => {}, collect } = options;
  const operations = await readOperations(url);
  const codes = readCodes();
  const found = new Map<string, Finding & { readonly sent: FuzzRequest | null; readonly world: World }>();
  const statuses: Record<string, number> = {};
  let [frames, next, done, crashes] = [0, only ?? 1, 0, 0];
  let pid = platform.workerdPid;
  const memory = collect === undefined ? null : { pid: () => platform.workerdPid, collect };
  const earlyAt = Math.max(1, Math.floor(requests / 10));
  let early: Promise<number | null> | null = null;
  let residentMost = 0;
  let pausedMs = 0;
  const began = performance.now();
  let world = { at: 0, made: makeWorld(url) };
  let spare = makeWorld(url);

  const depsOf = ({ marker }: World): JudgeDeps => ({ codes, secrets: [marker, platform.home] });
  const note = (
    what: string,
    n: number,
    request: string,
    answer: string,
    sent: FuzzRequest | null,
    world: World,
  ): void => {
    const known = found.get(what);
    if (known === undefined) say(`found: ${what} (request ${n} of seed ${seed})`);
    // The shortest of them is shown.
    const kept =
      known !== undefined && known.request.length <= request.length ? known : { what, n, request, answer, sent, world };
    found.set(what, { ...kept, count: (known?.count ?? 0) + 1 });
  };

  const secondsAtWork = (): number => (performance.now() - began - pausedMs) / 1_000;
  const perSecond = (): number => Math.round(done / Math.max(1, secondsAtWork()));

  /** The next one is made ahead: nobody waits for it. */
  const renew = (at: number): void => {
    world = { at, made: spare };
    spare = makeWorld(url);
    // Whoever takes it is told.
    spare.catch(() => {});
  };

  async function one(n: number, client: RawClient): Promise<void> {
    const random = seededRandom(seed * 1_000_003 + n);
    const mine = await world.made;
    if (random.chance(frameShare)) {
      const sent = await fuzzFrames(url, mine, random);
      frames += sent.frames;
      if (sent.finding) note(`frames: ${sent.finding.what}`, n, sent.finding.sent.join('\n'), '', null, mine);
      return;
    }
    const request = makeRequest(operations, mine, random);
    const outcome = await client.send(request);
    const status = typeof outcome === 'string' ? outcome : String(outcome.status);
    statuses[status] = (statuses[status] ?? 0) + 1;
    const what = judge(request, outcome, depsOf(mine));
    if (what !== null)
      note(
        nameOf(what, request),
        n,
        textOf(request),
        typeof outcome === 'string' ? outcome : outcome.text.slice(0, 500),
        request,
        mine,
      );
    if (typeof outcome === 'string') return;
    remember(outcome.text, outcome.status, mine);
    // The key is gone, by a request of ours.
    if (codeOf(outcome.text) === 'key_revoked' && mine === (await world.made)) renew(n);
  }

  async function lane(): Promise<void> {
    const client = openRawClient(url);
    for (let n = next++; done < requests && (only === undefined || n === only); n = next++) {
      if (n - world.at >= requestsPerWorld) renew(n);
      try {
        await one(n, client);
      } catch (cause) {
        note(
          `failed: ${cause instanceof Error ? cause.message.slice(0, 80) : 'unknown'}`,
          n,
          '',
          '',
          null,
          await world.made,
        );
      }
      done++;
      if (platform.workerdPid !== null && platform.workerdPid !== pid) {
        if (pid !== null) note('workerd was lost', ++crashes, '', '', null, await world.made);
        pid = platform.workerdPid;
        await platform.ready;
        spare = makeWorld(url);
        renew(n);
      }
      if (done % 1_000 === 0) residentMost = Math.max(residentMost, residentOf(pid) ?? 0);
      if (done % 5_000 === 0) {
        const megabytes = Math.round((residentOf(pid) ?? 0) / 1e6);
        say(`${done} requests, ${perSecond()} a second, ${found.size} findings, ${megabytes} MB`);
      }
      if (done === earlyAt && memory !== null) {
        const from = performance.now();
        early = residentAtRest(memory).finally(() => {
          pausedMs = performance.now() - from;
        });
      }
      // Nothing is asked while it is measured.
      await early;
    }
    client.close();
  }

  await Promise.all(Array.from({ length: only === undefined ? lanes : 1 }, lane));
  const seconds = Math.round(secondsAtWork());
  const requestsPerSecond = perSecond();
  const client = openRawClient(url);
  const findings: Finding[] = [];
  for (const { sent, world, ...finding } of found.values())
    findings.push(
      sent === null
        ? finding
        : { ...finding, request: textOf(await shortened(sent, finding.what, client, depsOf(world))) },
    );
  client.close();
  await spare.catch(() => {});
  const resident = {
    residentEarly: crashes === 0 ? await early : null,
    residentEnd: crashes === 0 && memory !== null ? await residentAtRest(memory) : null,
    residentMost: residentMost || null,
  };
  return { seed, requests: done, frames, seconds, requestsPerSecond, statuses, ...resident, crashes, findings };
}

/** The same fault of the same operation is one finding. */
function nameOf(what: string, { operation, isMalformed }: FuzzRequest): string {
  return isMalformed ? `${what}, to what is no HTTP` : `${what}: ${operation.operationId}`;
}

function textOf(request: FuzzRequest): string {
  const bytes = bytesOf(request, '$HOST');
  const text = bytes
    .subarray(0, 1_500)
    .toString('latin1')
    .replace(/Bearer sk_[\w.-]+/g, 'Bearer $KEY');
  return bytes.length > 1_500 ? `${text}… (${bytes.length} bytes)` : text;
}

/** Things that were made are asked for later. */
function remember(text: string, status: number, { ids }: World): void {
  if (status !== 201 && status !== 202) return;
  const id = /"id":"(([a-z]{3})_[0-9a-z]{26})"/.exec(text);
  if (id === null) return;
  const [, whole = '', kind = ''] = id;
  const known = ids.get(kind) ?? [];
  ids.set(kind, [...known.slice(-20), whole]);
}

/** Takes away what is not needed to show the same fault: headers, the query, the body, and a half of the body. */
async function shortened(request: FuzzRequest, what: string, client: RawClient, deps: JudgeDeps): Promise<FuzzRequest> {
  let best = request;
  let tries = 0;
  const shows = async (changed: FuzzRequest): Promise<boolean> => {
    if (++tries > shortenMax) return false;
    const wrong = judge(changed, await client.send(changed), deps);
    return wrong !== null && nameOf(wrong, changed) === what;
  };
  if (!(await shows(best))) return best;
  for (const header of request.headers) {
    const changed = { ...best, headers: best.headers.filter((one) => one !== header) };
    if (await shows(changed)) best = changed;
  }
  const [path = ''] = best.target.split('?');
  for (const changed of [
    { ...best, target: path },
    { ...best, body: null },
  ])
    if (await shows(changed)) best = { ...best, ...changed };
  for (const smaller of smallerBodies(best.body)) {
    const changed = { ...best, body: smaller };
    if (smaller.length < (best.body?.length ?? 0) && (await shows(changed))) best = changed;
  }
  return best;
}

function* smallerBodies(body: Uint8Array | null): Generator<Uint8Array> {
  if (body === null) return;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    yield body.subarray(0, body.length / 2);
    return;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const entries = Object.entries(value);
  for (const [name] of entries)
    yield Buffer.from(JSON.stringify(Object.fromEntries(entries.filter(([one]) => one !== name))));
  for (const [name] of entries) yield Buffer.from(JSON.stringify({ [name]: (value as Record<string, unknown>)[name] }));
}
