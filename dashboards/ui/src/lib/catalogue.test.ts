// Tests of catalogue.ts.
import { expect, test } from 'vitest';
import type { CatalogueTopic } from '../api/types';
import { found, variants } from './catalogue';

const topic = (name: string, group: string, title: string): CatalogueTopic => ({
  topic: name,
  title,
  why: 'Because.',
  causes: ['a botnet'],
  first_steps: ['look'],
  group,
  bucket_span: 900,
  detectors: ['high_count over client.ip'],
  built_in: false,
  jobs: (['ecs', 'codex'] as const).flatMap((schema) =>
    (['inbound', 'private'] as const).map((perspective) => ({
      job_id: `elastiflow_${schema}_${name}_${perspective === 'inbound' ? 'in' : 'priv'}`,
      schema,
      perspective,
      href: '',
      filename: '',
    })),
  ),
});
const all = [
  topic('sec_brute_force', 'security', 'One client connects far more often'),
  topic('avail_server_down', 'availability', 'Fewer sessions establish'),
];
const ids = (text: string, group?: string) =>
  found(all, text, group).flatMap(({ jobs }) => jobs.map((job) => job.job_id));

test('no words find everything, and each word must fit', () => {
  expect(ids('')).toHaveLength(8);
  expect(ids('  client OFTEN ')).toHaveLength(4);
  expect(ids('client establish often')).toHaveLength(0);
});

test('schema, perspective, id and what people call it are found', () => {
  expect(ids('codex private often')).toEqual(['elastiflow_codex_sec_brute_force_priv']);
  expect(ids('elastiflow_ecs_avail_server_down_in')).toEqual(['elastiflow_ecs_avail_server_down_in']);
  expect(ids('outage ecs')).toHaveLength(2);
  expect(ids('', 'security')).toHaveLength(4);
});

test('a perspective is one line', () => {
  const [first] = found(all, 'codex often');
  expect(variants(first?.jobs ?? []).map(({ perspective, ecs, codex }) => [perspective, ecs, codex?.schema])).toEqual([
    ['inbound', undefined, 'codex'],
    ['private', undefined, 'codex'],
  ]);
});
