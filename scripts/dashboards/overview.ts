import { figure, lines, quantileOf, type DashboardSpec } from './panels.ts'

export const overview: DashboardSpec = {
  name: 'overview',
  title: 'overview',
  about: 'Whether all is well: what comes in, how soon it is through, what waits, and what somebody should look at.',
  rows: [
    {
      title: 'Now',
      panels: [
        figure('Alerts', 'short', 'count(ALERTS{alertstate="firing"}) or vector(0)'),
        figure('Parts that answer', 'short', 'sum(up{job=~"flowguard-.+"})'),
        figure('Events a second', 'short', 'sum(rate(flowguard_events_received_total[$__rate_interval]))'),
        figure('Requests that fail', 'percentunit', 'flowguard:http_errors:ratio5m'),
        figure('Dead letters waiting', 'short', 'max(flowguard_dead_letters_waiting)'),
        figure('Books balance', 'bool_yes_no', 'min(flowguard_audit_balanced)'),
      ],
    },
    {
      title: 'Through the pipeline',
      panels: [
        lines('Durable, by topic', 'reqps', ['sum by (topic) (rate(flowguard_events_appended_total[$__rate_interval]))', '{{topic}}']),
        lines(
          'From receipt to …, p99',
          's',
          [quantileOf(0.99, 'flowguard_event_write_duration_seconds'), 'durable'],
          [quantileOf(0.99, 'flowguard_attribution_latency_seconds'), 'attributed'],
          ['histogram_quantile(0.99, max by (le) (rate(event_processing_duration_seconds_bucket[$__rate_interval])))', 'processed'],
          [quantileOf(0.99, 'flowguard_event_latency_seconds', '', '{reader="loader"}'), 'in bronze'],
          [quantileOf(0.99, 'flowguard_event_latency_seconds', '', '{reader="lake"}'), 'in the lake'],
        ),
        lines('Records yet to read', 'short', ['sum by (reader) (max by (reader, topic, partition) (flowguard_reader_lag))', '{{reader}}']),
        lines(
          'Orders',
          'reqps',
          ['max(rate(flowguard_orders_total[$__rate_interval]))', 'answered'],
          ['max(rate(flowguard_orders_attributed_total[$__rate_interval]))', 'due to a click'],
        ),
        lines('Charged, in all', 'currencyINR', ['max(flowguard_charged_rupees)', 'rupees']),
        lines('Disk free', 'percentunit', ['min(flowguard_disk_free_bytes / flowguard_disk_size_bytes)', 'of DATA_DIR']),
      ],
    },
  ],
}
