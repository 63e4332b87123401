import type * as Sdk from '@opentelemetry/sdk-trace'

type Attributes = Readonly<Record<string, string | number | undefined>>

/** Something that was done about a record, from `startedAt` to `endedAt`, ms of `performance.now()`. */
interface Work {
  kind: 'producer' | 'consumer' | 'internal'
  startedAt: number
  endedAt: number
  attributes: Attributes
  /** What it failed with. */
  error?: unknown
}

export interface RequestSpan {
  /** What all that the request leads to goes by: the header of its records. */
  traceparent: string
  end(name: string, status: number): void
}

/** Traces to an OpenTelemetry collector. Spans are children of the span that `traceparent` names, where that says that it is sampled. */
export interface Tracing {
  /** A request that has just arrived, with the client's `traceparent` where it sent a valid one. */
  request(parent: string | undefined): RequestSpan
  work(name: string, traceparent: string | undefined, work: Work): void
}

/** Undefined unless an endpoint is set: then nothing is loaded, and whoever asks goes on at once. One a process, started before its parts. */
export const tracing: { now: Tracing | undefined } = { now: undefined }

const SEND_EVERY_MS = 1_000
const FLUSH_MS_MAX = 5_000
const NOTHING: AsyncDisposable = { [Symbol.asyncDispose]: async () => undefined }

/**
 * Starts traces where the environment asks for them, by OpenTelemetry's own names: `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, and what
 * else its exporter knows; `OTEL_TRACES_SAMPLER` and `…_ARG`; `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`. What is on its way is sent when it is disposed of.
 */
export async function startTracing(service: string, version: string, env: NodeJS.ProcessEnv): Promise<AsyncDisposable> {
  const isAskedFor = env['OTEL_EXPORTER_OTLP_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']
  if (!isAskedFor || env['OTEL_SDK_DISABLED'] === 'true') return NOTHING
  const [api, sdk, { OTLPTraceExporter }, { defaultResource, detectResources, envDetector, resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ])
  const named = resourceFromAttributes({ 'service.name': `flowguard-${service}`, 'service.version': version, 'process.pid': process.pid })
  const processor = new sdk.BatchSpanProcessor({
    exporter: new OTLPTraceExporter(),
    scheduledDelayMillis: SEND_EVERY_MS,
    exportTimeoutMillis: FLUSH_MS_MAX,
  })
  const provider = new sdk.TracerProvider({
    resource: defaultResource()
      .merge(named)
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerOf(sdk, env),
    spanProcessors: [processor],
  })
  const tracer = provider.getTracer('flowguard', version)
  const kinds = { producer: api.SpanKind.PRODUCER, consumer: api.SpanKind.CONSUMER, internal: api.SpanKind.INTERNAL }
  const below = (traceparent: string) => {
    const [, traceId = '', spanId = '', flags = '00'] = traceparent.split('-')
    return api.trace.setSpanContext(api.ROOT_CONTEXT, { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true })
  }

  tracing.now = {
    request(parent) {
      const span = tracer.startSpan('request', { kind: api.SpanKind.SERVER }, parent === undefined ? api.ROOT_CONTEXT : below(parent))
      const { traceId, spanId, traceFlags } = span.spanContext()
      return {
        traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
        end(name, status) {
          span.updateName(name).setAttribute('http.response.status_code', status)
          if (status >= 500) span.setStatus({ code: api.SpanStatusCode.ERROR })
          span.end()
        },
      }
    },
    work(name, traceparent, { kind, startedAt, endedAt, attributes, error }) {
      if (traceparent === undefined || !isSampled(traceparent)) return
      const given = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined)) as Record<string, string>
      const span = tracer.startSpan(name, { kind: kinds[kind], startTime: startedAt, attributes: given }, below(traceparent))
      if (error !== undefined)
        span.setStatus({ code: api.SpanStatusCode.ERROR, message: error instanceof Error ? error.message : 'failed' })
      span.end(endedAt)
    },
  }
  return {
    async [Symbol.asyncDispose]() {
      tracing.now = undefined
      // A collector that does not answer keeps nobody from stopping.
      await provider.shutdown().catch(() => undefined)
    },
  }
}

/** The last bit of its flags. */
function isSampled(traceparent: string): boolean {
  return '13579bdf'.includes(traceparent.at(-1) ?? '0')
}

/** By the names of the specification; its default, all that the client's own trace does not leave out, where there is none or another. */
function samplerOf(sdk: typeof Sdk, env: NodeJS.ProcessEnv): Sdk.Sampler {
  const name = env['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on'
  const share = Number(env['OTEL_TRACES_SAMPLER_ARG'] || 1)
  const roots: Record<string, () => Sdk.Sampler> = {
    always_on: () => new sdk.AlwaysOnSampler(),
    always_off: () => new sdk.AlwaysOffSampler(),
    traceidratio: () => new sdk.TraceIdRatioBasedSampler(share >= 0 && share <= 1 ? share : 1),
  }
  const root = (roots[name.replace(/^parentbased_/, '')] ?? roots['always_on'])?.() as Sdk.Sampler
  return name in roots ? root : new sdk.ParentBasedSampler({ root })
}
