// The handler behind the Restate server: the three steps of a task that the swarm does itself, each made durable before the next
// one begins. A program of its own: `restate-service.ts <the SDK's module> <port>`.

/** What is used of the SDK, which is not one of the project's packages. */
interface Sdk {
  service(definition: {
    name: string;
    handlers: Record<string, (context: Context, input: unknown) => Promise<unknown>>;
  }): unknown;
  serve(options: { services: unknown[]; port: number }): Promise<unknown>;
}
interface Context {
  run<T>(name: string, step: () => T): Promise<T>;
}

const [source = '', port = ''] = process.argv.slice(2);
const sdk = (await import(source)) as Sdk;
const task = sdk.service({
  name: 'task',
  handlers: {
    async run(context, input) {
      const held = await context.run('hold', () => ({ amountMicro: 100 }));
      const result = await context.run('do', () => input);
      const settled = await context.run('settle', () => ({ ...held, state: 'settled' }));
      return { result, settled };
    },
  },
});
await sdk.serve({ services: [task], port: Number(port) });

export {};
