import type { ClientOptions } from '../../exchanges/exchange.ts'
import type { StreamOptions } from '../../exchanges/stream.ts'
import type { Settings } from '../config/settings.ts'

/** The settings in force as the REST side of a collector wants them. */
export function clientOptions({ exchange, download }: Settings): ClientOptions {
  return {
    ...(exchange.endpoint === undefined ? {} : { endpoint: exchange.endpoint }),
    ...(exchange.restUrl === undefined ? {} : { restUrl: exchange.restUrl }),
    ...(exchange.apiKey === undefined ? {} : { apiKey: exchange.apiKey }),
    ...(exchange.sharedBudget === undefined ? {} : { sharedBudget: exchange.sharedBudget }),
    testnet: exchange.testnet,
    timeoutMs: download.timeout,
    attempts: download.retries + 1,
  }
}

/** The settings in force as the streams of a collector want them. */
export function streamOptions({ exchange, websocket }: Settings): StreamOptions {
  return {
    ...(exchange.wsUrl === undefined ? {} : { wsUrl: exchange.wsUrl }),
    pingIntervalMs: websocket.pingInterval,
    pingTimeoutMs: websocket.pingTimeout,
    closeTimeoutMs: websocket.closeTimeout,
    maxMessageSize: websocket.maxMessageSize,
    autoReconnect: websocket.autoReconnect,
    reconnectDelayMs: websocket.reconnectDelay,
    maxReconnectDelayMs: websocket.maxReconnectDelay,
  }
}
