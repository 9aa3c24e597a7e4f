// What the directory writes to people, and where it goes when no mail service is connected: a table that the owner of the
// machine reads. Mail carries secrets (a reset token, an invitation), so it is never logged.

import { desc } from 'drizzle-orm';
import { type DirectoryDatabase, newRowId } from './database.ts';
import { outgoingMail } from './schema.ts';

/** A plain-text message to one person. */
export interface EmailMessage {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export interface MailDeps {
  readonly db: DirectoryDatabase;
  now(): number;
  /** 10 random bytes */
  entropy(): Uint8Array;
}

/** Keeps a message in the directory instead of sending it. */
export async function keepEmail(message: EmailMessage, deps: MailDeps): Promise<void> {
  const at = deps.now();
  const { to, subject, text } = message;
  await deps.db
    .insert(outgoingMail)
    .values({ id: newRowId('eml', at, deps.entropy()), to, subject, text, createdAt: new Date(at) });
}

/** The kept messages, newest first. For the owner of the machine alone: whoever reads them can take over an account. */
export async function keptEmails(limit: number, deps: Pick<MailDeps, 'db'>): Promise<EmailMessage[]> {
  return deps.db
    .select({ to: outgoingMail.to, subject: outgoingMail.subject, text: outgoingMail.text })
    .from(outgoingMail)
    .orderBy(desc(outgoingMail.id))
    .limit(limit);
}

/** @param link where the page that asked for the reset wants the token, if it said so */
export function passwordResetEmail(to: string, token: string, link: string | null, baseUrl: string): EmailMessage {
  const how = link
    ? `Open this page within an hour to choose a new one:\n\n${link}\n`
    : `Choose a new one within an hour by sending this to ${baseUrl}/api/auth/reset-password:\n\n` +
      `{ "token": "${token}", "newPassword": "…" }\n`;
  return {
    to,
    subject: 'Your new Starling password',
    text: `Someone asked for a new password for ${to}.\n\n${how}\nIf it was not you, do nothing: your password stays as it is.\n`,
  };
}

/** @param token what takes the invitation; whoever holds it can */
export function invitationEmail(
  to: string,
  tenant: string,
  role: string,
  token: string,
  baseUrl: string,
): EmailMessage {
  return {
    to,
    subject: `${tenant} invites you to Starling`,
    text:
      `You are invited to join ${tenant} on ${baseUrl} as ${role}.\n\n` +
      `This token takes the invitation, once, within seven days:\n\n${token}\n\n` +
      'If you did not expect it, do nothing.\n',
  };
}
