import { connect, type Socket } from 'node:net'

export interface Answer {
  status: number
  /** Events that it says were accepted. */
  accepted: number
}

export interface Connection {
  /** Sends one request; the bytes may be changed again once `onAnswer` was called. */
  send(request: Buffer, onAnswer: (answer: Answer) => void): void
  close(): void
}

const HEAD_END = Buffer.from('\r\n\r\n')
const ACCEPTED = Buffer.from('"status":"accepted"')
const STATUS_AT = 'HTTP/1.1 '.length

/**
 * One kept-alive connection with one request on its way: node:net and the least reading that HTTP allows, because the load shares the machine with
 * what it measures. Rejects where nobody listens; a connection that breaks later ends the process by its error.
 */
export async function openConnection(port: number): Promise<Connection> {
  const socket = await connected(port)
  let onAnswer: ((answer: Answer) => void) | undefined
  let parts: Buffer[] = []
  let missing = -1
  let status = 0

  socket.on('data', (chunk: Buffer) => {
    if (missing < 0) {
      const head = parts.length > 0 ? Buffer.concat([...parts, chunk]) : chunk
      const end = head.indexOf(HEAD_END)
      if (end < 0) {
        parts = [head]
        return
      }
      status = Number(head.toString('latin1', STATUS_AT, STATUS_AT + 3))
      const length = Number(/content-length: *(\d+)/i.exec(head.toString('latin1', 0, end))?.[1] ?? Number.NaN)
      if (Number.isNaN(length)) throw new Error('the answer names no length')
      const body = head.subarray(end + HEAD_END.length)
      parts = [body]
      missing = length - body.length
    } else {
      parts.push(chunk)
      missing -= chunk.length
    }
    if (missing > 0) return
    const body = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
    parts = []
    missing = -1
    const tell = onAnswer
    onAnswer = undefined
    tell?.({ status, accepted: status === 200 ? countOf(body, ACCEPTED) : status === 201 || status === 202 ? 1 : 0 })
  })

  return {
    send(request, tell) {
      onAnswer = tell
      socket.write(request)
    },
    close: () => socket.destroy(),
  }
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

function countOf(bytes: Buffer, what: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(what); at >= 0; at = bytes.indexOf(what, at + what.length)) count += 1
  return count
}
