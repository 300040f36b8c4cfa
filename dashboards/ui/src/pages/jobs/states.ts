// States of jobs in words.
import type { ImportedJob, Job, Sink } from '../../api/types';

export const STATES: Readonly<Record<ImportedJob['state'], string>> = {
  running: 'Running',
  catching_up: 'Catching up',
  disabled: 'Switched off',
  failed: 'Failed',
};

export const DETECTION_STATES: Readonly<Record<Job['state'], string>> = {
  running: 'Running',
  learning: 'Learning',
  waiting: 'Waiting for sessions',
};

export const SINK_STATES: Readonly<Record<Sink['state'], string>> = {
  disabled: 'Switched off',
  idle: 'Idle',
  sending: 'Sending',
  failing: 'Failing',
  full: 'Full',
};
