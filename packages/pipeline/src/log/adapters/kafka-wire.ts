import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import { FlowGuardError } from '../../kernel/errors.ts'

const ANSWER_MS_MAX = 5_000
const ANSWER_BYTES_MAX = 64 * 1024 * 1024
const UUID_BYTES = 16

/** What the body of a request is made of, in the compact forms of Kafka's protocol. https://kafka.apache.org/protocol */
export class Writer {
  readonly #parts: Buffer[] = []

  bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  int8(value: number): this {
    return this.#fixed(1, (buffer) => buffer.writeInt8(value))
  }

  int32(value: number): this {
    return this.#fixed(4, (buffer) => buffer.writeInt32BE(value))
  }

  int64(value: number): this {
    return this.#fixed(8, (buffer) => buffer.writeBigInt64BE(BigInt(value)))
  }

  uuid(): this {
    this.#parts.push(Buffer.alloc(UUID_BYTES))
    return this
  }

  text(value: string | null): this {
    if (value === null) return this.#varint(0)
    const bytes = Buffer.from(value)
    this.#varint(bytes.length + 1).#parts.push(bytes)
    return this
  }

  array<T>(values: readonly T[] | null, write: (value: T) => void): this {
    this.#varint(values === null ? 0 : values.length + 1)
    values?.forEach(write)
    return this
  }

  /** No fields of later versions. */
  end(): this {
    return this.#varint(0)
  }

  #fixed(length: number, write: (buffer: Buffer) => void): this {
    const buffer = Buffer.alloc(length)
    write(buffer)
    this.#parts.push(buffer)
    return this
  }

  #varint(value: number): this {
    const bytes: number[] = []
    let left = value
    for (; left > 0x7f; left >>>= 7) bytes.push((left & 0x7f) | 0x80)
    this.#parts.push(Buffer.from([...bytes, left]))
    return this
  }
}

export class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int8 = () => this.#bytes.readInt8(this.#move(1))
  int16 = () => this.#bytes.readInt16BE(this.#move(2))
  int32 = () => this.#bytes.readInt32BE(this.#move(4))
  int64 = () => Number(this.#bytes.readBigInt64BE(this.#move(8)))

  uuid(): string {
    const from = this.#move(UUID_BYTES)
    return this.#bytes.toString('base64url', from, from + UUID_BYTES)
  }

  text(): string {
    const length = this.#varint() - 1
    if (length < 0) return ''
    const from = this.#move(length)
    return this.#bytes.toString('utf8', from, from + length)
  }

  array<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.#varint() - 1) }, read)
  }

  /** Passes over the fields of later versions. */
  end(): void {
    for (let left = this.#varint(); left > 0; left -= 1) {
      this.#varint()
      this.#move(this.#varint())
    }
  }

  #move(length: number): number {
    const from = this.#at
    this.#at += length
    return from
  }

  #varint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#move(1))
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
  }
}

export interface Request {
  key: number
  version: number
  body: Writer
}

/** A connection to one broker. */
export interface Wire extends Disposable {
  readonly isOpen: boolean
  ask(request: Request): Promise<Reader>
}

/** Connects to the first of the brokers that answers. Rejects with `log_unavailable` where none does. */
export async function wireTo(address: KafkaAddress, brokers: readonly string[] = address.brokers): Promise<Wire> {
  const failures: string[] = []
  for (const broker of brokers) {
    try {
      return await openWire(address, broker)
    } catch (error) {
      failures.push(`${broker}: ${(error as Error).message}`)
    }
  }
  throw new FlowGuardError('log_unavailable', `no broker of Kafka answers (${failures.join('; ')})`)
}

async function openWire(address: KafkaAddress, broker: string): Promise<Wire> {
  const colon = broker.lastIndexOf(':')
  const host = broker.slice(0, colon).replace(/^\[|\]$/g, '')
  const port = Number(broker.slice(colon + 1))
  const socket = address.isTls ? connectTls({ host, port, servername: host }) : connectTcp({ host, port })
  const wire = wireOn(socket, broker)
  try {
    await wire.opened(address.isTls ? 'secureConnect' : 'connect')
    if (address.user !== undefined) await wire.logIn(address.user, address.password ?? '')
    return wire
  } catch (error) {
    wire[Symbol.dispose]()
    throw error
  }
}

