/** A node of a network, as far as its HTTP goes: routes are functions of request and response. */
import { createServer } from 'node:http';

/** @returns {Promise<{url: string, seen: {method: string, path: string, body: Uint8Array}[],
 *   close(): Promise<void>}>} */
export async function serve(answer) {
  const seen = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = new Uint8Array(Buffer.concat(chunks));
    const heard = { method: request.method, path: request.url, headers: request.headers, body };
    seen.push(heard);
    await answer(heard, response, seen.length);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url, seen, close };
}

/** Answers JSON, or problem details when the status is 400 or more. */
export function json(response, status, body) {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type });
  response.end(JSON.stringify(body));
}

/** An address where nobody listens. */
export async function deadUrl() {
  const { url, close } = await serve(() => undefined);
  await close();
  return url;
}

/** Writes one deposited event. */
export function sendEvent(response, ordinal, fields = {}) {
  const data = JSON.stringify({ ordinal, id: 'ab'.repeat(32), ...fields });
  response.write(`id: ${ordinal}\nevent: deposited\ndata: ${data}\n\n`);
}
