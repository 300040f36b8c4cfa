// Width of the page's column. Before anything is laid out the window tells it, so that nothing is drawn twice.
import { columnWidth } from '../lib/lanes';

class Column {
  width = $state(columnWidth(innerWidth));
}

export const column = new Column();
