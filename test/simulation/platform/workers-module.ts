// `cloudflare:workers`, as far as the objects use it.

/** The base of an object's class: it keeps what the platform gives it. */
export class DurableObject<E = unknown> {
  protected readonly ctx: unknown;
  protected readonly env: E;
  constructor(ctx: unknown, env: E) {
    this.ctx = ctx;
    this.env = env;
  }
}
