// The first requests of the Explorer, started by the shell while the page's own script is still loading.
import { ahead } from '../api/client';
import { anomaliesQuery, influencersQuery, lanesBy, lanesQuery, summaryQuery } from '../lib/explorer';
import { cellsFor, laneWidth } from '../lib/lanes';
import { router } from './router.svelte';
import { scope } from './scope.svelte';
import { settings } from './settings.svelte';

export function startEarly() {
  if (router.page !== 'explorer') return;
  const { params } = router;
  const scoped = scope.query;
  const told = { ...scoped, timezone: settings.timezone };
  const cells = cellsFor(laneWidth(innerWidth));
  ahead('summary', summaryQuery(params, told));
  ahead('swimlane', lanesQuery(params, scoped, cells, 'overall'));
  ahead('swimlane', lanesQuery(params, scoped, cells, lanesBy(params)));
  ahead('anomalies', anomaliesQuery(params, told));
  ahead('influencers', influencersQuery(params, scoped));
}
