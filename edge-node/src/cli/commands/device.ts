// device enrol, run, status: this machine as a device of a swarm.

import { hostname } from 'node:os';
import { z } from 'zod';
import { Fault } from '../../../../core/assert.ts';
import { cutText } from '../../../../core/cut-text.ts';
import { NOT_GOING_ON } from '../../../../core/journal/continuation.ts';
import { PRIVACY_CLASSES } from '../../../../core/wire/terms.ts';
import { enrolDevice } from '../../enrolment.ts';
import { deviceHome, HomeInUse, openHome } from '../../home.ts';
import { createLog } from '../../log.ts';
import { type EdgeNode, startEdgeNode } from '../../main.ts';
import { type DeviceSettings, deviceSettings, readSettings, withFolders, writeSettings } from '../../settings.ts';
import { type DeviceStatus, readDeviceStatus } from '../../status.ts';
import { knownHomes, type WithheldBy } from '../../withheld.ts';
import { type WithheldFolders, withheldFolders } from '../../withheld-folders.ts';
import { type CommandContext, fail, misused, print, readAnswer, refused } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { startLean, thisProcess } from '../lean-start.ts';
import { printable, span } from '../output.ts';
import { signedOut } from './account.ts';

const enrollmentToken = z.object({ token: z.string() });
const tokenCharsMax = 600;

export async function enrol(context: CommandContext): Promise<ExitCode> {
  const { api, flags, terminal } = context;
  const home = deviceHome(terminal.env, flags.one('home'));
  const name = cutText(flags.one('name') ?? hostname(), 100);
  return guarded(context, async () => {
    openHome(home);
    const settings = settingsOf(context, readSettings(home));
    if (typeof settings === 'string') return misused(context, settings);
    const token = await tokenOf(context, name);
    if (typeof token !== 'string') return token;
    const enrolled = await enrolDevice({ home, token, name }, async (body, idempotencyKey) => {
      const answer = await api.post('/v1/devices/enroll', { authorization: null, body, idempotencyKey });
      return answer.ok ? { ok: true, value: answer.value.body } : answer;
    });
    if (!enrolled.ok) {
      if (enrolled.error.code === 'refused') return refused(context, enrolled.error.cause);
      if (enrolled.error.code === 'already_enrolled')
        return fail(context, 'device', {
          code: 'already_enrolled',
          message: `${home} is the home of ${enrolled.error.device} already; give the new device a home of its own (--home)`,
        });
      return refused(context, { kind: 'unexpected', status: 200, message: "the server's answer is not an enrolment" });
    }
    writeSettings(home, settings);
    const { device, tenant, swarm } = enrolled.value;
    print(
      context,
      { device, tenant, swarm, name, home, settings },
      `Enrolled ${device} (${name}).\nStart it with: starling device run${flags.has('home') ? ` --home ${home}` : ''}\n`,
    );
    return EXIT.ok;
  });
}

/** The token that was given, or one that this member makes now. */
async function tokenOf(context: CommandContext, name: string): Promise<string | ExitCode> {
  const { flags, terminal, api } = context;
  const given = flags.one('token') ?? terminal.env.STARLING_ENROLLMENT_TOKEN;
  if (given === '-')
    return (await terminal.readAll(tokenCharsMax))?.trim() ?? misused(context, 'standard input does not hold a token');
  if (given !== undefined) return given;
  const answer = await api.post('/v1/devices/enrollments', { body: { name } });
  if (!answer.ok) {
    const isSignedOut = answer.error.kind === 'problem' && answer.error.status === 401 && context.config.key === null;
    return isSignedOut ? signedOut(context) : refused(context, answer.error);
  }
  return readAnswer(context, enrollmentToken, answer.value)?.token ?? EXIT.unreachable;
}

export async function run(context: CommandContext): Promise<ExitCode> {
  const { flags, terminal, json } = context;
  const home = deviceHome(terminal.env, flags.one('home'));
  return guarded(context, async () => {
    const settings = settingsOf(context, readSettings(home));
    if (typeof settings === 'string') return misused(context, settings);
    await startLean(thisProcess);
    const log = createLog((line) => terminal.err(line), { json, now: terminal.now });
    const node = await startEdgeNode({ home, settings }, { log });
    log('info', 'the device runs', {
      device: node.device,
      pid: process.pid,
      parallel: settings.parallel,
      folders: settings.grants.length,
      unconfined: settings.grants.filter(({ runUnconfined }) => runUnconfined).length,
    });
    if (settings.grants.some((grant) => grant.run && !grant.runUnconfined))
      log('warn', 'grants with run alone run nothing: there is no sandbox; runUnconfined says what it allows');
    return untilOver(context, node);
  });
}

async function untilOver(context: CommandContext, node: EdgeNode): Promise<ExitCode> {
  const { interrupted } = context.terminal;
  const stop = () => void node.stop();
  if (context.flags.has('tethered')) void context.terminal.inputEnded().then(stop);
  if (interrupted.aborted) stop();
  else interrupted.addEventListener('abort', stop, { once: true });
  const end = await node.over;
  if (end.kind === 'asked') return EXIT.ok;
  return fail(context, 'device', { code: 'device_ended', message: end.reason });
}

