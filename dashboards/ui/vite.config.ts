// Build: static files with relative addresses, so that the UI works under any path prefix, and without inline scripts.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const backend = process.env.HALFOPEN_API ?? 'http://127.0.0.1:8080';

/** Lists the files of each page at the script that runs first (public/start.js), beside what the document loads anyway. */
function pageFiles(): Plugin {
  return {
    name: 'page-files',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle = {}, chunk: shell }) {
        const filesOf = (name: string, known = new Set<string>()): Set<string> => {
          const chunk = bundle[name];
          if (known.has(name) || chunk?.type !== 'chunk') return known;
          known.add(name);
          for (const style of chunk.viteMetadata?.importedCss ?? []) known.add(style);
          for (const other of chunk.imports) filesOf(other, known);
          return known;
        };
        const loaded = shell ? filesOf(shell.fileName) : new Set<string>();
        const lists = Object.values(bundle).flatMap((chunk) => {
          const page = chunk.type === 'chunk' && /\/pages\/(\w+)\/\w+\.svelte$/.exec(chunk.facadeModuleId ?? '')?.[1];
          const asked = chunk.type === 'chunk' && shell?.dynamicImports.includes(chunk.fileName);
          if (!page || !asked) return [];
          const own = [...filesOf(chunk.fileName)].filter((file) => !loaded.has(file));
          return [`data-${page}="${own.map((file) => `./${file}`).join(' ')}"`];
        });
        return html.replace('<script src="./start.js"', `<script src="./start.js" ${lists.join(' ')}`);
      },
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [svelte(), pageFiles()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: { host: '127.0.0.1', proxy: { '/api': backend, '/metrics': backend, '/health': backend } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
