/** Weight of the futures' candle paths, by the page size. */
export function byLimit(query: URLSearchParams): number {
  const limit = Number(query.get('limit') ?? 500)
  return limit < 100 ? 1 : limit < 500 ? 2 : limit <= 1000 ? 5 : 10
}

/** One weight for one symbol, another for all. */
export const oneOrAll =
  (one: number, all: number) =>
  (query: URLSearchParams): number =>
    query.has('symbol') ? one : all
