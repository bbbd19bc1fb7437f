export { type Gateway, type GatewayOptions, type GatewayRoute, startGateway } from './gateway.ts';
export { type ServiceName, serviceNames, serviceRoutes } from './service-routes.ts';
