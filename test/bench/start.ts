export const start = async () => ({ measures: [], notes: [] });
