import { TicklakeError } from '../../model/errors.ts'

/** An answer `{code, msg}` with a status that is not a success. */
export class RestFailure extends TicklakeError {
  readonly status: number
  /** The exchange's number, e.g. -1121. */
  readonly exchangeCode: number

  constructor(exchangeCode: number, message: string, status = 400) {
    super('SANDBOX_ANSWER', message)
    this.exchangeCode = exchangeCode
    this.status = status
  }
}

export const badSymbol = (): RestFailure => new RestFailure(-1121, 'Invalid symbol.')
