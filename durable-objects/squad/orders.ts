// Orders on their way down: stored before the swarm is answered, sent while the device is there, kept until it says
// that it has them, given back to the swarm when their time is over.

import { assert } from '../../core/assert.ts';
import type { SquadPort } from '../../core/devices/port.ts';
import { type DeviceId, isId } from '../../core/ids.ts';
import { frameBytesMax, ordersInFlightMax } from '../../core/limits.ts';
import type { DeviceFrame } from '../../core/wire/device.ts';
import { type Attachment, attachmentOf, isOpen, type Socket, sendText } from './socket.ts';
import { orderBytesMax, ordersPerDeviceMax } from './squad-limits.ts';
import type { NewOrder, SquadStore, StoredOrder } from './squad-store.ts';

export interface OrdersDeps {
  readonly store: Pick<SquadStore, 'storeOrders' | 'ordersToSend' | 'markSent' | 'dropTaken' | 'nextReport'>;
  now(): number;
  sockets(device: DeviceId): readonly Socket[];
  wakeBy(at: number): void;
}

/** Stores the orders, then sends those whose device is connected. A repeated id that is still stored is ignored. */
export function deliver(orders: Parameters<SquadPort['deliver']>[0], deps: OrdersDeps): void {
  if (orders.length === 0) return;
  const now = deps.now();
  const news: NewOrder[] = orders.map(({ device, order }) => {
    assert(isId('dev', device) && isId('ord', order.id), 'an order names its device and itself');
    const body = JSON.stringify(order);
    return { id: order.id, device, deliverBy: order.deliverBy, body, bytes: Buffer.byteLength(body) };
  });
  deps.store.storeOrders(news, ordersPerDeviceMax, orderBytesMax, now);
  const earliest = Math.min(...news.map((order) => order.deliverBy ?? Number.POSITIVE_INFINITY));
  if (earliest < Number.POSITIVE_INFINITY) deps.wakeBy(earliest);
  const refused = deps.store.nextReport();
  if (refused !== null) deps.wakeBy(refused);
  for (const device of new Set(news.map((order) => order.device))) {
    const live = deps.sockets(device).find((socket) => isOpen(socket) && attachmentOf(socket)?.phase === 'proved');
    if (live !== undefined) sendOrders(device, live, deps);
  }
}

/** Sends what this connection has not been sent yet, oldest first, up to the number that may be untaken. */
export function sendOrders(device: DeviceId, socket: Socket, deps: Pick<OrdersDeps, 'store' | 'now'>): void {
  const held = attachmentOf(socket);
  if (held === null || !isOpen(socket)) return;
  const orders = deps.store.ordersToSend(device, held.connection, deps.now(), ordersInFlightMax);
  if (orders.length === 0) return;
  deps.store.markSent(
    orders.map((order) => order.id),
    held.connection,
  );
  for (const text of framesOf(orders)) sendText(socket, text);
}

/** The `taken` frame: they are in the device's own database now. */
export function takeOrders(
  frame: Extract<DeviceFrame, { type: 'taken' }>,
  held: Attachment,
  socket: Socket,
  deps: OrdersDeps,
): void {
  deps.store.dropTaken(held.device, frame.orders);
  sendOrders(held.device, socket, deps);
}

/** `orders` frames, each within the frame's limit; the stored bodies are JSON already. */
function framesOf(orders: readonly StoredOrder[]): string[] {
  const frames: string[] = [];
  let bodies: string[] = [];
  let bytes = 0;
  const flush = () => {
    if (bodies.length > 0) frames.push(`{"type":"orders","orders":[${bodies.join(',')}]}`);
    bodies = [];
    bytes = 0;
  };
  for (const order of orders) {
    const size = Buffer.byteLength(order.body) + 1;
    if (bytes + size > frameBytesMax - 100) flush();
    bodies.push(order.body);
    bytes += size;
  }
  flush();
  return frames;
}
