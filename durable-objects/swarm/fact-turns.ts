// A device's batch of facts, in as many transactions as it has turns' worth of work: between two of them others run. Each fact has
// its own name and counts once, so a batch that is cut off, or comes again meanwhile, loses and doubles nothing [P2] [TURN-1].

import { factCost } from '../../core/devices/fact-cost.ts';
import type { FactBatch, FactsAnswer } from '../../core/devices/port.ts';
import { turnBytes, turnRows } from '../../core/limits.ts';
import type { RefusedFact } from '../../core/wire/device.ts';

export interface FactTurnsDeps {
  /** Takes facts in one transaction. */
  take(batch: FactBatch): FactsAnswer;
  /** To be awaited before the next piece; null when there is nothing to wait for. */
  giveWay(): Promise<void> | null;
}

export async function takeFactsInTurns(batch: FactBatch, { take, giveWay }: FactTurnsDeps): Promise<FactsAnswer> {
  const { facts } = batch;
  const refused: RefusedFact[] = [];
  let end = 0;
  for (;;) {
    const turn = giveWay();
    if (turn) await turn;
    const start = end;
    end = endOfTurn(facts, start);
    const answer = take({ ...batch, facts: facts.slice(start, end) });
    // What was committed before it is answered again when the device asks again.
    if (answer.kind !== 'committed') return answer;
    refused.push(...answer.refused);
    if (end >= facts.length) return { ...answer, refused };
  }
}

/** As many facts as one turn takes, one at least. */
function endOfTurn(facts: FactBatch['facts'], start: number): number {
  let rows = 0;
  let bytes = 0;
  for (let end = start; end < facts.length; end++) {
    const fact = facts[end];
    if (fact === undefined || 'poison' in fact) {
      rows++;
      continue;
    }
    rows += factCost(fact.body);
    bytes += JSON.stringify(fact.body).length;
    if (end > start && (rows > turnRows || bytes > turnBytes)) return end;
  }
  return facts.length;
}
