import type { Kernel } from './definition.ts'
import type { MaxWindow, MinWindow } from './windows.ts'

/** The greatest or the least of the last `period` values, as its window has it. */
export class ExtremeKernel implements Kernel {
  readonly window: MaxWindow | MinWindow
  count = 0

  constructor(window: MaxWindow | MinWindow) {
    this.window = window
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { window } = this
    const { period } = window
    for (let i = from; i < to; i++) {
      const best = window.next(x![i]!)
      if (this.count < period) this.count++
      out![i] = this.count < period ? Number.NaN : best
    }
  }
}
