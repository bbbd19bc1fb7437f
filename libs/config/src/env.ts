import { invalidArgument } from '@florilegium/errors';

interface Bounds {
  default?: number;
  min?: number;
  max?: number;
}

/** Readers of environment variables. Each fault is kept; `done` throws them all at once, so that one start shows everything that is wrong. */
export interface EnvReader {
  string(name: string, fallback?: string): string;
  /** Undefined when the variable is absent or empty. */
  optional(name: string): string | undefined;
  int(name: string, bounds?: Bounds): number;
  number(name: string, bounds?: Bounds): number;
  /** on|off, true|false, 1|0. */
  flag(name: string, fallback: boolean): boolean;
  oneOf<const Value extends string>(name: string, values: readonly Value[], fallback?: Value): Value;
  url(name: string, fallback?: string): string;
  /** Parsed JSON, passed through `check`, whose thrown message becomes the fault. */
  json<Value>(name: string, check: (value: unknown) => Value, fallback?: Value): Value;
  /** A text passed through `check`, whose thrown message becomes the fault. */
  text<Value>(name: string, check: (text: string) => Value, fallback: Value): Value;
  /** Throws invalid_argument naming every missing or bad variable; else gives the frozen configuration. */
  done<Config extends object>(config: Config): Readonly<Config>;
}

export function readEnv(env: Record<string, string | undefined>): EnvReader {
  const faults: string[] = [];
  const value = (name: string) => (env[name] === undefined || env[name] === '' ? undefined : env[name]);
  const fault = <Value>(message: string, stand: Value): Value => {
    faults.push(message);
    return stand;
  };
  const numeric = (
    name: string,
    { default: fallback, min = -Infinity, max = Infinity }: Bounds,
    whole: boolean,
  ): number => {
    const text = value(name);
    if (text === undefined) return fallback ?? fault(`${name} is missing`, 0);
    const number = Number(text);
    if (!Number.isFinite(number) || (whole && !Number.isInteger(number)))
      return fault(`${name} is not ${whole ? 'a whole' : 'a'} number: ${text}`, 0);
    if (number < min || number > max) return fault(`${name} is out of range ${min}..${max}: ${text}`, 0);
    return number;
  };
  return {
    string: (name, fallback) => value(name) ?? fallback ?? fault(`${name} is missing`, ''),
    optional: value,
    int: (name, bounds = {}) => numeric(name, bounds, true),
    number: (name, bounds = {}) => numeric(name, bounds, false),
    flag: (name, fallback) => {
      const text = value(name)?.toLowerCase();
      if (text === undefined) return fallback;
      if (['on', 'true', '1'].includes(text)) return true;
      if (['off', 'false', '0'].includes(text)) return false;
      return fault(`${name} is neither on nor off: ${text}`, fallback);
    },
    oneOf: (name, values, fallback) => {
      const text = value(name) ?? fallback;
      if (text === undefined) return fault(`${name} is missing; one of ${values.join(', ')}`, values[0]!);
      return (
        values.find((allowed) => allowed === text) ??
        fault(`${name} is not one of ${values.join(', ')}: ${text}`, values[0]!)
      );
    },
    url: (name, fallback) => {
      const text = value(name) ?? fallback;
      if (text === undefined) return fault(`${name} is missing`, '');
      // The address may hold a password: say which variable, not what it holds.
      return URL.canParse(text) ? text : fault(`${name} is not an address`, '');
    },
    json: (name, check, fallback) => {
      const text = value(name);
      if (text === undefined) return fallback ?? fault(`${name} is missing`, undefined as never);
      try {
        return check(JSON.parse(text));
      } catch (error) {
        return fault(`${name}: ${error instanceof Error ? error.message : error}`, fallback as never);
      }
    },
    text: (name, check, fallback) => {
      const text = value(name);
      if (text === undefined) return fallback;
      try {
        return check(text);
      } catch (error) {
        return fault(error instanceof Error ? error.message : `${name} is not as it should be`, fallback);
      }
    },
    done: (config) => {
      if (faults.length > 0) throw invalidArgument(`configuration: ${faults.join('; ')}`, { details: { faults } });
      return Object.freeze(config);
    },
  };
}
