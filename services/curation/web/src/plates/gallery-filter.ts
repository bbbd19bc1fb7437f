/** What of the address decides which plates are shown, and in which order. */
export const filterNames = ['order', 'seed', 'title', 'name', 'yearMin', 'yearMax', 'reuse'] as const;

export const filterOf = (query: Record<string, string | undefined>): URLSearchParams => {
  const filter = new URLSearchParams();
  for (const name of filterNames) {
    const value = query[name];
    if (value === undefined || value === '') continue;
    if (name === 'reuse') for (const one of value.split(',')) filter.append('reuse', one);
    else filter.set(name, value);
  }
  if (!filter.has('order')) filter.set('order', 'shuffle');
  return filter;
};
