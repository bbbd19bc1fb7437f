import { permissionDenied } from '@florilegium/errors';

const readOnly = new Set(['GET', 'HEAD', 'OPTIONS']);
const loopback = /^(::ffff:)?127\.|^::1$/;

export interface BrowserFacts {
  method: string;
  headers: { host?: string | undefined; 'sec-fetch-site'?: string | string[] | undefined };
  /** Where the request came in; asked by name only where that is the loopback. Undefined counts as the loopback. */
  localAddress?: string | undefined;
}

/**
 * Without API keys the loopback is the only guard, so what a foreign web page sends through the browser of this machine is refused: by a foreign
 * name in Host (DNS rebinding), or as a cross-site write, which needs no preflight where it has no body.
 * @throws permission_denied
 */
export function refuseForeignPage({ method, headers, localAddress }: BrowserFacts): void {
  const name = (headers.host ?? '').replace(/:\d+$/, '');
  const onLoopback = localAddress === undefined || loopback.test(localAddress);
  if (onLoopback && !['localhost', '127.0.0.1', '[::1]'].includes(name))
    throw permissionDenied('this address serves its own machine only');
  if (!readOnly.has(method) && headers['sec-fetch-site'] === 'cross-site')
    throw permissionDenied('another site may not write here');
}
