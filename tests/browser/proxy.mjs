// A reverse proxy that puts the product under a path of its own, as a company's web server would. It can feed the live line
// with made-up events. Nothing but Node's own modules.
import { createServer, request } from 'node:http';

/** Starts it; answers with its address and a way to end it. */
export function startProxy({ target, prefix, events }) {
  const to = new URL(target);
  const listeners = new Set();
  const server = createServer((incoming, outgoing) => {
    if (!incoming.url.startsWith(prefix)) {
      outgoing.writeHead(404).end();
      return;
    }
    const path = `/${incoming.url.slice(prefix.length)}`;
    if (events && path.startsWith('/api/v1/events')) {
      outgoing.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      outgoing.write(': hello\n\n');
      listeners.add(outgoing);
      outgoing.on('close', () => listeners.delete(outgoing));
      return;
    }
    const headers = { ...incoming.headers, host: to.host };
    const passed = request({ host: to.hostname, port: to.port, path, method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    });
    passed.on('error', () => (outgoing.headersSent ? outgoing.end() : outgoing.writeHead(502).end()));
    outgoing.on('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({
        url: `http://127.0.0.1:${server.address().port}${prefix}`,
        /** Sends one event to everyone who listens. */
        send: (text) => listeners.forEach((listener) => listener.write(text)),
        listeners: () => listeners.size,
        close: () => {
          server.closeAllConnections();
          server.close();
        },
      });
    });
  });
}
