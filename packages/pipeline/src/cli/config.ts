import { Command } from 'commander'
import { maskedAddress } from '../kernel/addresses.ts'
import { SETTINGS, type SettingName } from '../kernel/config.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { table } from './output.ts'

export function configCommand(cli: Cli): Command {
  return new Command('config')
    .description('every setting: its value, where it comes from, what it is')
    .addHelpText('after', example('config', 'config --json'))
    .action(action<object, []>(cli, showConfig))
}

async function showConfig({ settings, out }: Context): Promise<ExitCode> {
  const rows = (Object.keys(SETTINGS) as SettingName[]).map((name) => {
    const { about, ...rest } = SETTINGS[name]
    return { name, value: 'secret' in rest ? masked(settings[name], rest.secret) : settings[name], source: settings.sources[name], about }
  })
  const c = out.colors
  if (out.isJson) out.json(rows)
  else {
    const cells = rows.map(({ name, value, source, about }) => [
      c.cyan(name),
      value === '' ? c.dim('(empty)') : value,
      source === 'default' ? c.dim(source) : c.yellow(source),
      c.dim(about),
    ])
    out.line(table([{ title: 'setting' }, { title: 'value' }, { title: 'from' }, { title: 'what it is' }], cells, c))
  }
  return EXIT.done
}

function masked(secret: string, what: 'all' | 'password'): string {
  if (what === 'password') return maskedAddress(secret)
  return secret === '' ? '' : '********'
}
