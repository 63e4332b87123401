import { Command } from 'commander'
import { SETTINGS, shown, type SettingName } from '../kernel/config.ts'
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
    return { name, value: shown(name, settings[name]), source: settings.sources[name], about: SETTINGS[name].about }
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
