// Build: static files with relative addresses, so that the UI works under any path prefix, and without inline scripts.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

const backend = process.env.HALFOPEN_API ?? 'http://127.0.0.1:8080';

export default defineConfig({
  base: './',
  plugins: [svelte()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: { host: '127.0.0.1', proxy: { '/api': backend, '/metrics': backend, '/health': backend } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
