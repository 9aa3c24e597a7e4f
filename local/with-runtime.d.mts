export declare const root: string;
export declare const installMark: string;
export declare function ensureRuntime(): Promise<string>;
export declare function run(runtime: string, args: string[], options?: { tether?: boolean }): Promise<number>;
export declare function alone(fn: () => Promise<void>, mark?: string): Promise<void>;
