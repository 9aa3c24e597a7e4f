// How an attempt is shown, by the kind of its executor: one row of the table each. Names are those of OpenTelemetry's GenAI
// conventions (1.41): an operation that is done is a tool that is executed, by an agent where a device does it.

import type { ExecutorKind } from '../wire/terms.ts';
import type { Attempt } from '../work/state.ts';
import type { Attributes, SpanKind } from './span.ts';

export interface AttemptShown {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

type Show = (operation: string, attempt: Attempt) => AttemptShown;

export const ATTEMPT_KINDS: Readonly<Record<ExecutorKind, Show>> = {
  device: (operation, attempt) => toolSpan(operation, attempt, attempt.executor),
  cloud: (operation, attempt) => toolSpan(operation, attempt, null),
};

export function kindOf({ executor }: Pick<Attempt, 'executor'>): ExecutorKind {
  return executor === 'cloud' ? 'cloud' : 'device';
}

/** @param agent who executes it, where that is an agent */
function toolSpan(operation: string, { id }: Attempt, agent: string | null): AttemptShown {
  return {
    name: `execute_tool ${operation}`,
    kind: 'internal',
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': operation,
      'gen_ai.tool.type': 'function',
      'gen_ai.tool.call.id': id,
      'gen_ai.agent.id': agent,
    },
  };
}
