/** As little as a server in Node can do with an event: read the body, answer. */
import { createServer } from 'node:http'

const ANSWER = JSON.stringify({ success: true, message: 'Click received', event_id: '00000000-0000-4000-8000-000000000000' })

const server = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    Buffer.concat(parts)
    response.writeHead(202, { 'content-type': 'application/json; charset=utf-8', 'content-length': ANSWER.length })
    response.end(ANSWER)
  })
})
server.listen(Number(process.env['GATEWAY_PORT']), '127.0.0.1', () => process.send?.('ready'))
process.once('SIGTERM', () => server.close())
