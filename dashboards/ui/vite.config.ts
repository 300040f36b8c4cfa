// Build: static files with relative addresses, so that the UI works under any path prefix, and without inline scripts.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build, type Plugin, type Rolldown } from 'vite';
import { defineConfig } from 'vitest/config';

const backend = process.env.HALFOPEN_API ?? 'http://127.0.0.1:8080';
const START = 'start.js';

/** The script that the document runs first (src/start.ts), by itself: it must not wait for modules. */
async function startScript(): Promise<string> {
  const made = await build({
    configFile: false,
    logLevel: 'warn',
    build: {
      target: 'es2023',
      write: false,
      rolldownOptions: { input: 'src/start.ts', output: { format: 'iife' } },
    },
  });
  const [chunk] = (made as Rolldown.RolldownOutput).output;
  return chunk.code;
}

/** Puts that script into the document, and lists at it the files of each page beside what the document loads anyway. */
function firstScript(): Plugin {
  return {
    name: 'first-script',
    configureServer(server) {
      server.middlewares.use(`/${START}`, async (_, response) => {
        response.setHeader('content-type', 'text/javascript').end(await startScript());
      });
    },
    async buildStart() {
      if (this.environment.mode === 'build') this.emitFile({ type: 'asset', name: START, source: await startScript() });
    },
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle, chunk: shell }) {
        if (!bundle || !shell) return html;
        const filesOf = (name: string, known = new Set<string>()): Set<string> => {
          const chunk = bundle[name];
          if (known.has(name) || chunk?.type !== 'chunk') return known;
          known.add(name);
          for (const style of chunk.viteMetadata?.importedCss ?? []) known.add(style);
          for (const other of chunk.imports) filesOf(other, known);
          return known;
        };
        const loaded = filesOf(shell.fileName);
        const inShell = (page: string) => shell.moduleIds.some((id) => id.includes(`/pages/${page}/`));
        const lists = Object.values(bundle).flatMap((chunk) => {
          const page = chunk.type === 'chunk' && /\/pages\/(\w+)\/\w+\.svelte$/.exec(chunk.facadeModuleId ?? '')?.[1];
          const asked = chunk.type === 'chunk' && shell.dynamicImports.includes(chunk.fileName);
          if (!page || !asked || inShell(page)) return [];
          const own = [...filesOf(chunk.fileName)].filter((file) => !loaded.has(file));
          return [`data-${page}="${own.map((file) => `./${file}`).join(' ')}"`];
        });
        const start = Object.values(bundle).find((file) => file.type === 'asset' && file.names.includes(START));
        return html.replace(`<script src="./${START}"`, `<script src="./${start?.fileName}" ${lists.join(' ')}`);
      },
    },
  };
}

/** Writes files gzipped beside themselves, as the server sends them. */
function gzipped(): Plugin {
  return {
    name: 'gzipped',
    apply: 'build',
    async writeBundle({ dir = '' }, bundle) {
      const names = Object.keys(bundle).filter((name) => /\.(js|css)$/.test(name));
      await Promise.all(
        names.map(async (name) => {
          const path = join(dir, name);
          await writeFile(`${path}.gz`, gzipSync(await readFile(path), { level: 9 }));
        }),
      );
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [svelte(), firstScript(), gzipped()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    // All that the document needs is one file: each further request takes longer than what it brings takes to load.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'first', tags: ['$initial'] }] } } },
  },
  server: { host: '127.0.0.1', proxy: { '/api': backend, '/metrics': backend, '/health': backend } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
