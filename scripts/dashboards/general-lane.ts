import { figure, lines, spread, type DashboardSpec } from './panels.ts'

const rate = (name: string) => `max(rate(${name}[$__rate_interval]))`

export const generalLane: DashboardSpec = {
  name: 'general-lane',
  title: 'general lane',
  about: 'General events, under the names that EventFlow gave them: the queue, the workers, what failed.',
  rows: [
    {
      title: 'Queue and workers',
      panels: [
        figure('Queue', 'short', 'max(queue_depth)'),
        figure('Workers', 'short', 'max(active_workers)'),
        figure('Failed, in all', 'short', 'max(events_failed_total)'),
        figure('Processing, p99', 's', 'flowguard:event_processing_seconds:p99_5m'),
      ],
    },
    {
      title: 'Events',
      panels: [
        lines(
          'Events',
          'cps',
          [rate('events_received_total'), 'received'],
          [rate('events_processed_total'), 'processed'],
          [rate('events_failed_total'), 'failed'],
          [rate('events_duplicate_total'), 'duplicate'],
        ),
        lines('Queue', 'short', ['max(queue_depth)', 'events']),
        lines(
          'From receipt to the end of processing',
          's',
          ['histogram_quantile(0.5, max by (le) (rate(event_processing_duration_seconds_bucket[$__rate_interval])))', 'p50'],
          ['histogram_quantile(0.99, max by (le) (rate(event_processing_duration_seconds_bucket[$__rate_interval])))', 'p99'],
        ),
        lines('Records read, by process', 'cps', [
          'sum by (instance) (rate(flowguard_reader_batch_records_sum{reader="workers"}[$__rate_interval]))',
          '{{instance}}',
        ]),
        spread('A batch, to its commit', 'flowguard_reader_batch_duration_seconds', '', '{reader="workers"}'),
        lines('Dead letters, by reason', 'cps', [
          'sum by (reason) (rate(flowguard_reader_dead_letters_total{reader="workers"}[$__rate_interval]))',
          '{{reason}}',
        ]),
      ],
    },
  ],
}
