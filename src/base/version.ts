/** The version of Weir: the same as in package.json, which a test compares, without reading a file at every start. */
export const version = "0.1.0";
