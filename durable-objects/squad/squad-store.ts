// The squad's tables. SQL and no rule; every call is a whole step, and those of more than one statement are one
// transaction.

import type { DeviceId, OrderId } from '../../core/ids.ts';
import { squadMigrations } from '../../migrations/squad/index.ts';
import { migrate } from '../migrate.ts';
import { first, type Sql } from '../sql-port.ts';
import { reportRetryMsMax } from './squad-limits.ts';

export interface StoredOrder {
  readonly id: OrderId;
  readonly body: string;
}
export interface NewOrder {
  readonly id: OrderId;
  readonly device: DeviceId;
  readonly deliverBy: number | null;
  readonly body: string;
  /** UTF-8 bytes of `body`. */
  readonly bytes: number;
}
export interface Report {
  readonly id: number;
  readonly kind: 'left' | 'undelivered';
  readonly device: DeviceId;
  /** The connection that ended, or the order. */
  readonly subject: string;
  readonly tries: number;
}
export interface Connection {
  readonly connection: string;
  readonly device: DeviceId;
}

export type SquadStore = ReturnType<typeof squadStore>;

/** Opens the tables, brought up to the newest migration. */
export function squadStore(sql: Sql) {
  migrate(sql, squadMigrations);
  return { ...selfTable(sql), ...connectionsTable(sql), ...ordersTable(sql), ...reportsTable(sql) };
}

function selfTable(sql: Sql) {
  return {
    /** The object's name: as the platform says it now, or as it was when the platform last did. */
    rememberName(name: string | undefined): string | null {
      const known = first(sql.all<{ name: string }>('SELECT name FROM self'))?.name ?? null;
      if (known === null && name !== undefined) sql.run('INSERT INTO self (one, name) VALUES (1, ?)', name);
      return known ?? name ?? null;
    },
  };
}

function connectionsTable(sql: Sql) {
  return {
    openConnection(connection: string, device: DeviceId): void {
      sql.run('INSERT INTO connections (connection, device) VALUES (?, ?)', connection, device);
    },
    connections(): Connection[] {
      return sql.all<Connection>('SELECT connection, device FROM connections ORDER BY connection');
    },
    hasConnection(connection: string): boolean {
      return sql.all('SELECT 1 FROM connections WHERE connection = ?', connection).length > 0;
    },
    hasConnections(): boolean {
      return sql.all('SELECT 1 FROM connections LIMIT 1').length > 0;
    },
    /** Forgets a connection of which the swarm need not be told. */
    dropConnection(connection: string): void {
      sql.run('DELETE FROM connections WHERE connection = ?', connection);
    },
    /** A connection has ended: its row becomes a report. False when it has no row: nothing is to be told. */
    endConnection(connection: string, device: DeviceId, reportAt: number): boolean {
      return sql.transaction(() => {
        const gone = sql.all('DELETE FROM connections WHERE connection = ? RETURNING 1', connection);
        if (gone.length > 0) insertReport(sql, 'left', device, connection, reportAt);
        return gone.length > 0;
      });
    },
  };
}

function ordersTable(sql: Sql) {
  return {
    /** Stores what is new and has room; what has none becomes a report at once. One transaction. */
    storeOrders(orders: readonly NewOrder[], perDeviceMax: number, bytesMax: number, reportAt: number): void {
      sql.transaction(() => {
        const stored = new Map<DeviceId, number>();
        for (const order of orders) {
          const count = stored.get(order.device) ?? ordersOf(sql, order.device);
          if (sql.all('SELECT 1 FROM orders WHERE id = ?', order.id).length > 0) continue;
          if (count >= perDeviceMax || order.bytes > bytesMax) {
            insertReport(sql, 'undelivered', order.device, order.id, reportAt);
            continue;
          }
          sql.run(
            'INSERT INTO orders (id, device, deliver_by, body) VALUES (?, ?, ?, ?)',
            order.id,
            order.device,
            order.deliverBy,
            order.body,
          );
          stored.set(order.device, count + 1);
        }
      });
    },
    /** The orders to send over this connection now, oldest first, so that at most `inFlightMax` are untaken. */
    ordersToSend(device: DeviceId, connection: string, now: number, inFlightMax: number): StoredOrder[] {
      const flying = first(
        sql.all<{ n: number }>('SELECT count(*) AS n FROM orders WHERE device = ? AND sent_on = ?', device, connection),
      );
      const room = inFlightMax - (flying?.n ?? 0);
      if (room <= 0) return [];
      return sql.all<StoredOrder>(
        `SELECT id, body FROM orders WHERE device = ? AND (sent_on IS NULL OR sent_on <> ?)
           AND (deliver_by IS NULL OR deliver_by > ?) ORDER BY position LIMIT ?`,
        device,
        connection,
        now,
        room,
      );
    },
    markSent(ids: readonly OrderId[], connection: string): void {
      sql.run(
        'UPDATE orders SET sent_on = ? WHERE id IN (SELECT value FROM json_each(?))',
        connection,
        JSON.stringify(ids),
      );
    },
    /** The device has them in its own database. Orders of another device are left alone. */
    dropTaken(device: DeviceId, ids: readonly string[]): void {
      sql.run(
        'DELETE FROM orders WHERE device = ? AND id IN (SELECT value FROM json_each(?))',
        device,
        JSON.stringify(ids),
      );
    },
    dropOrdersOf(device: DeviceId): void {
      sql.run('DELETE FROM orders WHERE device = ?', device);
    },
    /** Orders whose time is over become reports. Answers how many did. */
    expireOrders(now: number, max: number): number {
      return sql.transaction(() => {
        const due = sql.all<{ id: OrderId; device: DeviceId }>(
          'SELECT id, device FROM orders WHERE deliver_by <= ? ORDER BY deliver_by LIMIT ?',
          now,
          max,
        );
        for (const order of due) insertReport(sql, 'undelivered', order.device, order.id, now);
        sql.run(
          'DELETE FROM orders WHERE id IN (SELECT value FROM json_each(?))',
          JSON.stringify(due.map((order) => order.id)),
        );
        return due.length;
      });
    },
    nextExpiry(): number | null {
      return first(sql.all<{ at: number | null }>('SELECT min(deliver_by) AS at FROM orders'))?.at ?? null;
    },
  };
}

