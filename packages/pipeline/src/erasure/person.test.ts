import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isChargeable, parseLogged } from '@flowguard/contract'
import { erasedEvent, erasedText, formsOf, isTelling } from './person.ts'
import { mentions, recordMentions } from './search.ts'

const RAVI = { id: 'ravi@example.com', pseudonym: 'erased-1' }
const NUMBERED = { id: '1042', pseudonym: 'erased-2' }
const written = { event_id: 'e', ts: 1, received_at: '', is_bot: false }

test('of a person’s event stays what the books need, and readers take it as before', () => {
  const click = {
    event_type: 'impression',
    ...written,
    user_id: RAVI.id,
    ad_id: 'a',
    item_id: 7,
    ip_address: '::1',
    metadata: { impression: 'hover', of: RAVI.id },
    hobby: 'x',
  }
  const erased = erasedEvent(click, RAVI.pseudonym)
  assert.deepEqual(erased, {
    event_type: 'impression',
    ...written,
    user_id: 'erased-1',
    ad_id: 'a',
    item_id: 7,
    metadata: { impression: 'hover' },
  })
  assert.ok(!('invalid' in parseLogged(JSON.stringify(erased))))
  assert.equal(isChargeable(erased), isChargeable(click))
})

test('a general event’s properties keep the amount, and what makes them wrong', () => {
  const of = (properties: unknown) => erasedEvent({ event_type: 'purchase', ...written, properties }, 'p')['properties']
  assert.deepEqual([of({ amount: 5, mail: 'x' }), of({ amount: 'many' }), of('text'), of([1])], [{ amount: 5 }, {}, '', ''])
})

test('an id that means nobody else is taken out of any text, but for a longer word and other things’ ids', () => {
  assert.deepEqual(['ravi@example.com', 'user_7', '1042', 'anna', 'u1'].map(isTelling), [true, true, false, false, false])
  const text = JSON.stringify({ event_id: RAVI.id, says: `Dear ${RAVI.id}, not x-${RAVI.id}`, deep: [RAVI.id] })
  assert.equal(erasedText(text, RAVI), `{"event_id":"${RAVI.id}","says":"Dear erased-1, not x-${RAVI.id}","deep":["erased-1"]}`)
  assert.equal(erasedText('no JSON: ravi@example.com.', RAVI), 'no JSON: erased-1.')
})

test('an address within a longer one is another’s, for the work and for the search', () => {
  const person = { id: 'ravi1@shop.co', pseudonym: 'erased-3' }
  for (const other of ['ravi1@shop.co.uk', 'x.ravi1@shop.co', 'eu-ravi1@shop.co']) {
    const text = `{"subject":"${other}","title":"User ${other} has placed 9 orders"}`
    assert.equal(erasedText(text, person), text)
    assert.equal(mentions(text, person), false, other)
    assert.equal(mentions(other, person, 'user_id'), false, other)
  }
  assert.equal(erasedText('{"title":"User ravi1@shop.co. Again."}', person), '{"title":"User erased-3. Again."}')
  assert.equal(erasedText('{"ravi1@shop.co":1}', person), '{"erased-3":1}')
})

test('one that may be another thing’s is changed only where ids of users lie', () => {
  const text = '{"user_id":"1042","ad_id":"1042","restaurant_id":"1042","note":"1042 times"}'
  assert.equal(erasedText(text, NUMBERED), text.replace('1042', 'erased-2'))
  assert.equal(erasedText('{"session_id":"1042/99","steps":[]}', NUMBERED), '{"session_id":"erased-2/99","steps":[]}')
  const other = '{ "user_id": "10420",  "n": 1.0 }'
  assert.equal(erasedText(other, NUMBERED), other, 'what does not change stays to the byte')
})

test('a dead letter is changed inside its bytes, and one whose bytes are no event loses them', () => {
  const letter = (value: string, key: string) => JSON.stringify({ dead_id: 'd', key, value_base64: Buffer.from(value).toString('base64') })
  const inner = (text: string) => Buffer.from((JSON.parse(text) as { value_base64: string }).value_base64, 'base64').toString()
  const event = JSON.stringify({ event_type: 'click', user_id: '1042', secret: 1 })
  assert.equal(inner(erasedText(letter(event, '1042'), NUMBERED)), '{"event_type":"click","user_id":"erased-2"}')
  assert.equal(inner(erasedText(letter('of 1042, no JSON', '1042'), NUMBERED)), '{}')
  assert.equal(erasedText(letter('\u00ff', 'other'), NUMBERED), letter('\u00ff', 'other'))
})

test('an alert about a user says the pseudonym; one about an ad of the same name stays', () => {
  const alert = (rule: string) =>
    JSON.stringify({ alert_id: `${rule}/1042/7`, rule, subject: '1042', title: 'User 1042 has placed 1042 orders' })
  const erased = erasedText(alert('orders_per_user'), NUMBERED)
  assert.equal(
    erased,
    '{"alert_id":"orders_per_user/erased-2/7","rule":"orders_per_user","subject":"erased-2","title":"User erased-2 has placed 1042 orders"}',
  )
  assert.equal(mentions(erased, NUMBERED), false)
  assert.equal(mentions(alert('orders_per_user'), NUMBERED), true)
  assert.equal(erasedText(alert('clicks_per_ad'), NUMBERED), alert('clicks_per_ad'))
})

test('the search finds a user wherever one is named, also in JSON within JSON', () => {
  for (const text of [
    '{"user_id":"1042"}',
    String.raw`{"a":"{\"user_id\":\"1042\"}"}`,
    '["1042",7,1]',
    '{"session":{"userId":"1042"}}',
    '{"session_id":"1042/17"}',
  ])
    assert.equal(mentions(text, NUMBERED), true, text)
  for (const text of ['{"ad_id":"1042"}', '{"user_id":"10421"}', '1042']) assert.equal(mentions(text, NUMBERED), false, text)
  assert.equal(mentions('1042', NUMBERED, 'user_id'), true)
  assert.equal(mentions('s/9/ravi@example.com', RAVI), true)
})

test('an id is written otherwise in JSON, and otherwise again in JSON within JSON; most are the same in all', () => {
  assert.deepEqual(formsOf('jörg/7'), ['jörg/7'])
  const written = (depth: number) => `CORP${'\\'.repeat(2 ** depth)}anna1`
  assert.deepEqual(formsOf(written(0)), [3, 2, 1, 0].map(written))
  const person = { id: written(0), pseudonym: 'erased-4' }
  for (const depth of [0, 1, 2, 3]) {
    assert.equal(erasedText(`no JSON: "${written(depth)}"`, person), 'no JSON: "erased-4"')
    assert.equal(mentions(`x ${written(depth)} y`, person), true)
    assert.equal(mentions(`x ${written(depth)}23 y`, person), false)
  }
  const record = (user: string) => ({ key: 'u2', value: JSON.stringify({ metadata: { invited_by: user } }), headers: {} })
  assert.deepEqual([recordMentions(record(person.id), person), recordMentions(record(`${person.id}9`), person)], [true, false])
})

test('what JSON writes for the end of a line is no letter before the id that follows', () => {
  const record = { key: 'u2', value: JSON.stringify({ metadata: { says: `Dear\n${RAVI.id}\u0007${RAVI.id}` } }), headers: {} }
  assert.equal(recordMentions(record, RAVI), true)
  assert.equal(erasedText(JSON.stringify(record), RAVI).includes('ravi'), false)
})
