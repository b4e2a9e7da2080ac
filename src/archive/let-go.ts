const { port1: nowhere } = new MessageChannel()
nowhere.close()

/**
 * Frees the memory of bytes that nobody reads any more, at once: handed over to a closed port, it is nobody's. Left to
 * the collector, the hundreds of megabytes that pass through a thread while files are read make it go over the whole heap
 * every 16 MB, with helpers in four more threads: a sixth of the processor time of taking in a day of trades.
 * Does nothing unless the bytes end where their memory does, since a stream hands out its buffers part by part, and
 * leaves the small buffers alone, which share memory with others.
 */
export function letGo({ buffer, byteOffset, length }: Uint8Array): void {
  if (buffer.byteLength <= Buffer.poolSize || byteOffset + length < buffer.byteLength) return
  nowhere.postMessage(undefined, [buffer as ArrayBuffer])
}
