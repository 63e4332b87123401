import { hash, randomBytes } from 'node:crypto'
import { Command } from 'commander'
import type { Database } from '../database/database.ts'
import { openDatabase } from '../stores.ts'
import { action, EXIT, example, needsFolder, type Cli, type Context, type ExitCode } from './cli.ts'
import { dateTime, table } from './output.ts'

const KEY_BYTES = 32
const FOR_ALL = 'Send it as "Authorization: Bearer …", or set WRITE_KEY for the commands here.'
const EVENTS_ONLY = 'It may only send events: set PUBLIC_WRITE_KEY for the pages of the store, or give it to another site.'

/** `keys`: who may write from beyond this machine. Only a key's hash is kept. */
export function keysCommand(cli: Cli): Command {
  const keys = new Command('keys')
    .description('write keys: who may send events')
    .usage('<command> [options]')
    .addHelpText('after', example('keys add till-3', 'keys list', 'keys revoke till-3'))
  keys
    .command('add')
    .description('make a key, and show it this once; a key of the same name is replaced')
    .argument('<name>', 'whose it is')
    .option('--events-only', 'it may send events and no more: for a page, where everybody can read it')
    .addHelpText('after', example('keys add till-3', 'keys add shop-pages --events-only'))
    .action(action<AddFlags>(cli, add))
  keys
    .command('list')
    .description('the keys that there are')
    .addHelpText('after', example('keys list'))
    .action(action<object, []>(cli, list))
  keys
    .command('revoke')
    .description('take a key back: at once, without a restart')
    .argument('<name>', 'whose it is')
    .addHelpText('after', example('keys revoke till-3'))
    .action(action<object>(cli, revoke))
  return keys
}

interface AddFlags {
  eventsOnly?: true
}

async function add({ io, settings, out }: Context, { eventsOnly }: AddFlags, name = ''): Promise<ExitCode> {
  await using database = await openDatabase(settings, io.clock)
  const key = `fg_${randomBytes(KEY_BYTES).toString('base64url')}`
  const isReplaced = (await database.keys()).some((each) => each.name === name && each.revokedAt === null)
  const use = eventsOnly ? 'events' : 'all'
  await database.addKey(name, hash('sha256', key), use)
  if (out.isJson) out.json({ name, key, use, replaced: isReplaced })
  else out.line(key)
  out.note(`${isReplaced ? 'The key before it is no longer valid. ' : ''}This is shown only now. ${eventsOnly ? EVENTS_ONLY : FOR_ALL}`)
  return EXIT.done
}

/** To add a key makes the folder; to look for one, or take it back, does not. */
async function databaseThere({ io, settings }: Context): Promise<Database> {
  if (settings.DATABASE_URL === 'sqlite:') needsFolder(settings)
  return openDatabase(settings, io.clock)
}

async function list(context: Context): Promise<ExitCode> {
  const { out } = context
  await using database = await databaseThere(context)
  const keys = await database.keys()
  const c = out.colors
  if (out.isJson) out.json(keys.map(({ name, use, createdAt, revokedAt }) => ({ name, use, created_at: createdAt, revoked_at: revokedAt })))
  else if (keys.length === 0) out.note('There are no keys yet: make one with `npx flowguard keys add NAME`.')
  else {
    const rows = keys.map(({ name, use, createdAt, revokedAt }) => [
      name,
      use,
      dateTime(createdAt),
      revokedAt === null ? c.green('valid') : c.red(`revoked ${dateTime(revokedAt)}`),
    ])
    out.line(table([{ title: 'name' }, { title: 'may do' }, { title: 'made' }, { title: '' }], rows, c))
  }
  return EXIT.done
}

async function revoke(context: Context, _options: object, name = ''): Promise<ExitCode> {
  const { out } = context
  await using database = await databaseThere(context)
  const isRevoked = await database.revokeKey(name)
  if (out.isJson) out.json({ name, revoked: isRevoked })
  else out.note(isRevoked ? `The key ${name} is revoked.` : `There is no valid key ${name}.`)
  return isRevoked ? EXIT.done : EXIT.failed
}
