// What each Grafana dashboard shows. write-dashboards.ts turns this into JSON, tests/deploy asks a running stack for every query.
// `job` is the service, `role` api or worker: the ServiceMonitor's relabelling, and the scrape configuration in prometheus.yml, set both.

export interface Panel {
  title: string;
  /** Shown under the panel's (i). */
  description?: string;
  /** Grafana's units: https://grafana.com/docs/grafana/latest/panels-visualizations/configure-standard-options/#unit */
  unit?: string;
  kind?: 'timeseries' | 'stat' | 'bargauge' | 'table';
  /** Legend → PromQL. `stat`, `bargauge` and `table` show its value now. */
  queries: Record<string, string>;
  /** What a stack must have for the queries to give data; without it `npm start` and compose have all. */
  needs?: 'kubernetes' | 'gpu' | 's3' | 'requests under way' | 'nothing wrong';
}

export interface Dashboard {
  /** Names the file and, after `florilegium-`, the dashboard's uid. */
  name: string;
  title: string;
  description: string;
  rows: Record<string, Panel[]>;
}

const rate = (counter: string, by: string, where = '') => `sum by (${by}) (rate(${counter}${where}[$__rate_interval]))`;
const quantile = (share: number, histogram: string, by: string, where = '') =>
  `histogram_quantile(${share}, sum by (le, ${by}) (rate(${histogram}_bucket${where}[$__rate_interval])))`;

