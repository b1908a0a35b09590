/** The program's version: set when it is built; read from package.json when the sources are run. */

declare const BUILD_VERSION: string | undefined;

/** Three numbers, above every official 1.2.x; what `--version` prints and the handshake reports. */
export const VERSION: string = typeof BUILD_VERSION === "string" ? BUILD_VERSION : "0.0.0";
