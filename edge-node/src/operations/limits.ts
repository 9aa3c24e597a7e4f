// Every limit of the device's operations, with its reason. The whole edge node is to stay under 100 MB resident, and a
// result must fit into one frame beside its envelope.

/** The JSON of one result, in bytes: under what a task's result may take in the journal (224 KiB), with some room. */
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

/** Folders that were left out and are named in a result, and how long such a name may be: 4 kB of a result at the most. */
export const folderNamesMax = 20;
export const folderNameCharsMax = 100;

/** How long one call reads and parses files; what is left after it is counted as skipped. */
export const sourceMsMax = 90_000;

/** Text given in the input, in UTF-16 units: a task's input is at most 192 KiB, so nothing longer arrives. */
export const textLengthMax = 200_000;

/** A text file read for summary or keywords, in bytes; the rest is cut and the result says so. */
export const textFileBytesMax = 512 * 1024;

/** Sentences that are ranked: ranking takes time and memory with the square of their number. */
export const rankedSentencesMax = 400;

/** A longer sentence is unpunctuated text or data; 20 of this length still fit into a result, in any script. */
export const sentenceLengthMax = 1_200;

/** Bytes a call of `fs.read` may ask for. It answers with fewer when their JSON would not fit into a result. */
export const readBytesMax = 256 * 1024;

/** What is kept of what a checker prints, per stream. */
export const checkOutputBytesMax = 8 * 1024 * 1024;

/** A checker that goes on printing beyond this is no checker. */
export const checkFloodBytesMax = 64 * 1024 * 1024;

/** How long all checkers of one call may run together, in milliseconds. */
export const checkMsMax = 300_000;

/** Longest path accepted in an input. */
export const pathLengthMax = 4_096;
