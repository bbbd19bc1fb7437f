// The gateway as a program of its own, for the compose stack.
import { createLog } from '@florilegium/log';
import { runService } from '@florilegium/service';
import { readGatewayConfig } from './config.ts';
import { startGateway } from './gateway.ts';
import { serviceNames, serviceRoutes } from './service-routes.ts';

const config = (() => {
  try {
    return readGatewayConfig();
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
})();
const log = createLog({ service: 'gateway', level: config.logLevel });

runService({
  log,
  endWithParent: false,
  start: async ({ onStop }) => {
    const gateway = await startGateway({
      port: config.port,
      host: config.host,
      routes: serviceNames.flatMap((name) => serviceRoutes[name].map((path) => ({ path, url: config.urls[name] }))),
      // Services ask for keys; whoever reaches us may come by any name.
      refuseForeignPages: false,
      log: (line) => log.info({}, line),
      onFailure: (failure) => log.warn(failure, 'request failed'),
    });
    onStop('gateway', gateway.close);
  },
});