interface Asked {
  resolve: (answer: Buffer) => void
  reject: (error: Error) => void
}

function wireOn(socket: Socket, broker: string) {
  const asked: Asked[] = []
  let received: Buffer = Buffer.alloc(0)
  let correlation = 0
  let failure: Error | undefined

  function fail(error: Error): void {
    failure ??= error
    socket.destroy()
    for (const each of asked.splice(0)) each.reject(error)
  }
  const unavailable = (what: string) => new FlowGuardError('log_unavailable', `broker ${broker}: ${what}`)
  socket.setNoDelay(true)
  socket.on('error', (error) => fail(unavailable(error.message)))
  socket.on('close', () => fail(unavailable('it closed the connection')))
  socket.on('data', (chunk: Buffer) => {
    received = received.length > 0 ? Buffer.concat([received, chunk]) : chunk
    while (received.length >= 4) {
      const length = received.readInt32BE(0)
      if (length < 4 || length > ANSWER_BYTES_MAX) return fail(unavailable('its answer is none of Kafka'))
      if (received.length < 4 + length) return
      // Behind the correlation id: a broker answers in the order of asking.
      asked.shift()?.resolve(received.subarray(8, 4 + length))
      received = received.subarray(4 + length)
    }
  })

  async function within<T>(work: Promise<T>): Promise<T> {
    const timer = setTimeout(() => fail(unavailable(`no answer within ${ANSWER_MS_MAX} ms`)), ANSWER_MS_MAX)
    try {
      return await work
    } finally {
      clearTimeout(timer)
    }
  }

  function send(key: number, version: number, body: Buffer, isCompact: boolean): Promise<Buffer> {
    if (failure) return Promise.reject(failure)
    const client = Buffer.from('flowguard')
    const head = Buffer.alloc(14)
    head.writeInt32BE(10 + client.length + (isCompact ? 1 : 0) + body.length, 0)
    head.writeInt16BE(key, 4)
    head.writeInt16BE(version, 6)
    head.writeInt32BE((correlation += 1), 8)
    head.writeInt16BE(client.length, 12)
    socket.write(Buffer.concat([head, client, ...(isCompact ? [Buffer.of(0)] : []), body]))
    return within(new Promise((resolve, reject) => asked.push({ resolve, reject })))
  }

  return {
    get isOpen() {
      return failure === undefined
    },
    async ask({ key, version, body }: Request): Promise<Reader> {
      const reader = new Reader(await send(key, version, body.bytes(), true))
      reader.end()
      return reader
    },
    opened: (event: 'connect' | 'secureConnect') =>
      within(
        new Promise<void>((resolve, reject) => {
          socket.once(event, () => resolve())
          socket.once('close', () => reject(failure ?? unavailable('it closed the connection')))
        }),
      ),
    /** SASL's PLAIN. */
    async logIn(user: string, password: string): Promise<void> {
      const mechanism = Buffer.from('PLAIN')
      const handshake = await send(17, 1, Buffer.concat([sized(mechanism, 2), mechanism]), false)
      if (handshake.readInt16BE(0) !== 0) throw unavailable('it does not know SASL PLAIN')
      const secret = Buffer.from(`\0${user}\0${password}`)
      const answer = await send(36, 1, Buffer.concat([sized(secret, 4), secret]), false)
      if (answer.readInt16BE(0) !== 0) throw unavailable('it refuses the user and password of the address')
    },
    [Symbol.dispose]: () => fail(unavailable('closed')),
  }
}

function sized(bytes: Buffer, width: 2 | 4): Buffer {
  const length = Buffer.alloc(width)
  length.writeIntBE(bytes.length, 0, width)
  return length
}
