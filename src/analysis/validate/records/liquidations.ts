import { type CheckedEvent, type EventContext, latencyStage, sideStage, symbolStage, timeStage } from './events.ts'
import { has, numbersStage } from './numbers.ts'
import { type RecordRules, type Stage, show } from './stage.ts'

/** A liquidation order, of which anything may be lacking; what lacks is not checked. */
export interface CheckedLiquidation extends CheckedEvent {
  readonly time?: number | undefined
  readonly side?: number | undefined
  readonly price?: number | undefined
  readonly averagePrice?: number | undefined
  readonly quantity?: number | undefined
  readonly lastFilledQuantity?: number | undefined
  readonly filledQuantity?: number | undefined
}

type LiquidationStage = Stage<CheckedLiquidation, EventContext>

/** Orders are filled near their price, also where the market falls. */
const FAR = 2

const average: LiquidationStage = {
  name: 'average',
  meaning: 'the average price is near that of the order',
  start:
    () =>
    ({ price, averagePrice }, report) => {
      if (!has(price) || !has(averagePrice) || !(price > 0) || !(averagePrice > 0)) return
      if (averagePrice > price * FAR || averagePrice * FAR < price) {
        report('average-far', 'error', `filled at ${averagePrice}, the price is ${price}`)
      }
    },
}

/** Sums of float64. */
const ROUNDING = 1e-9

const fills: LiquidationStage = {
  name: 'fills',
  meaning: 'no more is filled than was ordered, and no more at last than altogether',
  start:
    () =>
    ({ quantity, lastFilledQuantity, filledQuantity }, report) => {
      if (!has(filledQuantity)) return
      if (has(quantity) && filledQuantity > quantity * (1 + ROUNDING)) {
        report('filled-too-much', 'error', `${filledQuantity} of ${quantity} are filled`)
      }
      if (has(lastFilledQuantity) && lastFilledQuantity > filledQuantity * (1 + ROUNDING)) {
        report('last-fill-too-large', 'error', `${lastFilledQuantity} at last, ${filledQuantity} altogether`)
      }
    },
}

const once: LiquidationStage = {
  name: 'once',
  meaning: 'no order is told twice',
  start: () => {
    let instant = Number.NaN
    const told = new Set<string>()
    return (row, report) => {
      const { time } = row
      if (!has(time)) return
      if (time !== instant) told.clear()
      instant = time
      const key = [
        row.side,
        row.price,
        row.averagePrice,
        row.quantity,
        row.lastFilledQuantity,
        row.filledQuantity,
      ].join()
      if (told.has(key)) report('repeated', 'error', `the order of ${show(time)} comes twice`)
      told.add(key)
    }
  },
}

export const LIQUIDATION_RULES: RecordRules<CheckedLiquidation, EventContext> = {
  kind: 'liquidation',
  stages: [
    symbolStage<CheckedLiquidation>(),
    sideStage<CheckedLiquidation>(),
    numbersStage<CheckedLiquidation>(
      'prices and quantities are above 0, fills 0 or more',
      {
        // 0 as long as nothing is filled.
        averagePrice: 'not-negative',
        quantity: 'positive',
        filledQuantity: 'not-negative',
      },
      { price: 'positive', lastFilledQuantity: 'not-negative' },
    ),
    average,
    fills,
    once,
    timeStage<CheckedLiquidation>((row) => row.time),
    latencyStage<CheckedLiquidation>(),
  ],
  timeOf: (row) => row.time ?? Number.NaN,
}