export const dashboards: readonly Dashboard[] = [
  {
    name: 'downloads',
    title: 'Florilegium: downloads',
    description: 'How fast images come, from where, and what goes wrong at the sources',
    rows: {
      Throughput: [
        {
          title: 'Images a second',
          unit: 'reqps',
          description: 'Pages of fetch runs by the state they came to; retry_at once for each time',
          queries: { '{{state}}': rate('florilegium_fetcher_pages_total', 'state') },
        },
        {
          title: 'Bytes a second',
          unit: 'Bps',
          queries: { '{{source}} {{result}}': rate('florilegium_fetcher_received_bytes_total', 'source, result') },
        },
        {
          title: 'Images so far',
          kind: 'stat',
          queries: { '{{state}}': 'sum by (state) (florilegium_fetcher_pages_total)' },
        },
      ],
      'The sources': [
        {
          title: 'Requests a second by result',
          unit: 'reqps',
          queries: { '{{source}} {{result}}': rate('florilegium_fetcher_requests_total', 'source, result') },
        },
        {
          title: 'Request duration',
          unit: 's',
          queries: {
            'median {{source}}': quantile(0.5, 'florilegium_fetcher_request_duration_seconds', 'source'),
            '95 % {{source}}': quantile(0.95, 'florilegium_fetcher_request_duration_seconds', 'source'),
          },
        },
        {
          title: 'At the gate',
          description:
            'Requests under way and requests that wait for their turn, by host: politeness, not load, is what limits',
          queries: { '{{host}} {{state}}': 'sum by (host, state) (florilegium_fetcher_gate_requests)' },
          needs: 'requests under way',
        },
      ],
      'The queue': [
        {
          title: 'Batches',
          queries: { '{{kind}} {{state}}': 'max by (kind, state) (florilegium_fetcher_batches)' },
        },
        {
          title: 'Wait of the oldest batch',
          unit: 's',
          queries: { '{{kind}}': 'max by (kind) (florilegium_fetcher_queue_lag_seconds)' },
        },
        {
          title: 'Rows of page files read a second',
          unit: 'rowsps',
          queries: { rows: 'sum(rate(florilegium_catalog_page_rows_read_total[$__rate_interval]))' },
        },
      ],
    },
  },
  {
    name: 'queues',
    title: 'Florilegium: queues and autoscaling',
    description: 'What waits in JetStream, who works on it, and how far workers are scaled',
    rows: {
      'Work queues': [
        {
          title: 'Batches that wait',
          description: 'The lag that KEDA scales by is this and what is in work',
          queries: {
            '{{consumer}}': 'max by (consumer) (florilegium_jetstream_consumer_pending)',
          },
        },
        {
          title: 'Messages in work',
          queries: { '{{consumer}}': 'max by (consumer) (florilegium_jetstream_consumer_ack_pending)' },
        },
        {
          title: 'Delivered again and not done',
          queries: { '{{consumer}}': 'max by (consumer) (florilegium_jetstream_consumer_redelivered)' },
        },
      ],
      Workers: [
        {
          title: 'Batches a second',
          unit: 'ops',
          queries: {
            '{{job}} {{kind}} {{outcome}}': rate('florilegium_work_batch_duration_seconds_count', 'job, kind, outcome'),
          },
        },
        {
          title: 'Time of a batch, 95 %',
          unit: 's',
          queries: { '{{job}} {{kind}}': quantile(0.95, 'florilegium_work_batch_duration_seconds', 'job, kind') },
        },
        {
          title: 'Images embedded a second',
          unit: 'ops',
          queries: { '{{result}}': rate('florilegium_inference_embedded_images_total', 'result') },
        },
        {
          title: 'Predictions a second',
          unit: 'ops',
          queries: { predictions: 'sum(rate(florilegium_inference_predictions_total[$__rate_interval]))' },
        },
        {
          title: 'Time of an embedding batch',
          unit: 's',
          queries: {
            median:
              'histogram_quantile(0.5, sum by (le) (rate(florilegium_inference_embedding_batch_duration_seconds_bucket[$__rate_interval])))',
            '95 %':
              'histogram_quantile(0.95, sum by (le) (rate(florilegium_inference_embedding_batch_duration_seconds_bucket[$__rate_interval])))',
          },
        },
      ],
      Events: [
        {
          title: 'Events a second',
          unit: 'ops',
          queries: { '{{job}} {{event}} {{outcome}}': rate('florilegium_events_total', 'job, event, outcome') },
        },
        {
          title: 'Outbox: messages that wait to be published',
          queries: { '{{job}}': 'max by (job) (florilegium_outbox_messages)' },
        },
        {
          title: 'Parked messages',
          description: 'Events that were given up, with their reason in the stream of parked messages',
          kind: 'stat',
          queries: { parked: 'max(florilegium_jetstream_stream_messages{stream="parked"})' },
        },
      ],
      Autoscaling: [
        {
          title: 'Pods',
          needs: 'kubernetes',
          queries: {
            '{{deployment}}': 'kube_deployment_status_replicas_ready{deployment=~".*florilegium.*"}',
          },
        },
        {
          title: 'Wanted by the autoscaler',
          needs: 'kubernetes',
          queries: {
            '{{horizontalpodautoscaler}}':
              'kube_horizontalpodautoscaler_status_desired_replicas{horizontalpodautoscaler=~".*florilegium.*"}',
          },
        },
        {
          title: 'KEDA: lag by scaler',
          needs: 'kubernetes',
          queries: { '{{scaledObject}} {{metric}}': 'keda_scaler_metrics_value{scaledObject=~".*florilegium.*"}' },
        },
      ],
    },
  },
  {
    name: 'training',
    title: 'Florilegium: training and quality',
    description: 'Labels, iterations, ensembles and lists: whether another iteration is worth its labels',
    rows: {
      'Quality by iteration': [
        {
          title: 'Entropy and disagreement over the unlabelled set',
          kind: 'bargauge',
          queries: {
            'iteration {{iteration}}: {{figure}}':
              'max by (iteration, figure) (florilegium_curation_iteration_figure{figure=~"mean_.*"})',
          },
        },
        {
          title: 'Agreement with the iteration before',
          description:
            "Change of mind over the unlabelled set and Cohen's kappa over the stop set; from iteration 2 on",
          kind: 'bargauge',
          queries: {
            'iteration {{iteration}}: {{figure}}':
              'max by (iteration, figure) (florilegium_curation_iteration_figure{figure=~"change_of_mind|kappa"})',
          },
        },
        {
          title: 'Out-of-fold scores',
          kind: 'bargauge',
          queries: {
            'iteration {{iteration}}: {{figure}}':
              'max by (iteration, figure) (florilegium_curation_iteration_figure{figure=~"out_of_fold_.*"})',
          },
        },
        {
          title: 'Labels of each label set',
          kind: 'bargauge',
          queries: {
            'iteration {{iteration}}: {{label}}': 'max by (iteration, label) (florilegium_curation_iteration_labels)',
          },
        },
      ],
      Labelling: [
        {
          title: 'Pages by current label',
          kind: 'stat',
          queries: { '{{label}}': 'max by (label) (florilegium_curation_current_labels)' },
        },
        {
          title: 'Labels a minute',
          queries: { '{{label}}': `60 * ${rate('florilegium_curation_labels_total', 'label')}` },
        },
        {
          title: 'Labels refused a minute',
          needs: 'nothing wrong',
          queries: { '{{code}}': `60 * ${rate('florilegium_curation_labels_refused_total', 'code')}` },
        },
      ],
      Lists: [
        {
          title: 'Audited precision and recall',
          kind: 'bargauge',
          queries: {
            'v{{version}} {{figure}}':
              'max by (version, figure) (florilegium_curation_hq_list_figure{figure!="pages"})',
          },
        },
        {
          title: 'Pages of each list',
          kind: 'bargauge',
          queries: {
            'v{{version}}': 'max by (version) (florilegium_curation_hq_list_figure{figure="pages"})',
          },
        },
        {
          title: 'Iterations in work',
          kind: 'stat',
          queries: { '{{state}}': 'max by (state) (florilegium_curation_iterations_open)' },
        },
      ],
      Training: [
        {
          title: 'Time of each phase, 95 %',
          unit: 's',
          queries: { '{{phase}}': quantile(0.95, 'florilegium_trainer_phase_duration_seconds', 'phase') },
        },
        {
          title: 'Trainings that ended',
          kind: 'stat',
          queries: { '{{state}}': 'sum by (state) (florilegium_trainer_trainings_ended_total)' },
        },
        {
          title: 'Labelled pages dropped',
          description: 'Their embedding or their item could not be had',
          kind: 'stat',
          queries: { pages: 'sum(florilegium_trainer_pages_dropped_total)' },
        },
        {
          title: 'GPU utilisation',
          unit: 'percent',
          needs: 'gpu',
          queries: { '{{Hostname}} {{gpu}}': 'DCGM_FI_DEV_GPU_UTIL{exported_pod=~".*trainer-worker.*"}' },
        },
        {
          title: 'GPU memory in use',
          unit: 'decmbytes',
          needs: 'gpu',
          queries: { '{{Hostname}} {{gpu}}': 'DCGM_FI_DEV_FB_USED{exported_pod=~".*trainer-worker.*"}' },
        },
      ],
    },
  },
  {
    name: 'api',
    title: 'Florilegium: API',
    description: 'Latency and errors of REST and gRPC, and what the processes use',
    rows: {
      REST: [
        {
          title: 'Requests a second',
          unit: 'reqps',
          queries: { '{{job}} {{status}}': rate('florilegium_http_request_duration_seconds_count', 'job, status') },
        },
        {
          title: 'Duration, 95 %',
          unit: 's',
          queries: {
            '{{job}} {{route}}': quantile(
              0.95,
              'florilegium_http_request_duration_seconds',
              'job, route',
              '{route!~"/metrics|/livez|/readyz"}',
            ),
          },
        },
        {
          title: 'Share of errors (5xx)',
          unit: 'percentunit',
          queries: {
            '{{job}}': `(sum by (job) (rate(florilegium_http_request_duration_seconds_count{status="5xx"}[$__rate_interval])) or 0 * sum by (job) (rate(florilegium_http_request_duration_seconds_count[$__rate_interval]))) / sum by (job) (rate(florilegium_http_request_duration_seconds_count[$__rate_interval]))`,
          },
        },
      ],
      gRPC: [
        {
          title: 'Calls a second',
          unit: 'reqps',
          queries: { '{{method}} {{code}}': rate('florilegium_grpc_request_duration_seconds_count', 'method, code') },
        },
        {
          title: 'Duration, 95 %',
          unit: 's',
          queries: { '{{method}}': quantile(0.95, 'florilegium_grpc_request_duration_seconds', 'method') },
        },
        {
          title: 'Calls that failed, a second',
          unit: 'reqps',
          needs: 'nothing wrong',
          queries: {
            '{{method}} {{code}}': rate(
              'florilegium_grpc_request_duration_seconds_count',
              'method, code',
              '{code!="OK"}',
            ),
          },
        },
      ],
      Processes: [
        {
          title: 'Processor cores in use',
          queries: {
            '{{job}} {{role}}':
              'sum by (job, role) (rate(process_cpu_seconds_total{job=~"catalog|fetcher|inference|curation|trainer"}[$__rate_interval]))',
          },
        },
        {
          title: 'Memory',
          unit: 'bytes',
          queries: {
            '{{job}} {{role}}':
              'max by (job, role) (process_resident_memory_bytes{job=~"catalog|fetcher|inference|curation|trainer"})',
          },
        },
        {
          title: 'Event loop lag, 99 %',
          unit: 's',
          description: 'How long a process does not listen; batches of arithmetic belong on threads',
          queries: { '{{job}} {{role}}': 'max by (job, role) (nodejs_eventloop_lag_p99_seconds)' },
        },
        {
          title: 'Processes that are up',
          kind: 'stat',
          queries: { '{{job}}': 'sum by (job) (up{job=~"catalog|fetcher|inference|curation|trainer"})' },
        },
        {
          title: 'Requests to S3 a second',
          unit: 'reqps',
          needs: 's3',
          description: "Of the bucket's own exporter, here MinIO's",
          queries: { '{{api}}': 'sum by (api) (rate(minio_s3_requests_total[$__rate_interval]))' },
        },
      ],
    },
  },
  {
    name: 'servers',
    title: 'Florilegium: PostgreSQL and NATS',
    description: 'The health of both servers as the services see it; exporters of their own are not needed',
    rows: {
      Both: [
        {
          title: 'Answers',
          kind: 'stat',
          queries: { '{{job}}: {{server}}': 'min by (job, server) (florilegium_server_up)' },
        },
      ],
      PostgreSQL: [
        {
          title: 'Connections',
          queries: {
            'in use': 'max(florilegium_postgres_connections)',
            most: 'max(florilegium_postgres_connections_max)',
          },
        },
        {
          title: 'Pools of the services',
          queries: { '{{job}} {{state}}': 'sum by (job, state) (florilegium_postgres_pool_connections)' },
        },
        {
          title: 'Transactions a second',
          unit: 'ops',
          queries: {
            '{{outcome}}': 'max by (outcome) (rate(florilegium_postgres_transactions_total[$__rate_interval]))',
          },
        },
        { title: 'Size', unit: 'bytes', queries: { database: 'max(florilegium_postgres_database_bytes)' } },
        {
          title: 'Found in its cache',
          unit: 'percentunit',
          queries: { share: 'max(florilegium_postgres_cache_hit_ratio)' },
        },
        {
          title: 'Deadlocks',
          kind: 'stat',
          queries: { deadlocks: 'max(florilegium_postgres_deadlocks_total)' },
        },
      ],
      NATS: [
        {
          title: 'Round trip',
          unit: 's',
          queries: { '{{job}}': 'max by (job) (florilegium_nats_round_trip_seconds)' },
        },
        {
          title: 'Messages in the streams',
          queries: { '{{stream}}': 'max by (stream) (florilegium_jetstream_stream_messages)' },
        },
        {
          title: 'Bytes in the streams',
          unit: 'bytes',
          queries: { '{{stream}}': 'max by (stream) (florilegium_jetstream_stream_bytes)' },
        },
        {
          title: 'Oldest message in an outbox',
          unit: 's',
          queries: { '{{job}}': 'max by (job) (florilegium_outbox_oldest_seconds)' },
        },
      ],
    },
  },
];
