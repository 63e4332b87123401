import type { NextRequest } from 'next/server'
import { notifications } from '../../lib/answers.ts'
import { CUSTOMER_ID } from '../../lib/notifications.ts'

const INSTANT = /^[\d:.TZ+-]{10,40}$/

/** What the customer of this browser is told: asked here, for the key that reads it is this server's alone. */
export async function GET(request: NextRequest): Promise<Response> {
  const { searchParams: asked } = request.nextUrl
  const [user, since] = [asked.get('user') ?? '', asked.get('since') ?? '']
  if (!CUSTOMER_ID.test(user)) return new Response(null, { status: 404 })
  const answer = await notifications(user, INSTANT.test(since) ? since : '')
  const headers = { 'cache-control': 'no-store' }
  if (answer.kind !== 'found') return new Response(null, { status: 503, headers })
  return Response.json(answer.value, { headers })
}
