import { figure, lines, processPanels, spread, type DashboardSpec } from './panels.ts'

export const pipeline: DashboardSpec = {
  name: 'pipeline',
  title: 'pipeline',
  about: 'Every reader: how far behind, how fast, what became of its records; and time, which attribution waits for.',
  rows: [
    {
      title: 'Readers',
      panels: [
        lines('Records yet to read', 'short', ['sum by (reader) (max by (reader, topic, partition) (flowguard_reader_lag))', '{{reader}}']),
        lines('Records read', 'cps', ['sum by (reader) (rate(flowguard_reader_batch_records_sum[$__rate_interval]))', '{{reader}}']),
        lines('What became of them', 'cps', [
          'sum by (outcome) (max by (reader, outcome) (rate(flowguard_reader_records_total[$__rate_interval])))',
          '{{outcome}}',
        ]),
        spread('From receipt to commit', 'flowguard_event_latency_seconds', 'reader'),
        spread('A batch, to its commit', 'flowguard_reader_batch_duration_seconds', 'reader'),
        lines('Records of a batch', 'short', [
          'sum by (reader) (rate(flowguard_reader_batch_records_sum[$__rate_interval])) / sum by (reader) (rate(flowguard_reader_batch_records_count[$__rate_interval]))',
          '{{reader}}',
        ]),
        lines('Silent', 's', ['max by (reader) (flowguard_reader_silent_seconds)', '{{reader}}']),
        lines('Dead letters', 'cps', [
          'sum by (reader, reason) (rate(flowguard_reader_dead_letters_total[$__rate_interval])) > 0',
          '{{reader}} {{reason}}',
        ]),
        figure('Dead letters waiting', 'short', 'max(flowguard_dead_letters_waiting)'),
      ],
    },
    {
      title: 'Time and attribution',
      panels: [
        lines('Watermark behind the clock', 's', ['time() - max(flowguard_watermark_seconds)', 'behind']),
        lines('Orders that wait for it', 'short', ['max(flowguard_pending_orders)', 'orders']),
        spread('From an order to its answer', 'flowguard_attribution_latency_seconds'),
      ],
    },
    {
      title: 'Processes',
      panels: [
        ...processPanels('flowguard-(ops|parts|workers)'),
        lines('Leases', 'short', ['sum by (lease) (flowguard_lease_held)', '{{lease}}']),
      ],
    },
  ],
}
