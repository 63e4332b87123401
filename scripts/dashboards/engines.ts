import { lines, processPanels, spread, type DashboardSpec } from './panels.ts'

export const engines: DashboardSpec = {
  name: 'engines',
  title: 'engines',
  about: 'The log, the stores and the machine, as FlowGuard sees them from each of its processes.',
  rows: [
    {
      title: 'What each process needs',
      panels: [
        lines('Answers (1) or not (0)', 'short', ['min by (job, check) (flowguard_check_ok)', '{{job}} {{check}}']),
        lines('Leases held', 'short', ['sum by (lease) (flowguard_lease_held)', '{{lease}}']),
        lines('Versions', 'short', ['count by (version, node) (flowguard_build_info)', '{{version}} on Node {{node}}']),
      ],
    },
    {
      title: 'Log',
      panels: [
        lines('Records appended, by topic', 'cps', [
          'sum by (topic) (rate(flowguard_log_appended_records_total[$__rate_interval]))',
          '{{topic}}',
        ]),
        spread('An append', 'flowguard_log_append_duration_seconds', 'topic'),
        lines('Appends that fail', 'cps', ['sum by (topic) (rate(flowguard_log_append_errors_total[$__rate_interval]))', '{{topic}}']),
        spread('Outbox to log', 'flowguard_relay_batch_duration_seconds'),
        spread('Into the warehouse, a batch', 'flowguard_reader_batch_duration_seconds', '', '{reader="loader"}'),
        spread('Into the lake, an entry', 'flowguard_reader_batch_duration_seconds', '', '{reader="lake"}'),
        lines('Disk free', 'bytes', ['flowguard_disk_free_bytes', '{{job}}']),
      ],
    },
    {
      title: 'Processes',
      panels: [
        ...processPanels('flowguard-.+'),
        lines('Heap used', 'bytes', ['nodejs_heap_size_used_bytes{job=~"flowguard-.+"}', '{{job}} {{instance}}']),
      ],
    },
  ],
}
