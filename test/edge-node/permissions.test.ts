import { closeSync, mkdirSync, openSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { homeMarkerFile } from '../../edge-node/src/home-marker.ts';
import { OperationFailure } from '../../edge-node/src/operations/operation.ts';
import { createPermissions } from '../../edge-node/src/permissions.ts';
import { withheldFolders } from '../../edge-node/src/withheld-folders.ts';
import { aFolder } from './operations/a-folder.ts';

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof OperationFailure) return `${error.code}${error.retryable ? ' retryable' : ''}`;
    throw error;
  }
  return 'allowed';
}

function reading(...paths: string[]) {
  return createPermissions(paths.map((path) => ({ path, read: true, run: false })));
}

describe('what is granted', () => {
  test('a file in a granted folder is answered with its real absolute path', () => {
    const folder = aFolder({ 'src/a.ts': '' });
    expect(reading(folder).readable(join(folder, 'src', '..', 'src', 'a.ts'))).toBe(join(folder, 'src/a.ts'));
  });

  test('the granted folder itself is granted', () => {
    const folder = aFolder();
    expect(reading(folder).readable(folder)).toBe(folder);
  });

  test('a relative path is taken from the first granted folder', () => {
    const first = aFolder({ 'a.txt': '' });
    const second = aFolder({ 'b.txt': '' });
    const permissions = reading(first, second);
    expect(permissions.readable('a.txt')).toBe(join(first, 'a.txt'));
    expect(permissions.readable('.')).toBe(first);
    expect(codeOf(() => permissions.readable('b.txt'))).toBe('path_not_found');
  });

  test('a grant given through a link holds for the folder it points to', () => {
    const folder = aFolder({ 'real/a.txt': '' });
    symlinkSync(join(folder, 'real'), join(folder, 'link'));
    const permissions = reading(join(folder, 'link'));
    expect(permissions.readable('a.txt')).toBe(join(folder, 'real/a.txt'));
    expect(permissions.readable(join(folder, 'real/a.txt'))).toBe(join(folder, 'real/a.txt'));
  });

  test('a link that stays inside is followed to its end', () => {
    const folder = aFolder({ 'a.txt': '' });
    symlinkSync('a.txt', join(folder, 'link'));
    expect(reading(folder).readable('link')).toBe(join(folder, 'a.txt'));
  });

  test('the whole machine can be granted', () => {
    const folder = aFolder({ 'a.txt': '' });
    expect(reading('/').readable(join(folder, 'a.txt'))).toBe(join(folder, 'a.txt'));
  });

  test('reading does not allow running, nor running reading', () => {
    const folder = aFolder({ 'a.txt': '' });
    const read = createPermissions([{ path: folder, read: true, run: false }]);
    const run = createPermissions([{ path: folder, read: false, run: false, runUnconfined: true }]);
    expect([codeOf(() => read.readable('a.txt')), codeOf(() => read.runnable('a.txt'))]).toEqual([
      'allowed',
      'path_not_granted',
    ]);
    expect([codeOf(() => run.readable('a.txt')), codeOf(() => run.runnable('a.txt'))]).toEqual([
      'path_not_granted',
      'allowed',
    ]);
  });

  test('the most specific grant decides, in both directions and whatever the order', () => {
    const folder = aFolder({ 'private/a.txt': '', 'private/open/b.txt': '' });
    const grants = [
      { path: join(folder, 'private/open'), read: true, run: false },
      { path: folder, read: true, run: false },
      { path: join(folder, 'private'), read: false, run: false },
    ];
    for (const order of [grants, grants.toReversed()]) {
      const permissions = createPermissions(order);
      expect(codeOf(() => permissions.readable(join(folder, 'private/a.txt')))).toBe('path_not_granted');
      expect(codeOf(() => permissions.readable(join(folder, 'private/open/b.txt')))).toBe('allowed');
    }
  });
});

