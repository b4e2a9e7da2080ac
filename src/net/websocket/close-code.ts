import { TicklakeError } from '../../model/errors.ts'

/** Codes of RFC 6455, section 7.4.1, that this client uses or tells. */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  /** Never sent: the other side's close frame held no code. */
  noStatus: 1005,
  /** Never sent: the connection ended without a close frame. */
  abnormal: 1006,
  invalidPayload: 1007,
  messageTooBig: 1009,
} as const

/** The other side broke the protocol; the connection is ended with `closeCode`. */
export class WebSocketProtocolError extends TicklakeError {
  readonly closeCode: number

  constructor(closeCode: number, message: string) {
    super('WEBSOCKET_PROTOCOL', message, { retryable: true })
    this.closeCode = closeCode
  }
}

/** Whether a close frame may carry the code. */
export function isSendableCode(code: number): boolean {
  return (
    (code >= 3000 && code <= 4999) || (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006)
  )
}
