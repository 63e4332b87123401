import { Command } from 'commander'
import { example, type Cli } from './cli.ts'
import { flinkCommand } from './stream-flink.ts'
import { streamReplayCommand } from './stream-replay.ts'

export function streamCommand(cli: Cli): Command {
  return new Command('stream')
    .description('attribution, windows and sessions: the past worked out once more, and the same on Apache Flink')
    .addHelpText(
      'after',
      example('stream replay --from 2026-01-31T12:00:00Z --to 2026-01-31T13:00:00Z', 'stream flink deploy', 'stream flink status'),
    )
    .addCommand(streamReplayCommand(cli))
    .addCommand(flinkCommand(cli))
}
