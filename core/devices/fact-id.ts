// The identity of a fact: the device that says it, the epoch of its outbox, and its place there. It is the id of the command
// that the fact becomes, and so stands in the journal beside all that followed from it [P2].

export interface FactId {
  readonly device: string;
  readonly epoch: number;
  readonly seq: number;
}

export function factIdText({ device, epoch, seq }: FactId): string {
  return `fact/${device}/${epoch}/${seq}`;
}

/** The fact that a command id names; null for any other command. */
export function factOf(commandId: string): FactId | null {
  if (!commandId.startsWith('fact/')) return null;
  const [, device, epoch, seq] = commandId.split('/');
  return { device: device ?? '', epoch: Number(epoch), seq: Number(seq) };
}
