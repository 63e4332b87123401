import { figure, lines, spread, type DashboardSpec } from './panels.ts'

const BILLING = '{reader=~"billing.*"}'

export const billing: DashboardSpec = {
  name: 'billing',
  title: 'billing',
  about: 'Orders, what is due to clicks, what advertisers are charged; and whether the books balance.',
  rows: [
    {
      title: 'Money',
      panels: [
        figure('Charged, in all', 'currencyINR', 'max(flowguard_charged_rupees)'),
        figure('Charges less credits', 'short', 'max(flowguard_charges)'),
        figure('Due to a click', 'percentunit', 'max(flowguard_orders_attributed_total) / max(flowguard_orders_total)'),
        figure('Books balance', 'bool_yes_no', 'min(flowguard_audit_balanced)'),
        figure('Since the last audit', 's', 'time() - max(flowguard_audit_time_seconds)'),
        lines('Charged in an hour', 'currencyINR', ['max(delta(flowguard_charged_rupees[1h]))', 'rupees']),
        lines(
          'Revenue in an hour',
          'currencyINR',
          ['max(increase(flowguard_revenue_rupees_total[1h]))', 'all orders'],
          ['max(increase(flowguard_attributed_revenue_rupees_total[1h]))', 'due to a click'],
        ),
        lines(
          'Orders',
          'cps',
          ['max(rate(flowguard_orders_total[$__rate_interval]))', 'answered'],
          ['max(rate(flowguard_orders_attributed_total[$__rate_interval]))', 'due to a click'],
        ),
      ],
    },
    {
      title: 'Readers',
      panels: [
        lines('Records yet to read', 'short', [
          `sum by (reader) (max by (reader, topic, partition) (flowguard_reader_lag${BILLING}))`,
          '{{reader}}',
        ]),
        lines('What became of them', 'cps', [
          `sum by (reader, outcome) (rate(flowguard_reader_records_total${BILLING}[$__rate_interval]))`,
          '{{reader}} {{outcome}}',
        ]),
        spread('From receipt to the ledger', 'flowguard_event_latency_seconds', 'reader', BILLING),
      ],
    },
  ],
}
