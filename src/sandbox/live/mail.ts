import type { Channel } from './channel.ts'
import type { Connection } from './connection.ts'
import type { Due } from './frames.ts'
import type { Subscription } from './subscription.ts'

interface Letter {
  readonly subscription: Subscription
  readonly due: Due
}

interface Event {
  readonly letter: Letter
  readonly index: number
  readonly time: number
  readonly order: number
}

/** Events that are due, until they are handed to the connections in the order of their times, whatever their streams. */
export class Mail {
  readonly #boxes = new Map<Connection, Letter[]>()

  add(channel: Channel, due: Due): void {
    for (const subscription of channel.subscriptions) {
      const { connection } = subscription
      const box = this.#boxes.get(connection)
      if (box) box.push({ subscription, due })
      else this.#boxes.set(connection, [{ subscription, due }])
    }
  }

  deliver(): void {
    for (const box of this.#boxes.values()) {
      if (box.length === 1) box[0]!.subscription.send(box[0]!.due)
      else deliverInOrder(box)
    }
    this.#boxes.clear()
  }
}

function deliverInOrder(box: readonly Letter[]): void {
  const events: Event[] = []
  for (const letter of box) {
    const { prepared, from, to } = letter.due
    const { times, orders } = prepared.batch
    for (let index = from; index < to; index++) {
      events.push({ letter, index, time: times[index]!, order: orders?.[index] ?? 0 })
    }
  }
  events.sort((a, b) => a.time - b.time || a.order - b.order)
  // Events of one stream in a row go out together.
  for (let i = 0; i < events.length; ) {
    const { letter, index } = events[i]!
    let count = 1
    while (events[i + count]?.letter === letter) count++
    letter.subscription.send({ prepared: letter.due.prepared, from: index, to: index + count })
    i += count
  }
}
