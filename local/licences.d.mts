/** The part of a lock file that is used. */
export interface Lock {
  readonly packages: Readonly<Record<string, object>>;
}
export interface LockedPackage {
  readonly place: string;
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly isDev: boolean;
  readonly integrity: string | undefined;
  readonly hasInstallScript: boolean;
}

export declare const FREE: readonly string[];
export declare const EXCEPTIONS: readonly {
  readonly name: RegExp;
  readonly licences: RegExp;
  readonly reason: string;
}[];
export declare function packagesOf(lock: Lock): LockedPackage[];
export declare function licencesPage(lock: Lock): string;
