export { type Gateway, type GatewayFailure, type GatewayOptions, type GatewayRoute, startGateway } from './gateway.ts';
export { type ServiceName, serviceNames, serviceRoutes } from './service-routes.ts';
