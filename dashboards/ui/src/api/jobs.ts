// Jobs that people bring, and notes on series: the part of the API that a program may be built without.
import type { Job } from './types';

export interface ImportedJob {
  job_id: string;
  description: string;
  groups: string[];
  state: 'running' | 'catching_up' | 'disabled' | 'failed';
  error: string | null;
  notes: string[];
  detectors: string[];
  bucket_span: number;
  last_bucket: number | null;
  lag_seconds: number;
  progress: { done: number; of: number } | null;
  series: number;
  refused_series: number;
  memory_bytes: number;
  imported: number;
  href: string;
  filename: string;
  runs: { at: number; buckets: number; revised: number; records: number; error: string | null }[];
}

/** Without `imported` the server keeps no jobs of others. */
export interface JobList {
  items: Job[];
  imported?: ImportedJob[];
}

export interface ImportReport {
  items: {
    job_id: string;
    accepted: boolean;
    changed: boolean;
    notes: string[];
    errors: { path: string; problem: string }[];
  }[];
}

export interface Annotation {
  id: string;
  annotation: string;
  timestamp: number;
  end_timestamp: number | null;
  job_id: string | null;
}
