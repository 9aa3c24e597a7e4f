// report.assemble: joins the results of other operations into one Markdown report. It adds no finding of its own.

import { z } from 'zod';
import { jsonBytes } from './json-budget.ts';
import { outputBytesMax } from './limits.ts';
import { defineOperation } from './operation.ts';
import { plain } from './report/markdown.ts';
import { renderBody } from './report/render-results.ts';
import { closed } from './report/section.ts';

const sectionSchema = z.strictObject({
  heading: z.string().min(1).max(300),
  body: z.json().describe('Markdown as a string, the result of an operation, or any other JSON value'),
});

/** The result of `report.assemble`. */
export const reportSchema = z.strictObject({
  markdown: z.string(),
  sections: z.int().nonnegative(),
  cut: z.array(z.string()).describe('headings of the sections that were cut to keep the report small'),
});

type Report = z.infer<typeof reportSchema>;

/** `report.assemble`: a title, sections, and under each what it holds in a readable form. */
export const reportAssemble = defineOperation({
  name: 'report.assemble',
  version: '1.1.0',
  summary: 'Joins texts and the results of other operations into one Markdown report.',
  input: z.strictObject({
    title: z.string().min(1).max(300),
    sections: z.array(sectionSchema).max(100),
  }),
  output: reportSchema,
  priceMicro: 500,
  leaseMs: 30_000,
  async run(input, context): Promise<Report> {
    const title = `# ${plain(input.title)}`;
    let left = outputBytesMax - summaryBytes - headingsBytes(input.sections) - jsonBytes(title);
    const parts = [title];
    const cut: string[] = [];
    for (const [index, section] of input.sections.entries()) {
      context.signal.throwIfAborted();
      context.progress((0.95 * index) / input.sections.length, section.heading);
      const heading = `## ${plain(section.heading)}`;
      // What is left is shared by the sections to come, so that a long one does not take it from the others.
      const share = Math.floor(left / (input.sections.length - index));
      const body = cutTo(renderBody(section.body), share);
      if (body.cut) cut.push(section.heading);
      parts.push(heading, body.text);
      left -= jsonBytes(body.text);
    }
    context.progress(1);
    return { markdown: `${parts.join('\n\n')}\n`, sections: input.sections.length, cut };
  },
});

/** Room for what stands beside the Markdown. */
const summaryBytes = 500;

/** The bytes of the headings, in the Markdown and once more in the list of what was cut. */
function headingsBytes(sections: readonly { readonly heading: string }[]): number {
  return sections.reduce((sum, { heading }) => sum + jsonBytes(plain(heading)) + jsonBytes(heading) + 20, 0);
}

/** Text cut at a line so that its JSON fits; what the cut leaves open is closed. */
function cutTo(text: string, bytesMax: number): { text: string; cut: boolean } {
  if (jsonBytes(text) <= bytesMax) return { text, cut: false };
  const lines: string[] = [];
  let left = bytesMax - 80; // For the last line, and what closes a fence.
  for (const line of text.split('\n')) {
    left -= jsonBytes(line);
    if (left < 0) break;
    lines.push(line);
  }
  return { text: `${closed(lines.join('\n'))}\n\n*Cut here for length.*`, cut: true };
}
