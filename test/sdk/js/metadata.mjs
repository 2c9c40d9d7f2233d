// A metadata server as on Google Cloud, which gives one access token: node metadata.mjs PORT TOKEN
import { createServer } from 'node:http';

const [port, token] = process.argv.slice(2);
createServer((request, response) => {
  if (request.headers['metadata-flavor'] !== 'Google' || !request.url.startsWith('/computeMetadata/v1/instance/service-accounts/default/token')) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json', 'metadata-flavor': 'Google' });
  response.end(JSON.stringify({ access_token: token, expires_in: 3600, token_type: 'Bearer' }));
}).listen(Number(port), '127.0.0.1');