describe('ways out', () => {
  const outside = () => {
    const above = aFolder({ 'repo/a.txt': '', 'repo-secret/b.txt': '', 'elsewhere/c.txt': '' });
    return { above, repo: join(above, 'repo') };
  };

  test.each([
    ['dots', (repo: string) => join(repo, '../repo-secret/b.txt')],
    ['relative dots', () => '../elsewhere/c.txt'],
    ['dots past a missing folder', () => 'missing/../../elsewhere/c.txt'],
    ['a name that only begins like the folder', (repo: string) => `${repo}-secret/b.txt`],
    ['the folder above', (repo: string) => dirname(repo)],
    ['an absolute path elsewhere', () => '/etc/passwd'],
    ['a zero byte', () => 'a.txt\0.png'],
    ['a home sign, which is not expanded', () => '/~root'],
  ])('%s leads nowhere', (_, path) => {
    const { repo } = outside();
    expect(codeOf(() => reading(repo).readable(path(repo)))).toBe('path_not_granted');
  });

  test('a link inside that points out is refused, to a file, through a folder and in a chain', () => {
    const { above, repo } = outside();
    symlinkSync(join(above, 'elsewhere/c.txt'), join(repo, 'file'));
    symlinkSync(join(above, 'elsewhere'), join(repo, 'folder'));
    symlinkSync('folder', join(repo, 'chain'));
    symlinkSync(relative(repo, join(above, 'elsewhere/c.txt')), join(repo, 'relative'));
    for (const path of ['file', 'folder', 'folder/c.txt', 'chain/c.txt', 'relative', 'folder/missing.txt']) {
      expect([path, codeOf(() => reading(repo).readable(path))]).toEqual([path, 'path_not_granted']);
    }
  });

  test('a link that points nowhere, or round in a circle, is refused', () => {
    const { above, repo } = outside();
    symlinkSync(join(above, 'elsewhere/not-yet'), join(repo, 'dangling'));
    symlinkSync('circle', join(repo, 'circle'));
    for (const path of ['dangling', 'dangling/x', 'circle', 'circle/x']) {
      expect([path, codeOf(() => reading(repo).readable(path))]).toEqual([path, 'path_not_granted']);
    }
  });

  test('a link out of one grant into another is judged by the other', () => {
    const { above, repo } = outside();
    symlinkSync(join(above, 'elsewhere/c.txt'), join(repo, 'file'));
    expect(reading(repo, join(above, 'elsewhere')).readable('file')).toBe(join(above, 'elsewhere/c.txt'));
  });

  test('another case is another file where the file system says so, and the same file where it says that', () => {
    const { repo } = outside();
    const shouted = join(dirname(repo), basename(repo).toUpperCase(), 'a.txt');
    const code = codeOf(() => reading(repo).readable(shouted));
    // On a file system that ignores case both names are the one granted file.
    expect(code).toBe(process.platform === 'linux' ? 'path_not_granted' : 'allowed');
  });

  test('whether something is there is told inside a grant only', () => {
    const { above, repo } = outside();
    const codes = [join(repo, 'missing'), join(repo, 'a/b/c'), join(above, 'missing'), join(above, 'elsewhere/c.txt')];
    expect(codes.map((path) => codeOf(() => reading(repo).readable(path)))).toEqual([
      'path_not_found',
      'path_not_found',
      'path_not_granted',
      'path_not_granted',
    ]);
  });

  test('a path through a file is a path that is not there', () => {
    const { repo } = outside();
    expect(codeOf(() => reading(repo).readable('a.txt/b'))).toBe('path_not_found');
  });

  test('without grants nothing is allowed, and a relative path means nothing', () => {
    const permissions = createPermissions([]);
    expect(codeOf(() => permissions.readable('a'))).toBe('path_not_granted');
    expect(codeOf(() => permissions.readable('/'))).toBe('path_not_granted');
  });

  test('a grant for a folder that is not there, or for a file that holds secrets, grants nothing', () => {
    const folder = aFolder({ '.env': '' });
    const permissions = reading(join(folder, 'later'), join(folder, '.env'));
    mkdirSync(join(folder, 'later'));
    writeFileSync(join(folder, 'later/a.txt'), '');
    expect(codeOf(() => permissions.readable(join(folder, 'later/a.txt')))).toBe('path_not_granted');
    expect(codeOf(() => permissions.readable(join(folder, '.env')))).toBe('path_not_granted');
  });

  test('a single file can be granted, and nothing beside it', () => {
    const folder = aFolder({ 'README.md': '', 'notes.md': '' });
    const permissions = createPermissions([
      { path: folder, read: false, run: false },
      { path: join(folder, 'README.md'), read: true, run: false },
    ]);
    const codes = ['README.md', 'notes.md', '.', 'README.md/x'].map((path) => codeOf(() => permissions.readable(path)));
    expect(codes).toEqual(['allowed', 'path_not_granted', 'path_not_granted', 'path_not_found']);
  });

  test('a granted folder must be named by an absolute path', () => {
    expect(() => reading('src')).toThrow(TypeError);
  });

  test('the refusal says nothing of paths', () => {
    const { repo, above } = outside();
    for (const path of [join(above, 'elsewhere/c.txt'), join(repo, 'missing')]) {
      try {
        reading(repo).readable(path);
        expect.unreachable();
      } catch (error) {
        expect(String(error)).not.toContain(above);
      }
    }
  });
});

