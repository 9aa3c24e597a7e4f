export const root: string;
export const installMark: string;
export function ensureRuntime(): Promise<string>;
export function run(runtime: string, args: string[], options?: { tether?: boolean }): Promise<number>;
export function alone(fn: () => Promise<void>, mark?: string): Promise<void>;
