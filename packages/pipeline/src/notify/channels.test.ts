import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AlertSeverity } from '@flowguard/contract'
import { parse } from 'yaml'
import { concerns, parseChannels } from './channels.ts'

const read = (text: string) => parseChannels((parse(text) as { channels: unknown }).channels)

test('channels are read as the file has them, with what is usual where nothing is said', () => {
  const { channels, faults } = read(`
channels:
  - { name: here, type: console }
  - { name: team, type: slack, url_env: SLACK_URL, min_severity: warning, kinds: [anomaly, fraud] }
  - { name: pager, type: webhook, url: "http://10.0.0.7/hook", secret_env: PAGER_SECRET, allow_private: true }
  - { name: mail, type: email, host: smtp.example.com, from: "FlowGuard <a@example.com>", to: b@example.com, user_env: U, password_env: P }
`)
  assert.deepEqual(faults, [])
  const all = { minSeverity: 'info', kinds: undefined }
  assert.deepEqual(channels, [
    { type: 'console', name: 'here', ...all },
    {
      type: 'slack',
      name: 'team',
      minSeverity: 'warning',
      kinds: ['anomaly', 'fraud'],
      target: { urlEnv: 'SLACK_URL' },
      isPrivateAllowed: false,
    },
    { type: 'webhook', name: 'pager', ...all, target: { url: 'http://10.0.0.7/hook' }, isPrivateAllowed: true, secretEnv: 'PAGER_SECRET' },
    {
      type: 'email',
      name: 'mail',
      ...all,
      tls: 'starttls',
      host: 'smtp.example.com',
      port: 587,
      from: 'FlowGuard <a@example.com>',
      to: ['b@example.com'],
      login: { userEnv: 'U', passwordEnv: 'P' },
    },
  ])
})

test('without channels there is the console; an empty list is none', () => {
  assert.deepEqual(
    parseChannels(undefined).channels.map(({ type }) => type),
    ['console'],
  )
  assert.deepEqual(parseChannels([]), { channels: [], faults: [] })
})

test('every fault is named with its place, and then no channel is given', () => {
  const { channels, faults } = read(`
channels:
  - { name: Loud!, type: console, colour: red }
  - { name: a, type: slack, url: "http://hooks.example.com/x" }
  - { name: b, type: webhook, url: "https://u:p@example.com", secret_env: hunter2 }
  - { name: c, type: webhook, secret_env: S, allow_private: yes please }
  - { name: d, type: email, host: smtp.example.com, from: nobody, port: 70000, user_env: U }
  - { name: e, type: pigeon }
  - { name: f, type: console, min_severity: loud }
  - { name: g, type: console }
  - { name: g, type: console }
  - text
`)
  assert.deepEqual(channels, [])
  assert.deepEqual(faults, [
    'channels[0].name must be small letters, digits and dashes, at most 32',
    'channels[0].colour is not known here',
    'channels[1].url must begin with https:// (http:// only on an inner network, with allow_private: true)',
    'channels[2].url must not hold a user or a password',
    'channels[2].secret_env must be the name of an environment variable: secrets are not written into this file',
    'channels[3].allow_private must be true or false',
    'channels[3].url or url_env must be given, and not both',
    'channels[4].user_env and password_env go together',
    'channels[4].port must be a whole number from 1 to 65535',
    'channels[4].from must be an e-mail address',
    'channels[4].to must be one or more e-mail addresses',
    'channels[5].type must be one of console, slack, webhook, email',
    'channels[6].min_severity must be one of info, warning, critical',
    'channels[9] must be a mapping',
    'channels: two are called g',
  ])
  assert.deepEqual(parseChannels({}).faults, ['channels must be a list'])
})

test('a channel hears of what is as grave as it wants, and of its kinds', () => {
  const channel = { type: 'console', name: 'a', minSeverity: 'warning', kinds: ['fraud'] } as const
  const heard = [
    ['fraud', 'critical'],
    ['fraud', 'warning'],
    ['fraud', 'info'],
    ['anomaly', 'critical'],
  ] as const
  assert.deepEqual(
    heard.map(([kind, severity]) => concerns(channel, { kind, severity })),
    [true, true, false, false],
  )
})

test('a channel that wants grave alerts alone hears of one that has become grave, and no other hears of it twice', () => {
  const heard = (minSeverity: AlertSeverity, severity: AlertSeverity, before: AlertSeverity) =>
    concerns({ type: 'console', name: 'a', minSeverity, kinds: undefined }, { kind: 'anomaly', severity, severity_before: before })
  assert.deepEqual(
    [
      heard('critical', 'critical', 'warning'),
      heard('warning', 'critical', 'warning'),
      heard('info', 'critical', 'warning'),
      heard('critical', 'warning', 'info'),
    ],
    [true, false, false, false],
  )
})
