// What the checker found wrong. One finding per kind and subject: the same loss seen after every kill is one loss.

/**
 * lost: acknowledged and not there; doubled: there more than once; changed: answered otherwise the second time; the rest
 * name what does not hold.
 */
export const FINDING_KINDS = [
  'lost',
  'doubled',
  'changed',
  'journal',
  'checkpoint',
  'books',
  'work',
  'facts',
  'stream',
  'server',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

export interface Finding {
  readonly kind: FindingKind;
  /** What it is about: a key, a task, a fact. */
  readonly subject: string;
  readonly detail: string;
}

export interface Findings {
  add(kind: FindingKind, subject: string, detail: string): void;
  count(kind?: FindingKind): number;
  all(): readonly Finding[];
}

/** @param tell hears of each new finding at once */
export function openFindings(tell: (finding: Finding) => void): Findings {
  const found = new Map<string, Finding>();
  return {
    add(kind, subject, detail) {
      const key = `${kind} ${subject}`;
      if (found.has(key)) return;
      const finding = { kind, subject, detail };
      found.set(key, finding);
      tell(finding);
    },
    count: (kind) => (kind === undefined ? found.size : [...found.values()].filter((one) => one.kind === kind).length),
    all: () => [...found.values()],
  };
}