export async function status(context: CommandContext): Promise<ExitCode> {
  const { flags, terminal } = context;
  const home = deviceHome(terminal.env, flags.one('home'));
  return guarded(context, async () => {
    const found = readDeviceStatus(home, terminal.now());
    if (found === null)
      return fail(context, 'device', { code: 'no_device', message: `no device has run in ${home} yet` });
    const { grants } = readSettings(home);
    const withheld = withheldFolders(grants, knownHomes(terminal.env, home));
    const text = `${describe(home, found, terminal.now())}${describeGrants(grants, withheld)}`;
    print(context, { home, ...found, grants, withheld: withheld.folders, withheldComplete: withheld.complete }, text);
    return found.health === 'red' ? EXIT.failed : EXIT.ok;
  });
}

function describe(
  home: string,
  { running, runtime, outbox, attempts, receipts, history, health }: DeviceStatus,
  now: number,
): string {
  const since = runtime === null ? '' : ` for ${span(now - runtime.linkSince)}`;
  const link = !running || runtime === null ? 'not running' : `${runtime.link}${since}`;
  const age = outbox.oldestAgeMs === null ? '' : `, the oldest ${span(outbox.oldestAgeMs)} old`;
  const lines = [
    `home      ${home}`,
    `health    ${health}`,
    `link      ${link}`,
    `outbox    ${outbox.facts} facts not committed${age} (epoch ${outbox.epoch})`,
    `attempts  ${attempts.running} running, ${attempts.taken} taken`,
    `refused   ${receipts} facts, with their receipts`,
    ...(history.size === null ? [] : [`history   ${history.size} events held, head ${history.head}`]),
    ...(history.problem === null ? [] : [`error     ${history.problem}: ${WHY[history.why ?? ''] ?? ''}`]),
    ...(runtime?.lastProblem ? [`problem   ${runtime.lastProblem}`] : []),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

/** What a person sees of a rule; each is told in full in the guide to connecting a device. */
const RULES: Readonly<Record<WithheldBy, string>> = {
  'home-marker': 'a home of Starling, by its marker',
  'known-home': 'a home of Starling, by what this device knows',
  name: 'its name says that it holds secrets',
  system: 'a view of the running system',
};

function describeGrants(grants: DeviceSettings['grants'], { folders, complete }: WithheldFolders): string {
  const lines = [
    ...grants.map(({ path, read, runUnconfined }) => {
      const rights = [...(read ? ['read'] : []), ...(runUnconfined ? ['run unconfined'] : [])];
      return `granted   ${path} (${rights.join(', ') || 'nothing'})`;
    }),
    ...folders.map(({ path, rule }) => `withheld  ${path} (${RULES[rule]})`),
    ...(complete ? [] : ['withheld  by the same rules where there are more folders than were looked at']),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

/** Why the history that the swarm shows is not the one that is held. */
const WHY: Readonly<Record<string, string>> = {
  ...NOT_GOING_ON,
  refused: 'the swarm says that its history does not go on from the checkpoint that is held',
};

/** What is stored, changed by the flags of this command; a sentence when a flag cannot be read. */
function settingsOf({ flags, terminal }: CommandContext, stored: DeviceSettings): DeviceSettings | string {
  // Its name did not say what it allows. Whoever wants that says so once more, under a name that does.
  if (flags.has('allow-run'))
    return '--allow-run needs a sandbox, and there is none yet: --allow-run-unconfined lets the programs of a project do whatever you may';
  const privacy = flags.one('privacy');
  if (privacy !== undefined && !PRIVACY_CLASSES.some((known) => known === privacy))
    return `--privacy is one of ${PRIVACY_CLASSES.join(', ')}`;
  const parallel = flags.one('parallel');
  const merged = deviceSettings.safeParse({
    ...withFolders(stored, flags.many('allow-read'), flags.many('allow-run-unconfined'), terminal.cwd),
    ...(privacy === undefined ? {} : { privacy }),
    ...(parallel === undefined ? {} : { parallel: Number(parallel) }),
    ...(flags.many('capability').length === 0 ? {} : { capabilities: [...flags.many('capability')] }),
    ...(flags.many('withhold').length === 0 ? {} : { withheld: [...flags.many('withhold')] }),
  });
  if (merged.success) return merged.data;
  const issue = merged.error.issues[0];
  return `/${issue?.path.map(String).join('/') ?? ''}: ${issue?.message ?? 'these are no settings'}`;
}

/** A fault of the device's home is told as such: it is not a defect of this program. */
async function guarded(context: CommandContext, fn: () => Promise<ExitCode>): Promise<ExitCode> {
  try {
    return await fn();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return fail(context, 'device', {
      code: error instanceof HomeInUse ? 'home_in_use' : 'device_fault',
      message: error.message,
    });
  }
}
