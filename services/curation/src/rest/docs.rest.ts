import type { HttpApp } from '@florilegium/http';
import scalar from '@scalar/fastify-api-reference';

export const docsPath = '/docs';

const services = ['catalog', 'fetcher', 'inference', 'curation', 'trainer'];

/** The API reference of all five services, from their own OpenAPI documents on the same origin. Nothing is loaded from elsewhere. */
export async function addDocsRoutes(app: HttpApp): Promise<void> {
  await app.register(scalar, {
    routePrefix: docsPath,
    configuration: {
      pageTitle: 'Florilegium API',
      sources: services.map((service) => ({
        title: service,
        url: `/v1/openapi/${service}.json`,
        default: service === 'curation',
      })),
      withDefaultFonts: false,
      telemetry: false,
      hideClientButton: true,
      agent: { disabled: true },
      mcp: { disabled: true },
      showDeveloperTools: 'never',
    },
    hooks: {
      // The browser itself refuses whatever the bundle might want from another host.
      onRequest: (_request, reply, done) => {
        reply.header(
          'content-security-policy',
          "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:",
        );
        done();
      },
    },
  });
}
