export const tenants = async () => ({ measures: [], notes: [] });
