import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const ASK_MS_MAX = 3_000
const METADATA = 3
const METADATA_VERSION = 1
const NO_TOPICS = 0

/** Asks one broker, by Kafka's own protocol, which brokers it knows to be alive: that an address is open says nothing yet. */
export async function brokersKnownTo(port: number): Promise<number[]> {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(ASK_MS_MAX, () => socket.destroy(new Error('no answer')))
  try {
    await once(socket, 'connect')
    const body = Buffer.concat([int16(METADATA), int16(METADATA_VERSION), int32(1), text('flowguard-launcher'), int32(NO_TOPICS)])
    socket.write(Buffer.concat([int32(body.length), body]))
    return brokerIds(await answer(socket))
  } finally {
    socket.destroy()
  }
}

async function answer(socket: Socket): Promise<Buffer> {
  let received = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, chunk])
    if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) return received.subarray(4)
  }
  throw new Error('the connection was closed')
}

/** Correlation id, then a list of node, host, port, rack (which may be none). */
function brokerIds(body: Buffer): number[] {
  let at = 4
  const int = () => body.readInt32BE((at += 4) - 4)
  const skipText = () => {
    const length = body.readInt16BE(at)
    at += 2 + Math.max(length, 0)
  }
  const ids = Array.from({ length: int() }, () => {
    const id = int()
    skipText()
    int()
    skipText()
    return id
  })
  return ids.toSorted((a, b) => a - b)
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)])
}
