import { jsonReply, type Reply, textReply } from '../deliver.ts'
import { refusal } from '../rest/api.ts'
import type { FaultSpec } from './spec.ts'

type AnsweringFault = Extract<FaultSpec, { type: 'timeout' | 'http-error' | 'rate-limit' | 'ban' }>

/** What a fault answers in the exchange's place; `silence` for no answer at all. */
export function answerOf(fault: AnsweringFault, now: number, speed: number): Reply | 'silence' {
  switch (fault.type) {
    case 'timeout':
      return 'silence'
    case 'rate-limit':
      return refusal(429, fault.retryAfterS ?? 1, 'Too many requests; please use the websocket for live updates.')
    case 'ban': {
      const seconds = fault.retryAfterS ?? 2
      const until = Math.round(now + seconds * 1000 * speed)
      return refusal(418, seconds, `Way too much request weight used; IP banned until ${until}.`)
    }
    case 'http-error': {
      const headers = fault.retryAfterS === undefined ? {} : { 'Retry-After': String(fault.retryAfterS) }
      if (typeof fault.body === 'string') return textReply(fault.status, fault.body, 'text/html', headers)
      return fault.body === undefined
        ? textReply(fault.status, '', 'text/plain', headers)
        : jsonReply(fault.status, fault.body, headers)
    }
  }
}

/** A reply whose body is not JSON. */
export async function garbled(reply: Reply, form: 'cut' | 'text' | 'html', status: number | undefined): Promise<Reply> {
  const type = 'application/json;charset=UTF-8'
  if (form === 'html') {
    const code = status ?? 403
    return textReply(
      code,
      `<html><head><title>${code}</title></head><body><h1>Request blocked.</h1></body></html>`,
      'text/html',
    )
  }
  if (form === 'text') return textReply(status ?? 200, 'upstream connect error', type)
  const pieces: Buffer[] = []
  for await (const piece of reply.body.read(0, reply.body.size)) pieces.push(piece)
  const whole = Buffer.concat(pieces)
  return textReply(status ?? reply.status, whole.subarray(0, Math.floor(whole.length / 2)), type)
}
