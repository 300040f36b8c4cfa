// Where the file of a job definition is, for preview, download and curl.
import type { CatalogueJob, Job } from '../../api/types';

export interface DefinitionFile {
  job_id: string;
  filename: string;
  /** Path of the API. */
  path: string;
  /** Short and unique on the page; names it in the address. */
  name: string;
}

export function fileOf({ job_id, filename, schema, perspective }: Job): DefinitionFile {
  return { job_id, filename, path: `jobs/${schema}/${perspective}`, name: `${schema}-${perspective}` };
}

export function catalogueFile({ job_id, filename }: CatalogueJob): DefinitionFile {
  return { job_id, filename, path: `jobs/catalogue/${job_id}`, name: job_id };
}