describe('files that usually hold secrets', () => {
  const secret = [
    '.env',
    '.ENV',
    '.env.local',
    '.env.production',
    '.envrc',
    'deep/down/.env',
    '.dev.vars',
    '.dev.vars.production',
    'tls/server.pem',
    'tls/Server.PEM',
    'private.key',
    'store.p12',
    'store.pfx',
    'store.jks',
    'passwords.kdbx',
    'terraform.tfstate',
    'id_rsa',
    'id_ed25519',
    'id_ecdsa_sk',
    'id_rsa.bak',
    '.ssh/known_hosts',
    '.aws/config',
    '.gnupg/secring.gpg',
    '.kube/config',
    '.docker/config.json',
    '.git/config',
    '.git/config.worktree',
    '.git/modules/sub/config',
    'bare.git/config',
    'BARE.GIT/Config',
    '.git/hooks/pre-commit',
    'plain/config',
    'credentials.json',
    '.cargo/credentials.toml',
    '.vault-token',
    '.gitconfig',
    '.yarnrc.yml',
    '.s3cfg',
    '.secrets',
    'deep/kubeconfig',
    'prod.tfvars',
    '.bash_history',
    '.claude/.credentials.json',
    '.config/.wrangler/config/default.toml',
    '.config/gcloud/application_default_credentials.json',
    'sub/.git/config',
    '.git-credentials',
    '.netrc',
    '.npmrc',
    '.pypirc',
    '.pgpass',
    '.htpasswd',
    'credentials',
    'secrets.yaml',
    'secret.json',
    '.starling/device.sqlite',
    'deep/.starling/key',
    // Copies that editors and people leave.
    '.env~',
    '#.env#',
    '.#.env',
    '.env.bak',
    '.env.swp',
    '.env-old',
    '.env.~1~',
    '.env copy',
    '.env (1)',
    'id_rsa~',
    '.id_rsa.swp',
    '#id_rsa#',
    'id_ed25519.old',
    'id_ed25519~',
    'server.key.bak',
    'server.pem~',
    'server.key.orig.1',
    'server.key.gz',
    '.netrc.save',
    '._.netrc',
    '.npmrc.20261120',
    'credentials.json.old',
    '.credentials.json.swp',
    '.git-credentials~',
    'secrets.yaml.dpkg-old',
    '.ssh.bak/authorized_keys',
    '.aws~/config',
    // A repository by what lies in it.
    'plain/hooks/pre-push',
    'plain/hooks/deep/post-receive',
    'plain/config.worktree',
    'plain/worktrees/one/config.worktree',
    'plain/modules/sub/config',
    'plain/modules/sub/hooks/pre-commit',
    'plain/#config#',
    'moved/config.worktree',
  ];
  const harmless = [
    '.env.example',
    '.env.sample',
    '.env.template',
    'environment.ts',
    'src/env.ts',
    'id_rsa.pub',
    'id_ed25519.pub',
    'keys.ts',
    'key',
    'monkey.ts',
    'secrets.ts',
    'credentials.ts',
    'config',
    '.git/HEAD',
    'starling.toml',
    'pem.ts',
    'hooks/use-thing.ts',
    'worktrees/one/config.worktree',
    'notes.md~',
    'environment.old',
    'keys.ts.bak',
    'report (1).pdf',
    'release-2026.11.20',
  ];

  test('are refused inside a grant', () => {
    // A bare repository under any name is known by what lies in it.
    const bare = ['plain/HEAD', 'plain/objects/x', 'plain/refs/x', 'moved/HEAD', 'moved/commondir'];
    const folder = aFolder(Object.fromEntries([...secret, ...bare].map((path) => [path, 'x'])));
    const codes = secret.map((path) => [path, codeOf(() => reading(folder).readable(path))]);
    expect(codes).toEqual(secret.map((path) => [path, 'path_not_granted']));
  });

  test('are refused through a link with a harmless name', () => {
    const folder = aFolder({ '.env': 'x' });
    symlinkSync('.env', join(folder, 'readme.txt'));
    expect(codeOf(() => reading(folder).readable('readme.txt'))).toBe('path_not_granted');
  });

  test('are told from what only looks alike', () => {
    const folder = aFolder(Object.fromEntries(harmless.map((path) => [path, 'x'])));
    const codes = harmless.map((path) => [path, codeOf(() => reading(folder).readable(path))]);
    expect(codes).toEqual(harmless.map((path) => [path, 'allowed']));
  });
});

