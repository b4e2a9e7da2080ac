import { NAMES_PER_MESSAGE } from './settings.ts'

export interface StreamRequest {
  readonly method: 'SUBSCRIBE' | 'UNSUBSCRIBE'
  readonly names: readonly string[]
  /** How often it was sent. */
  readonly tries: number
}

interface OpenRequest extends StreamRequest {
  readonly timer: NodeJS.Timeout
}

/** The requests of one connection that wait for an answer. */
export class RequestBook {
  readonly #timeoutMs: number
  readonly #unanswered: (request: StreamRequest) => void
  readonly #open = new Map<number, OpenRequest>()
  #nextId = 1
  #isPaused = false

  constructor(timeoutMs: number, unanswered: (request: StreamRequest) => void) {
    this.#timeoutMs = timeoutMs
    this.#unanswered = unanswered
  }

  /** Notes a request and gives the text to send. */
  ask(request: StreamRequest): string {
    const id = this.#nextId++
    const timer = setTimeout(() => {
      // Nobody reads the answer now: that says nothing of the exchange.
      if (this.#isPaused) {
        timer.refresh()
        return
      }
      this.#open.delete(id)
      this.#unanswered(request)
    }, this.#timeoutMs)
    this.#open.set(id, { ...request, timer })
    return JSON.stringify({ method: request.method, params: request.names, id })
  }

  /** The request that an answer belongs to. Some errors come without its id: they are about the one that waits longest. */
  answered(id: number | string | null, isError: boolean): StreamRequest | undefined {
    const key = typeof id === 'number' ? id : isError && id === null ? this.#open.keys().next().value : undefined
    const request = key === undefined ? undefined : this.#open.get(key)
    if (!request) return undefined
    clearTimeout(request.timer)
    this.#open.delete(key!)
    return request
  }

  /** Whether an UNSUBSCRIBE of the stream is on its way. */
  isLeaving(name: string): boolean {
    for (const { method, names } of this.#open.values()) {
      if (method === 'UNSUBSCRIBE' && names.includes(name)) return true
    }
    return false
  }

  pause(): void {
    this.#isPaused = true
  }

  /** Answers that wait in the socket are given their time again. */
  resume(): void {
    this.#isPaused = false
    for (const { timer } of this.#open.values()) timer.refresh()
  }

  clear(): void {
    for (const { timer } of this.#open.values()) clearTimeout(timer)
    this.#open.clear()
  }
}

/** Requests for any number of streams, each as large as a message may be. */
export function* batchesOf(method: StreamRequest['method'], names: readonly string[]): Generator<StreamRequest> {
  for (let i = 0; i < names.length; i += NAMES_PER_MESSAGE) {
    yield { method, names: names.slice(i, i + NAMES_PER_MESSAGE), tries: 1 }
  }
}

/** One bad name spoils a batch: its halves tell which. A request of one name has none. */
export function halvesOf({ method, names, tries }: StreamRequest): StreamRequest[] {
  if (names.length < 2) return []
  const half = names.length >> 1
  return [names.slice(0, half), names.slice(half)].map((part) => ({ method, names: part, tries }))
}
