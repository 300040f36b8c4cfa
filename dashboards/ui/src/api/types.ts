// The shapes that the API answers with. Times are epoch milliseconds.

export type Perspective = 'edge' | 'inbound' | 'outbound' | 'private';
export type Level = 'server_port' | 'server' | 'port' | 'client' | 'perspective';
export type Severity = 'low' | 'warning' | 'minor' | 'major' | 'critical';
export type LaneBy = 'overall' | 'perspective' | 'server' | 'client' | 'port';

export interface OutcomeCount {
  outcome: string;
  count: number;
}

export interface Influencer {
  field: string;
  value: string;
  share: number;
  usual_share: number;
  score: number;
}

export interface Anomaly {
  id: string;
  job: string;
  perspective: Perspective;
  level: Level;
  server: string | null;
  port: number | null;
  service: string | null;
  client: string | null;
  timestamp: number;
  bucket_span: number;
  score: number;
  initial_score: number;
  severity: Severity;
  probability: number;
  actual: number;
  typical: number;
  lower: number;
  upper: number;
  attempts: number;
  clients: number;
  multi_bucket_impact: number;
  explanation: string;
  details: {
    type: 'spike' | 'dip';
    length: number;
    single_bucket_impact: number;
    multi_bucket_impact: number;
    high_variance_penalty: boolean;
    incomplete_bucket_penalty: boolean;
  };
  cause: { group: 'congestion' | 'server' | 'attack' | 'misconfiguration'; evidence: string } | null;
  outcomes: OutcomeCount[];
  influencers: Influencer[];
  is_interim: boolean;
  revised: boolean;
  series: string;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface AnomalyPage extends Page<Anomaly> {
  total: number;
}

export interface Summary {
  sentence: string;
  counts: { critical: number; major: number; minor: number; warning: number };
  sessions: number;
  failed: number;
  series: number;
  last_bucket: number | null;
  worst: Anomaly | null;
  state: 'empty' | 'learning' | 'quiet' | 'anomalies';
  learning: string | null;
}

export interface Bucket {
  perspective: Perspective;
  timestamp: number;
  bucket_span: number;
  score: number;
  initial_score: number;
  severity: Severity;
  event_count: number;
  failed_count: number;
  series_count: number;
  is_interim: boolean;
}

export interface LaneCell {
  t: number;
  score: number;
  count: number;
}

export interface Lane {
  key: string;
  label: string;
  max_score: number;
  cells: LaneCell[];
}

export interface SwimLanes {
  by: string;
  from: number;
  to: number;
  step: number;
  lanes: Lane[];
}

export interface InfluencerValue {
  value: string;
  max_score: number;
  sum_score: number;
  count: number;
}

export interface InfluencerFields {
  fields: { field: string; values: InfluencerValue[] }[];
}

export interface SeriesKey {
  perspective: Perspective;
  level: Level;
  server: string | null;
  port: number | null;
  client: string | null;
}

export interface SeriesPoint {
  t: number;
  actual: number | null;
  attempts: number | null;
  typical: number | null;
  lower: number | null;
  upper: number | null;
  score: number;
  multi: boolean;
}

export interface Series {
  key: SeriesKey;
  label: string;
  bucket_span: number;
  points: SeriesPoint[];
  outcomes: OutcomeCount[];
  learning: string | null;
}

export interface Session {
  session_id: string;
  start: number;
  end: number;
  proto: number;
  proto_name: string;
  client_ip: string;
  client_port: number;
  server_ip: string;
  server_port: number;
  service: string | null;
  perspective: Perspective;
  outcome: string;
  outcome_class: string;
  confidence: string;
  end_reason: string;
  client_packets: number;
  server_packets: number;
  client_bytes: number;
  server_bytes: number;
  client_tcp_flags: string | null;
  server_tcp_flags: string | null;
  syn_count: number;
  conn_state: string | null;
  history: string | null;
  observer: string;
  export_type: string;
  sampling: number;
  vlan: number | null;
  community_id: string | null;
}

export interface Exporter {
  address: string;
  domain: number;
  protocols: string[];
  first_seen: number;
  last_seen: number;
  packets: number;
  records: number;
  records_per_second: number;
  bytes: number;
  templates: number;
  unknown_template_records: number;
  sequence_lost: number;
  drops: { reason: string; count: number }[];
  clock_skew_ms: number | null;
  capability: string;
  coverage: number | null;
  sampling: number | null;
}

export interface Exporters {
  items: Exporter[];
  listen: { protocol: string; address: string }[];
}

export interface Job {
  job_id: string;
  schema: 'ecs' | 'codex';
  perspective: Perspective;
  description: string;
  href: string;
  filename: string;
  state: 'running' | 'learning' | 'waiting';
  last_bucket: number | null;
  lag_seconds: number | null;
  series: number;
  memory_bytes: number;
}

export interface Version {
  name: string;
  version: string;
  demo: boolean;
  started: number;
  now: number;
}
