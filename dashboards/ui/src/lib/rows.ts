// Answers of the API as flat rows for export and for the table views of charts.
import type { Anomaly, InfluencerFields, Series, Session, SwimLanes } from '../api/types';
import type { Row } from './table';

export function anomalyRow(a: Anomaly): Row {
  return {
    timestamp: a.timestamp,
    score: a.score,
    severity: a.severity,
    perspective: a.perspective,
    level: a.level,
    server: a.server,
    port: a.port,
    service: a.service,
    client: a.client,
    actual: a.actual,
    typical: a.typical,
    lower: a.lower,
    upper: a.upper,
    attempts: a.attempts,
    clients: a.clients,
    probability: a.probability,
    initial_score: a.initial_score,
    multi_bucket_impact: a.multi_bucket_impact,
    cause: a.cause?.group,
    explanation: a.explanation,
    job: a.job,
  };
}

export function laneRows(lanes: SwimLanes): Row[] {
  return lanes.lanes.flatMap((lane) =>
    lane.cells.map((cell) => ({ timestamp: cell.t, lane: lane.label, score: cell.score, anomalies: cell.count })),
  );
}

export function seriesRows(series: Series): Row[] {
  return series.points.map((p) => ({
    timestamp: p.t,
    failed: p.actual,
    attempts: p.attempts,
    typical: p.typical,
    lower: p.lower,
    upper: p.upper,
    score: p.score,
    several_buckets: p.multi,
  }));
}

export function influencerRows(data: InfluencerFields): Row[] {
  return data.fields.flatMap(({ field, values }) =>
    values.map((v) => ({ field, value: v.value, max_score: v.max_score, sum_score: v.sum_score, anomalies: v.count })),
  );
}

export function sessionRow(session: Session): Row {
  return { ...session };
}