describe('homes of Starling', () => {
  const aHome = { [`data/${homeMarkerFile}`]: '', 'data/secret': 'x', 'data/state/do/a': 'x', 'notes/a.txt': '' };
  const refusedBelow = (folder: string, permissions: ReturnType<typeof createPermissions>, name = 'data') =>
    ['', 'secret', 'state/do/a', 'not/there'].map((path) =>
      codeOf(() => permissions.readable(join(folder, name, path))),
    );
  const never = Array(4).fill('path_not_granted');

  test('[DEVICE-17] are withheld by their marker, under any name, however deep, and when they are granted themselves', () => {
    const folder = aFolder(aHome);
    expect(refusedBelow(folder, reading(folder))).toEqual(never);
    expect(refusedBelow(folder, reading(folder, join(folder, 'data'), join(folder, 'data/state')))).toEqual(never);
    expect(codeOf(() => reading(folder).readable('notes/a.txt'))).toBe('allowed');
    renameSync(join(folder, 'data'), join(folder, 'docs'));
    expect(refusedBelow(folder, reading(folder), 'docs')).toEqual(never);
  });

  test('[DEVICE-17] are withheld through links from anywhere', () => {
    const folder = aFolder(aHome);
    symlinkSync('data', join(folder, 'link'));
    symlinkSync('../data/secret', join(folder, 'notes/readme.txt'));
    expect(refusedBelow(folder, reading(folder), 'link')).toEqual(never);
    expect(codeOf(() => reading(folder).readable('notes/readme.txt'))).toBe('path_not_granted');
  });

  test('[DEVICE-17] that this process knows are withheld by what they are: without a marker, and moved while it runs', () => {
    const folder = aFolder({ 'data/secret': 'x', 'data/state/do/a': 'x', 'notes/a.txt': '' });
    const permissions = createPermissions([{ path: folder, read: true, run: false }], [join(folder, 'data')]);
    expect(refusedBelow(folder, permissions)).toEqual(never);
    renameSync(join(folder, 'data'), join(folder, 'notes/old'));
    expect(refusedBelow(folder, permissions, 'notes/old')).toEqual(never);
    // Another one at the same place is a home again.
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'data/secret'), 'y');
    expect(codeOf(() => permissions.readable('data/secret'))).toBe('path_not_granted');
    expect(codeOf(() => permissions.readable('notes/a.txt'))).toBe('allowed');
  });

  test('[DEVICE-17] a file of ours that this process knows is withheld wherever it lies', () => {
    const folder = aFolder({ 'my-config': '{}', 'a.txt': '' });
    const permissions = createPermissions([{ path: folder, read: true, run: false }], [join(folder, 'my-config')]);
    renameSync(join(folder, 'my-config'), join(folder, 'b.txt'));
    expect(['a.txt', 'b.txt'].map((path) => codeOf(() => permissions.readable(path)))).toEqual([
      'allowed',
      'path_not_granted',
    ]);
  });

  test('[DEVICE-17] what is withheld can be listed, folder by folder, with the rule', () => {
    const folder = aFolder({ ...aHome, 'own/device.key': '', '.ssh/id_rsa': '', 'node_modules/.aws/x': '' });
    const list = withheldFolders(
      [
        { path: folder, read: true, run: false },
        { path: join(folder, 'notes'), read: false, run: false },
      ],
      [join(folder, 'own')],
    );
    expect(list).toEqual({
      complete: true,
      folders: [
        { path: join(folder, '.ssh'), rule: 'name' },
        { path: join(folder, 'data'), rule: 'home-marker' },
        { path: join(folder, 'own'), rule: 'known-home' },
      ],
    });
  });
});

describe('what has been opened', () => {
  test('[DEVICE-18] is judged by what it is: another file under a granted path is refused', () => {
    const folder = aFolder({ 'repo/a.txt': '', 'outside.txt': '' });
    const permissions = reading(join(folder, 'repo'));
    const path = join(folder, 'repo/a.txt');
    const judgedOf = (opened: string): string => {
      const descriptor = openSync(opened, 'r');
      try {
        return codeOf(() => permissions.opened(descriptor, path, 'read'));
      } finally {
        closeSync(descriptor);
      }
    };
    expect([judgedOf(path), judgedOf(join(folder, 'outside.txt'))]).toEqual(['allowed', 'path_not_granted']);
    const descriptor = openSync(path, 'r');
    rmSync(path);
    expect(codeOf(() => permissions.opened(descriptor, path, 'read'))).toBe('path_not_granted');
    closeSync(descriptor);
  });
});
