import { figure, lines, processPanels, spread, type DashboardSpec } from './panels.ts'

const per = (metric: string, by: string, where = '') => `sum by (${by}) (rate(${metric}${where}[$__rate_interval]))`
const JOB = '{job="flowguard-gateway"}'

export const gateway: DashboardSpec = {
  name: 'gateway',
  title: 'gateway',
  about: 'What clients send, how soon it is durable, what is refused; and the way of orders through the outbox.',
  rows: [
    {
      title: 'Requests',
      panels: [
        lines('Requests, by route', 'reqps', [per('flowguard_http_requests_total', 'route', JOB), '{{route}}']),
        lines('Requests, by status', 'reqps', [per('flowguard_http_requests_total', 'status', JOB), '{{status}}']),
        spread('How long they take', 'flowguard_http_request_duration_seconds', 'route', JOB),
      ],
    },
    {
      title: 'Events',
      panels: [
        lines(
          'Events',
          'reqps',
          ['sum(rate(flowguard_events_received_total[$__rate_interval]))', 'received'],
          ['sum(rate(flowguard_events_appended_total[$__rate_interval]))', 'durable'],
          ['sum(rate(flowguard_events_duplicate_total[$__rate_interval]))', 'known already'],
          ['sum(rate(flowguard_events_unwritten_total[$__rate_interval]))', 'could not be written'],
        ),
        lines('Refused, by code', 'reqps', [per('flowguard_events_refused_total', 'code'), '{{code}}']),
        spread('From read to durable', 'flowguard_event_write_duration_seconds'),
        lines('On their way to the disk', 'short', ['sum by (instance) (flowguard_gateway_queue_events)', 'events {{instance}}']),
        lines('The same in bytes', 'bytes', ['sum by (instance) (flowguard_gateway_queue_bytes)', '{{instance}}']),
        figure('Requests that fail', 'percentunit', 'flowguard:http_errors:ratio5m'),
      ],
    },
    {
      title: 'Outbox and relay',
      panels: [
        lines('Order events in the outbox', 'short', ['max(flowguard_outbox_orders)', 'orders']),
        lines('Age of the oldest', 's', ['max(flowguard_outbox_age_seconds)', 'age']),
        lines(
          'Relay',
          'short',
          ['sum(rate(flowguard_relay_shipped_records_total[$__rate_interval]))', 'records a second'],
          ['sum(rate(flowguard_relay_failures_total[$__rate_interval]))', 'tried again'],
        ),
      ],
    },
    { title: 'Processes', panels: processPanels('flowguard-gateway') },
  ],
}
