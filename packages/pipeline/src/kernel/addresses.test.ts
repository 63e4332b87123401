import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskedAddress, parseAddress } from './addresses.ts'

test('an address says which engine it is, and where', () => {
  assert.deepEqual(parseAddress('sqlite:'), { engine: 'sqlite' })
  assert.deepEqual(parseAddress('kafka://a:9092,127.0.0.1:19093,[::1]:9/shop.'), {
    engine: 'kafka',
    brokers: ['a:9092', '127.0.0.1:19093', '[::1]:9'],
    prefix: 'shop.',
    user: undefined,
    password: undefined,
    isTls: false,
  })
  assert.deepEqual(parseAddress('kafka://me:p%40ss@a:9092?tls=on'), {
    engine: 'kafka',
    brokers: ['a:9092'],
    prefix: '',
    user: 'me',
    password: 'p@ss',
    isTls: true,
  })
  assert.deepEqual(parseAddress('s3://lake-1/raw/events/'), { engine: 's3', bucket: 'lake-1', prefix: 'raw/events' })
  assert.deepEqual(parseAddress('file:'), { engine: 'file', path: '' })
  assert.deepEqual(parseAddress('file:///var/lake'), { engine: 'file', path: '/var/lake' })
  assert.deepEqual(parseAddress('file:lake'), { engine: 'file', path: 'lake' })
  for (const url of ['redis://127.0.0.1:6379/1', 'rediss://u:p@host']) assert.deepEqual(parseAddress(url), { engine: 'redis', url })
  for (const url of ['postgres://u:p@h:5432/db', 'postgresql://h/db']) assert.deepEqual(parseAddress(url), { engine: 'postgres', url })
})

test('what is no address is none', () => {
  for (const text of [
    '',
    'sqlite',
    'sqlite:x',
    'kafka://',
    'kafka://a',
    'kafka://a:1,',
    'kafka://a:1,b',
    's3://',
    's3://A',
    'mysql://a',
    'snowflake://a%zz@acme-prod/FLOWGUARD',
    'kafka://me:50%@a:9092',
    'redis:',
    'postgres:db',
  ])
    assert.equal(parseAddress(text), undefined, text)
})

test('an address is shown without its password', () => {
  assert.equal(maskedAddress('postgres://me:p:ss@h:5432/db'), 'postgres://me:…@h:5432/db')
  assert.equal(maskedAddress('redis://:secret@h:6379'), 'redis://:…@h:6379')
  for (const text of ['kafka://a:1,b:2', 'postgres://me@h/db', 'postgres://me@h:5432/db', 'sqlite:'])
    assert.equal(maskedAddress(text), text)
})

test('nothing of a password is shown that should have been escaped', () => {
  for (const secret of ['p@ss', '@', 'a@b@c', 'p/s@s', 'p?s#s', 'p:@s', 'p\nss'])
    for (const user of ['me', '', 'me@corp'])
      assert.equal(maskedAddress(`postgres://${user}:${secret}@h:5432/db`), `postgres://${user}:…@h:5432/db`)
  assert.equal(maskedAddress('Postgres://me:p@ss@h/db'), 'Postgres://me:…@h/db')
})