function reportsTable(sql: Sql) {
  return {
    reportLeft(device: DeviceId, connection: string, at: number): void {
      insertReport(sql, 'left', device, connection, at);
    },
    dueReports(now: number, max: number): Report[] {
      return sql.all<Report>(
        // One that waits for longer than any does was put there by a clock that was wrong.
        'SELECT id, kind, device, subject, tries FROM reports WHERE next_at <= ?1 OR next_at > ?1 + ?2 ORDER BY id LIMIT ?3',
        now,
        2 * reportRetryMsMax,
        max,
      );
    },
    /** All that waits to be said of this device's connections, parked or not. */
    pendingLefts(device: DeviceId): Report[] {
      return sql.all<Report>(
        `SELECT id, kind, device, subject, tries FROM reports WHERE device = ? AND kind = 'left' ORDER BY id`,
        device,
      );
    },
    dropReports(ids: readonly number[]): void {
      sql.run('DELETE FROM reports WHERE id IN (SELECT value FROM json_each(?))', JSON.stringify(ids));
    },
    /** @param nextAt null parks it */
    retryReport(id: number, tries: number, nextAt: number | null): void {
      sql.run('UPDATE reports SET tries = ?, next_at = ? WHERE id = ?', tries, nextAt, id);
    },
    /** Nothing that is due now is tried before `at`. */
    postponeReports(now: number, at: number): void {
      sql.run('UPDATE reports SET next_at = ? WHERE next_at <= ?', at, now);
    },
    /** The swarm has been heard of: what was parked, but for these, gets one more try. Answers whether anything was. */
    unparkReports(tries: number, at: number, but: readonly string[]): boolean {
      const query = `UPDATE reports SET tries = ?, next_at = ? WHERE next_at IS NULL
        AND id NOT IN (SELECT value + 0 FROM json_each(?)) RETURNING 1`;
      return sql.all(query, tries, at, JSON.stringify(but)).length > 0;
    },
    /** Of these reports, those that are still to be told. */
    reportsLeft(ids: readonly string[]): readonly string[] {
      const query = 'SELECT id FROM reports WHERE id IN (SELECT value + 0 FROM json_each(?))';
      return sql.all<{ id: number }>(query, JSON.stringify(ids)).map(({ id }) => String(id));
    },
    nextReport(): number | null {
      return first(sql.all<{ at: number | null }>('SELECT min(next_at) AS at FROM reports'))?.at ?? null;
    },
    parkedReports(): number {
      return first(sql.all<{ n: number }>('SELECT count(*) AS n FROM reports WHERE next_at IS NULL'))?.n ?? 0;
    },
  };
}

function ordersOf(sql: Sql, device: DeviceId): number {
  return first(sql.all<{ n: number }>('SELECT count(*) AS n FROM orders WHERE device = ?', device))?.n ?? 0;
}

function insertReport(sql: Sql, kind: Report['kind'], device: DeviceId, subject: string, at: number): void {
  sql.run('INSERT INTO reports (kind, device, subject, next_at) VALUES (?, ?, ?, ?)', kind, device, subject, at);
}
