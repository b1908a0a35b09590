/** The version that sessions of the library report to agents. */

/** Three numbers, those of package.json: agents decide by them what this client can do. */
export const VERSION = "1.3.0";
