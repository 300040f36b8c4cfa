// The layout of flows: four columns of blocks and the ribbons between them.
import { type SankeyLink, type SankeyNode, sankey, sankeyLinkHorizontal } from 'd3-sankey';
import type { FlowGraph, FlowNode } from '../api/types';

export const COLUMNS = ['client', 'server', 'port', 'outcome'] as const;

export interface Block extends FlowNode {
  x: number;
  y: number;
  width: number;
  height: number;
  last: boolean;
}

export interface Ribbon {
  key: string;
  source: Block;
  target: Block;
  sessions: number;
  failed: number;
  path: string;
  width: number;
}

export interface Layout {
  blocks: Block[];
  ribbons: Ribbon[];
}

type Extra = { failed: number };
type Node = SankeyNode<FlowNode, Extra>;
type Link = SankeyLink<FlowNode, Extra>;

const WIDTH = 12;

/** Blocks and ribbons of a graph within a box; blocks keep the order of the answer, "other" at the bottom. */
export function layout(graph: FlowGraph, width: number, height: number): Layout {
  if (graph.nodes.length === 0 || width < 80) return { blocks: [], ribbons: [] };
  const order = new Map(graph.nodes.map((node, index) => [node.id, index]));
  const place = (node: Node) => order.get(node.id) ?? 0;
  const column = (node: Node) => COLUMNS.indexOf(node.column as (typeof COLUMNS)[number]);
  const arrange = sankey<FlowNode, Extra>()
    .nodeId((node) => node.id)
    .nodeAlign(column)
    .nodeSort((a, b) => place(a) - place(b))
    .nodeWidth(WIDTH)
    .nodePadding(Math.max(4, Math.min(18, height / 24)))
    .extent([
      [0, 8],
      [width, height - 9],
    ]);
  const made = arrange({
    nodes: graph.nodes.map((node) => ({ ...node })),
    links: graph.links.map(({ source, target, sessions, failed }) => ({ source, target, value: sessions, failed })),
  });
  const blocks = new Map<string, Block>();
  for (const node of made.nodes) {
    const { id, column: name, label, filter, sessions, failed } = node;
    blocks.set(id, {
      ...{ id, column: name, label, filter, sessions, failed },
      x: node.x0 ?? 0,
      y: node.y0 ?? 0,
      width: WIDTH,
      height: Math.max(1, (node.y1 ?? 0) - (node.y0 ?? 0)),
      last: name === 'outcome',
    });
  }
  const path = sankeyLinkHorizontal<FlowNode, Extra>();
  const ribbons = made.links.flatMap((link: Link) => {
    const source = blocks.get((link.source as Node).id);
    const target = blocks.get((link.target as Node).id);
    if (!source || !target) return [];
    return [
      {
        key: `${source.id}>${target.id}`,
        source,
        target,
        sessions: link.value,
        failed: link.failed,
        path: path(link) ?? '',
        width: Math.max(1, link.width ?? 1),
      },
    ];
  });
  return { blocks: [...blocks.values()], ribbons };
}
