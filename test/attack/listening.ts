// Every socket that a process and its children listen on, as the Linux kernel tells it.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** TCP ports, and the paths of Unix sockets (relative ones from the process's own folder). */
export interface Listening {
  readonly pid: number;
  readonly command: string;
  readonly tcp: readonly { readonly address: string; readonly port: number }[];
  readonly unix: readonly string[];
}

/** What a process and all its descendants listen on. */
export function listeningOf(root: number): Listening[] {
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), parentOf(Number(name))]),
  );
  const family = (pid: number): number[] => [
    pid,
    ...[...parents].filter(([, parent]) => parent === pid).flatMap(([child]) => family(child)),
  ];
  return family(root).map(listeningOfOne);
}

function listeningOfOne(pid: number): Listening {
  const inodes = new Set(fdsOf(pid).flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  const tcp = ['tcp', 'tcp6'].flatMap((table) =>
    rowsOf(`/proc/${pid}/net/${table}`)
      // State 0A is LISTEN; the tenth column is the inode.
      .filter((columns) => columns[3] === '0A' && inodes.has(columns[9] ?? ''))
      .map((columns) => addressOf(columns[1] ?? '')),
  );
  const unix = rowsOf(`/proc/${pid}/net/unix`)
    // Flag 00010000 is a socket that listens; a path begins with a letter or a slash, `@` stands for one without a file.
    .filter((columns) => columns[3] === '00010000' && inodes.has(columns[6] ?? ''))
    .map((columns) => columns[7] ?? '');
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  return { pid, command, tcp, unix };
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    // It has ended in the meantime.
    return 0;
  }
}

function fdsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      // Closed in the meantime.
      return [];
    }
  });
}

function rowsOf(path: string): string[][] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => line.trim().split(/\s+/));
}

/** `0100007F:1F90` → 127.0.0.1, 8080: four bytes at a time, lowest first. */
function addressOf(text: string): { address: string; port: number } {
  const [host = '', port = ''] = text.split(':');
  const bytes = host.match(/.{8}/g)?.flatMap((word) => word.match(/../g)?.toReversed() ?? []) ?? [];
  const isV4 = bytes.length === 4;
  const address = isV4
    ? bytes.map((byte) => Number.parseInt(byte, 16)).join('.')
    : `[${(bytes.join('').match(/.{4}/g) ?? []).join(':')}]`;
  return { address, port: Number.parseInt(port, 16) };
}
