// Every limit of the device's operations, with its reason. The whole edge node is to stay under 100 MB resident, and a
// result must fit into one frame beside its envelope.

/** The JSON of one result, in bytes: under the 256 kB an event may carry in line, with room for the envelope. */
export const outputBytesMax = 200_000;

/** A source file larger than this is generated, data or vendored, and is left out. */
export const sourceFileBytesMax = 1024 * 1024;

/** A file larger than this is counted but not parsed: its syntax tree would take more than 25 MB. */
export const syntaxBytesMax = 512 * 1024;

/** Parsing one file longer than this is given up: pathological input, not source. */
export const parseMsMax = 2_000;

/** Files one call looks into. */
export const filesMax = 5_000;

/** Directory entries one call looks at, so that a folder of millions of files ends too. */
export const entriesMax = 100_000;

/** How deep folders are followed. */
export const folderDepthMax = 40;

/** How long one call reads and parses files; what is left after it is counted as skipped. */
export const sourceMsMax = 90_000;

/** Text given in the input, in UTF-16 units: a task's body is at most 1 MiB and this leaves room for escapes. */
export const textLengthMax = 400_000;

/** A text file read for summary or keywords, in bytes; the rest is cut and the result says so. */
export const textFileBytesMax = 1024 * 1024;

/** Sentences that are ranked: ranking takes time and memory with the square of their number. */
export const rankedSentencesMax = 400;

/** Bytes `fs.read` returns at most; base64 makes a third more of it, which still fits under a frame of 900 kB. */
export const readBytesMax = 256 * 1024;

/** What a checker may print before it is stopped, per stream. */
export const checkOutputBytesMax = 8 * 1024 * 1024;

/** How long all checkers of one call may run together, in milliseconds. */
export const checkMsMax = 300_000;

/** Longest path accepted in an input. */
export const pathLengthMax = 4_096;
