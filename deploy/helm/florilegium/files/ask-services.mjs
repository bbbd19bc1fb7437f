// Arguments: the release's name, whether keys are asked for (on or off), the services. Ends with 1 when one of them is not as it should be.
const [name, auth, ...services] = process.argv.slice(1);
const doors = {
  catalog: '/v1/page-sets',
  fetcher: '/v1/fetch-runs',
  inference: '/v1/prediction-runs',
  curation: '/v1/iterations',
  trainer: '/v1/trainings',
};
let faults = 0;
for (const service of services) {
  const ask = async (path) => {
    const response = await fetch(`http://${name}-${service}${path}`, { signal: AbortSignal.timeout(10_000) });
    return { status: response.status, text: await response.text() };
  };
  try {
    const ready = await ask('/readyz');
    const openapi = await ask(`/v1/openapi/${service}.json`);
    const door = await ask(doors[service]);
    const expected = auth === 'on' ? 401 : 200;
    const away = Object.values(JSON.parse(ready.text).checks).some((state) => state !== 'ok');
    const fine = ready.status === 200 && !away && JSON.parse(openapi.text).openapi?.startsWith('3.1') && door.status === expected;
    console.log(`${service}: ready ${ready.status} ${ready.text}, ${doors[service]} without a key ${door.status}, expected ${expected}`);
    if (!fine) faults++;
  } catch (error) {
    console.log(`${service}: ${error.message} ${error.cause?.message ?? ''}`);
    faults++;
  }
}
process.exit(faults === 0 ? 0 : 1);
