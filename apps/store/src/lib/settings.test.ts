import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storeSettings } from './settings.ts'

test('an address wins over a port, a port over the default', () => {
  assert.equal(storeSettings({}).catalogUrl, 'http://127.0.0.1:8001')
  assert.equal(storeSettings({ CATALOG_PORT: '15001' }).catalogUrl, 'http://127.0.0.1:15001')
  assert.equal(storeSettings({ CATALOG_PORT: '15001', CATALOG_URL: 'http://menu:1/' }).catalogUrl, 'http://menu:1')
})

test('a browser is told the gateway of this server, or its public name, and never the key to read with', () => {
  const inside = storeSettings({ GATEWAY_URL: 'http://gateway:8000', WRITE_KEY: 'secret' })
  assert.deepEqual([inside.publicGatewayUrl, inside.publicKey], ['http://gateway:8000', ''])
  const outside = storeSettings({ GATEWAY_URL: 'http://gateway:8000', PUBLIC_GATEWAY_URL: 'https://events.shop/', PUBLIC_WRITE_KEY: 'web' })
  assert.deepEqual([outside.publicGatewayUrl, outside.publicKey], ['https://events.shop', 'web'])
})
