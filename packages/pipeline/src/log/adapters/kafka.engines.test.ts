import { CLICKS, ORDERS } from '@flowguard/contract'
import { eventLogConformance } from '../event-log.conformance.ts'
import { kafkaTopics } from '../testing/kafka.ts'
import { ALERTS } from '../testing/records.ts'

eventLogConformance('kafka', () => kafkaTopics([CLICKS, ORDERS, ALERTS, 'recon.v1']))
