export { CloseCode, WebSocketProtocolError } from './close-code.ts'
export { eachMessage } from './frame.ts'
export { receiveTime } from './receive-clock.ts'
export {
  WebSocketClient,
  type WebSocketClose,
  type WebSocketHandlers,
  type WebSocketOptions,
} from './websocket-client.ts'
