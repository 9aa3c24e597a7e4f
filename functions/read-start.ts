// The beginning of somebody's answer: bounded, and never waited for once the status has come.

/** About the first `bytesMax` bytes, up to the end of the piece that reaches them; fewer when the answer breaks off. */
export async function readStart({ body }: Response, bytesMax: number): Promise<Uint8Array> {
  if (body === null) return new Uint8Array();
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    while (bytes < bytesMax) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      bytes += value.length;
    }
  } catch {
    // The status came, and it decides; a body that ends early or takes too long changes nothing.
  }
  // Not awaited: a receiver that never ends its answer must not hold us, and how its stream closes changes nothing.
  reader.cancel().catch(() => undefined);
  return Buffer.concat(chunks);
}
