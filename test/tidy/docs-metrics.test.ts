// docs/reference/metrics.md names every metric as it is, and the alerts of docs/operate/monitor.md ask for metrics that are there.

import { describe, expect, it } from 'vitest';
import { FAMILIES, type Family } from '../../core/metrics/families.ts';
import { codeIn, read, table } from './docs-pages.ts';

/** As a scraper of the text format sees it. */
const shownAs = ({ name, type }: Family): string => (type === 'counter' ? `${name}_total` : name);

describe('the page of the metrics', () => {
  it('names every metric with its type, labels and meaning, and no other', () => {
    const rows = table(read('docs/reference/metrics.md'), '## Every metric');
    expect(rows.map(([name, type, labels, means]) => [codeIn(name)[0], type, codeIn(labels), means])).toEqual(
      FAMILIES.map((family) => [shownAs(family), family.type, family.labels, family.help]),
    );
  });
});

describe('the alerts', () => {
  const alerts = table(read('docs/operate/monitor.md'), '## Alerts on metrics');

  it('ask for metrics and labels that there are', () => {
    const asked = alerts.flatMap(([, when]) => [...(codeIn(when)[0] ?? '').matchAll(/(starling_\w+)(?:\{(\w+)=)?/g)]);
    expect(asked.length).toBeGreaterThan(10);
    for (const [, name = '', label] of asked) {
      const family = FAMILIES.find((one) => shownAs(one) === name);
      expect(family, name).toBeDefined();
      if (label !== undefined) expect(family?.labels, name).toContain(label);
      // What only grows is asked for its growth.
      const { type } = family ?? {};
      const rule = alerts.find(([, when]) => when?.includes(name))?.[1] ?? '';
      if (type === 'counter') expect(rule).toMatch(new RegExp(`(?:rate|increase)\\(${name}`));
    }
  });

  it('lead to a runbook', () => {
    for (const [alert, , , then] of alerts) expect(then, alert).toMatch(/\]\((?:recover\.md)?#[a-z-]+\)$/);
  });
});
