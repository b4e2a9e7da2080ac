export interface HeartbeatOptions {
  /** Time between pings, ms; 0 for none. */
  readonly intervalMs: number
  /** How long nothing at all may arrive after a ping, ms. */
  readonly timeoutMs: number
  ping(payload: Buffer): void
  bytesReceived(): number
  isPaused(): boolean
  answered(roundTripMs: number): void
  /** Nothing arrived for `silentMs` after a ping. */
  dead(silentMs: number): void
}

/** Sends pings, measures their round trips and notices when the other side is gone. */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  #interval: NodeJS.Timeout | undefined
  #deadline: NodeJS.Timeout | undefined
  #look: NodeJS.Immediate | undefined
  #number = 0
  /** When the last ping left, monotonic ms; undefined once it is answered. */
  #sentAt: number | undefined
  #bytesThen = 0

  constructor(options: HeartbeatOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#options.intervalMs > 0) this.#interval = setInterval(() => this.pingNow(), this.#options.intervalMs)
  }

  stop(): void {
    clearInterval(this.#interval)
    clearTimeout(this.#deadline)
    clearImmediate(this.#look)
  }

  pingNow(): void {
    // One question at a time: an open one has its deadline running.
    if (this.#sentAt !== undefined) return
    const payload = Buffer.allocUnsafe(4)
    this.#number = (this.#number + 1) >>> 0
    payload.writeUInt32BE(this.#number, 0)
    this.#sentAt = performance.now()
    this.#options.ping(payload)
  }

  /** The ping really left: only now the other side's time runs. */
  left(): void {
    this.#sentAt = performance.now()
    this.#watch()
  }

  pong(payload: Buffer): void {
    // Pongs may come unasked.
    if (this.#sentAt === undefined || payload.length !== 4 || payload.readUInt32BE(0) !== this.#number) return
    const roundTrip = performance.now() - this.#sentAt
    this.#settle()
    this.#options.answered(roundTrip)
  }

  #watch(): void {
    this.#bytesThen = this.#options.bytesReceived()
    clearTimeout(this.#deadline)
    // A loop that was busy runs its timers before it reads what came meanwhile: it is given one look at the sockets.
    this.#deadline = setTimeout(() => {
      this.#look = setImmediate(() => this.#judge())
    }, this.#options.timeoutMs)
  }

  #judge(): void {
    if (this.#sentAt === undefined) return
    const { bytesReceived, isPaused, dead } = this.#options
    if (isPaused()) {
      this.#watch()
      return
    }
    const silentMs = performance.now() - this.#sentAt
    this.#settle()
    // Whoever sends data is alive, whatever it thinks of pings; the next ping asks anew.
    if (bytesReceived() === this.#bytesThen) dead(silentMs)
  }

  #settle(): void {
    this.#sentAt = undefined
    clearTimeout(this.#deadline)
  }
}
