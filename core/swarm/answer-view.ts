// What a command's answer shows: the resource that it made or changed, as it is right after it.

import { retentionView } from '../archive/view.ts';
import type { Json } from '../json.ts';
import { missionView } from '../missions/view.ts';
import { taskView } from '../work/view.ts';
import type { SwarmCommand } from './commands.ts';
import type { Draft } from './draft.ts';
import { deliveryView, deviceView, keyView, transferView, triggerView, webhookView } from './views.ts';

/** @param id what `decide` answered with */
export function answerView(draft: Draft, command: SwarmCommand, id: string): Json {
  switch (command.type) {
    case 'RequestTask':
    case 'CancelTask':
      return show(draft.row('task', id), taskView);
    case 'StartMission':
    case 'CancelMission':
      return show(draft.row('mission', id), (mission) => missionView(mission, draft.tasksOf(mission)));
    case 'OpenEnrollment':
      return show(draft.row('enrollment', id), (enrollment) => ({
        id: enrollment.id,
        expiresAt: enrollment.expiresAt,
      }));
    case 'EnrollDevice':
    case 'ChangeDevice':
    case 'RevokeDevice':
      return show(draft.row('device', id), (device) => deviceView(device, draft.row('presence', id)));
    case 'AdmitDevice':
      return show(draft.row('presence', id), ({ epoch, seq }) => ({ epoch, seq, now: draft.moment.at }));
    case 'IssueKey':
    case 'RotateKey':
    case 'RevokeKey':
      return show(draft.row('key', id), keyView);
    case 'PostTransfer':
    case 'HoldTransfer':
    case 'SettleTransfer':
    case 'VoidTransfer':
      return show(draft.row('transfer', id), transferView);
    case 'CreateTrigger':
    case 'RotateTrigger':
      return show(draft.row('trigger', id), triggerView);
    case 'CreateWebhook':
    case 'RotateWebhook':
    case 'EnableWebhook':
      return show(draft.row('webhook', id), webhookView);
    case 'ReplayDelivery':
      return show(draft.row('delivery', id), deliveryView);
    case 'SetRetention':
      return show(draft.swarm(), retentionView);
    default:
      return null;
  }
}

function show<T, V>(row: T | null, view: (row: T) => V): Json {
  // Views are inferred from wire schemas: data that JSON can say.
  return row === null ? null : (view(row) as Json);
}
