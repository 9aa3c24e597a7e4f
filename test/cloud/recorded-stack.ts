// The stack as a list: constructors that write down what they were called with, and give names in place of what AWS would
// give. Whatever is made of it, nothing is made.

import type { AwsResources, FunctionArgs, StackDeps, StackSettings } from '../../functions/cloud/aws-resources.ts';
import { makeStack } from '../../functions/cloud/stack.ts';

export interface Made {
  /** `sqs.Queue`, `function`. */
  readonly kind: string;
  readonly id: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>> | undefined;
}

export interface Statement {
  readonly Effect: string;
  readonly Principal?: unknown;
  readonly Action: readonly string[];
  readonly Resource?: readonly string[];
  readonly Condition?: unknown;
}

export interface RecordedStack {
  readonly made: readonly Made[];
  readonly outputs: Readonly<Record<string, string>>;
  /** Everything of a kind, by its id. */
  of(kind: string): ReadonlyMap<string, Made>;
  /** Statements of every policy, with the id of what holds it. */
  readonly statements: readonly (Statement & { readonly by: string })[];
}

export function recordStack(settings: StackSettings): RecordedStack {
  const made: Made[] = [];
  const note = (kind: string, id: string, args: object, options?: object) => {
    made.push({ kind, id, args: { ...args }, options: options && { ...options } });
    const name = 'name' in args ? args.name : id;
    return { arn: `arn:${kind}:${name}`, url: `https://${name}`, name, bucket: `${id}-bucket` };
  };
  const namespace = (space: string) =>
    new Proxy(
      {},
      {
        get: (_, kind) =>
          // A class: `new` gives what `note` returns.
          function make(id: string, args: object, options?: object) {
            return note(`${space}.${String(kind)}`, id, args, options);
          },
      },
    );
  const deps: StackDeps<string> = {
    // By its shape anything can be made of it; what is made is what the types of the stack allow.
    aws: new Proxy({}, { get: (_, space) => namespace(String(space)) }) as AwsResources<string>,
    makeFunction: (id, args: FunctionArgs<string>) => note('function', id, args) as { arn: string; name: string },
    text: (parts, ...values) => String.raw({ raw: parts }, ...values),
    json: (value) => JSON.stringify(value),
  };
  const outputs = makeStack(deps, settings);
  const statements = made.flatMap(({ id, args }) =>
    [args.policy, args.assumeRolePolicy].flatMap((text) =>
      typeof text === 'string'
        ? (JSON.parse(text).Statement as Statement[]).map((statement) => ({ ...statement, by: id }))
        : [],
    ),
  );
  return {
    made,
    outputs,
    statements,
    of: (kind) => new Map(made.filter((one) => one.kind === kind).map((one) => [one.id, one])),
  };
}
