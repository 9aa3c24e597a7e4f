// Work of the parent, run again in a fork: through the same decisions as any task. Only who is there is not asked of the
// world but taken from the record, because nobody is: the executors that a command names stand in, for that decision alone.

import { startMission } from '../missions/decide.ts';
import { err, ok, type Result } from '../result.ts';
import type { Candidate } from '../routes/rank.ts';
import { type Route, routeId } from '../routes/state.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import { PRIVACY_CLASSES } from '../wire/terms.ts';
import { cancelTask, requestTask } from '../work/decide.ts';
import { place } from '../work/place.ts';
import { isOpen } from '../work/state.ts';
import type { ForkCommand } from './commands.ts';
import { giveCredits } from './credits.ts';
import type { Fork, StandIn, WhatIf } from './state.ts';

type RerunCommand = Exclude<ForkCommand, { readonly type: 'ForkSwarm' | 'SettleFork' | 'SetEffects' | 'WakeExecutor' }>;
type Named<T extends RerunCommand['type']> = Extract<RerunCommand, { readonly type: T }>;

export function decideRerun(draft: Draft, fork: Fork, command: RerunCommand): Result<string, Rejection> {
  if (command.type === 'BeginWhatIf') return begin(draft, fork, command);
  if (fork.whatIf === null || fork.whatIf.ended !== null) return err({ code: 'what_if_done' });
  const { id, supplyMicro } = draft.swarm();
  switch (command.type) {
    case 'AdoptRoutes':
      adopt(draft, command, fork.whatIf);
      return ok(id);
    case 'RerunTask': {
      // What a task may cost is its own limit; what the swarm had left then is not run again.
      giveCredits(draft, id, supplyMicro);
      const request = { ...command.request, deadline: draft.moment.at + command.withinMs };
      return requestTask(standIn(draft, command.standIns, false), request, `what-if/${command.of}`);
    }
    case 'RerunMission': {
      giveCredits(draft, id, supplyMicro);
      const request = { ...command.request, deadline: draft.moment.at + command.withinMs };
      return startMission(standIn(draft, command.standIns, false), request, `what-if/${command.of}`);
    }
    case 'PlaceRerun': {
      const task = draft.row('task', command.task);
      if (task?.state !== 'queued') return ok(command.task);
      giveCredits(draft, id, supplyMicro);
      place(standIn(draft, command.standIns, true), task);
      return ok(command.task);
    }
    case 'NoteRerun':
      return note(draft, command);
    case 'EndWhatIf':
      draft.emit({ type: 'what_if.ended', subject: `swarm/${id}`, body: command.counts });
      return ok(id);
  }
}

/** A what-if is of one fork, once: another one wants another fork, so that both can be looked at. */
function begin(draft: Draft, fork: Fork, { type: _, ...wanted }: Named<'BeginWhatIf'>): Result<string, Rejection> {
  const { id } = draft.swarm();
  if (fork.effects === 'on') return err({ code: 'effects_on' });
  if (fork.whatIf !== null) return err({ code: 'what_if_done' });
  draft.emit({ type: 'what_if.begun', subject: `swarm/${id}`, body: wanted });
  for (const override of wanted.routes) {
    const known = draft.row('route', override.route);
    if (known !== null) overrideRoute(draft, override, known);
  }
  return ok(id);
}

function overrideRoute(
  draft: Draft,
  { route, priceMicro, active }: WhatIf['routes'][number],
  known: { readonly priceMicro: number; readonly active: boolean },
): void {
  draft.emit({
    type: 'route.overridden',
    subject: `route/${route}`,
    body: { route, priceMicro: priceMicro ?? known.priceMicro, active: active ?? known.active },
  });
}

/** Routes that came later in the parent come too, as what is wanted of them says. */
function adopt(draft: Draft, { routes }: Named<'AdoptRoutes'>, whatIf: WhatIf): void {
  for (const { id, active, measured: _, ...offer } of routes) {
    if (draft.row('route', id) !== null) continue;
    draft.emit({ type: 'route.offered', subject: `route/${id}`, body: { route: id, ...offer } });
    const override = whatIf.routes.find(({ route }) => route === id);
    if (override || !active) overrideRoute(draft, { active, ...override, route: id }, { ...offer, active });
  }
}

/** Keeps what came of one task. One that nobody could do does not stay open: nobody will come. */
function note(draft: Draft, { type: _, ...body }: Named<'NoteRerun'>): Result<string, Rejection> {
  if (draft.row('rerun', body.of) !== null) return ok(body.of);
  const task = body.task && draft.row('task', body.task);
  if (task && isOpen(task)) cancelTask(draft, task, body.refused ?? 'not_done');
  draft.emit({ type: 'task.rerun', subject: `rerun/${body.of}`, body });
  return ok(body.of);
}

/** The draft as it would be with these executors there, and no other. @param free whether they may be given work now */
function standIn(draft: Draft, standIns: readonly StandIn[], free: boolean): Draft {
  return {
    ...draft,
    candidates(operation) {
      const known = new Map<string, Candidate>();
      for (const { route } of draft.candidates(operation))
        known.set(route.id, { route, connected: false, free: false });
      for (const { executor, before } of standIns) {
        const route = draft.row('route', routeId(operation, executor));
        const offered = route && (before === null ? route : asBefore(route, before));
        if (offered?.active) known.set(offered.id, { route: offered, connected: true, free });
      }
      return [...known.values()];
    },
  };
}

/** A route that did a task is one that could. */
function asBefore(route: Route, { priceMicro, require }: NonNullable<StandIn['before']>): Route {
  const { privacy, capability } = require;
  const isPrivate = privacy === undefined || PRIVACY_CLASSES.indexOf(route.privacy) >= PRIVACY_CLASSES.indexOf(privacy);
  return {
    ...route,
    active: true,
    priceMicro,
    privacy: isPrivate ? route.privacy : privacy,
    capabilities: capability === undefined ? route.capabilities : [...route.capabilities, capability],
  };
}
