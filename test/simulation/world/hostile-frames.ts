// What no device sends: frames cut, numbered otherwise, too large, or of nobody.

/** Each makes one of an honest frame. */
export const HOSTILE: readonly [(text: string) => string, ...((text: string) => string)[]] = [
  (text) => text.slice(0, text.length / 2),
  (text) => text.replace(/"epoch":(\d+)/, (_, epoch) => `"epoch":${Number(epoch) + 1}`),
  (text) => text.replace(/"seq":(\d+)/, (_, seq) => `"seq":${Number(seq) + 7}`),
  (text) => text.replace(/"seq":(\d+)/, '"seq":"one"'),
  () => '{"type":"facts","epoch":1,"facts":[]}',
  () => `{"type":"telemetry","batch":${'['.repeat(200)}${']'.repeat(200)}}`,
  () => '{"type":"taken","orders":["ord_none"]}',
  () => '{"type":"prove","did":"did:key:z","signature":"","epoch":0,"seq":0}',
  () => 'x'.repeat(1_000_000),
];
