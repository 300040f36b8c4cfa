// The shapes that the API answers with, by short names. Generated from its description by `npm run types`.
import type { components } from './schema';

type Schemas = components['schemas'];

export type Perspective = Schemas['Perspective'];
export type Level = Schemas['Level'];
export type Severity = Schemas['Severity'];
export type LaneBy = 'overall' | 'perspective' | 'server' | 'client' | 'port' | 'outcome' | 'exporter';

export type Anomaly = Schemas['Anomaly'];
export type AnomalyPage = Schemas['AnomalyPage'];
export type Influencer = Schemas['Influencer'];
export type OutcomeCount = Schemas['OutcomeCount'];

export type Summary = Schemas['Summary'];
export type Bucket = Schemas['Bucket'];
export type SwimLanes = Schemas['Swimlane'];
export type Lane = Schemas['Lane'];
export type LaneCell = Schemas['Cell'];
export type InfluencerFields = Schemas['Influencers'];

export type Series = Schemas['Series'];
export type SeriesKey = Schemas['SeriesKey'];
export type SeriesPoint = Schemas['SeriesPoint'];

export type Forecast = Schemas['Forecast'];

export type Session = Schemas['Session'];
export type SessionSummary = Schemas['SessionSummary'];
export type SessionCell = Schemas['SessionCell'];
export type LiveSession = Schemas['LiveSession'];
export type LivePage = Schemas['LiveSessionPage'];
export type Exporter = Schemas['Exporter'];
export type Exporters = Schemas['ExporterList'];
export type Job = Schemas['Job'];
export type JobList = Schemas['JobList'];
export type ImportedJob = Schemas['ImportedJob'];
export type ImportReport = Schemas['ImportReport'];
export type Annotation = Schemas['AnnotationItem'];
export type Version = Schemas['Version'];
export type FilterCheck = Schemas['FilterCheck'];
export type FilterMistake = Schemas['FilterMistake'];
export type FlowGraph = Schemas['FlowGraph'];
export type FlowNode = Schemas['FlowNode'];
export type Reference = Schemas['Reference'];

/** A page of any list that goes by cursor. */
export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export type Silence = Schemas['Silence'];
export type SilenceList = Schemas['SilenceList'];
export type Sink = Schemas['Sink'];
export type SinkList = Schemas['SinkList'];
export type AlertList = Schemas['AlertList'];
export type Calendar = Schemas['CalendarItem'];
export type CalendarList = Schemas['CalendarList'];
export type PlannedEvent = Schemas['EventItem'];
export type CatalogueJob = Schemas['CatalogueJob'];
export type CatalogueTopic = Schemas['CatalogueTopic'];
export type CatalogueList = Schemas['CatalogueList'];
