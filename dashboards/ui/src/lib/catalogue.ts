// The catalogue of jobs: finding a definition by any words of it, and its definitions by perspective.
import type { CatalogueJob, CatalogueTopic, Perspective } from '../api/types';

/** Words that people use for what the catalogue calls otherwise. */
const ALSO: Readonly<Record<string, string>> = {
  sec_syn_flood_direct: 'ddos dos half-open',
  sec_syn_flood_dist: 'ddos dos half-open distributed',
  sec_portscan_direct: 'port scan vertical',
  sec_portscan_dist: 'port scan distributed',
  sec_portscan_fast: 'port scan horizontal worm',
  sec_portscan_slow: 'port scan stealth',
  sec_brute_force: 'bruteforce password login ssh rdp',
  avail_server_down: 'outage',
};

/**
 * Topics with those of their definitions that every word fits, in words of the topic or of the definition. All for no words.
 */
export function found(items: readonly CatalogueTopic[], text: string, group?: string): CatalogueTopic[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return items
    .filter((topic) => !group || topic.group === group)
    .map((topic) => {
      const told = [topic.topic, topic.title, topic.why, topic.group, ...topic.causes, ...topic.detectors]
        .concat(ALSO[topic.topic] ?? '')
        .join(' ')
        .toLowerCase();
      const own = words.filter((word) => !told.includes(word));
      const fits = ({ job_id, schema, perspective }: CatalogueJob) => {
        const name = `${job_id} ${schema} ${perspective}`.toLowerCase();
        return own.every((word) => name.includes(word));
      };
      return { ...topic, jobs: topic.jobs.filter(fits) };
    })
    .filter(({ jobs }) => jobs.length > 0);
}

export interface Variant {
  perspective: Perspective;
  ecs?: CatalogueJob | undefined;
  codex?: CatalogueJob | undefined;
}

/** One line for each perspective, in the order of the definitions. */
export function variants(jobs: readonly CatalogueJob[]): Variant[] {
  return [...new Set(jobs.map(({ perspective }) => perspective))].map((perspective) => ({
    perspective,
    ecs: jobs.find((job) => job.perspective === perspective && job.schema === 'ecs'),
    codex: jobs.find((job) => job.perspective === perspective && job.schema === 'codex'),
  }));
}
