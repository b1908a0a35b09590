/**
 * Which certificate authorities are trusted, for WebSocket and fetch alike, and that verification stays on.
 * The runtime itself adds SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS and the system's store to its own roots;
 * what is added here is the bundle that the AWS tools are told to use.
 */

import { readFile } from "node:fs/promises";

/** What to pass as `tls` to WebSocket and fetch. */
export interface TlsSettings {
  /**
   * Always true and always passed: only an explicit true keeps verification on where
   * NODE_TLS_REJECT_UNAUTHORIZED=0 is in the environment.
   */
  readonly rejectUnauthorized: true;
  /** PEM certificates; absent: the runtime's own roots. It replaces those roots, so they are in it too. */
  readonly ca?: string[];
}

/** Where an additional bundle may come from. */
export interface CertificateOptions {
  /** The process's environment; AWS_CA_BUNDLE counts. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `ca_bundle` of the profile in use; AWS_CA_BUNDLE goes before it. */
  readonly profileBundle?: string;
}

/** A bundle of certificates that cannot be used. To go on without it would only fail later and less clearly. */
export class CertificateBundleError extends Error {
  override readonly name = "CertificateBundleError";
  readonly code = "TRANSPORT_CERTIFICATE_BUNDLE";

  /**
   * @param origin what named the file: AWS_CA_BUNDLE or the profile's ca_bundle
   * @param path the file
   * @param rule what is wrong with it
   */
  constructor(origin: string, path: string, rule: string, options?: ErrorOptions) {
    super(
      `the certificate bundle ${path}, named by ${origin}, ${rule}. ` +
        `It must be a readable file of certificates in PEM form`,
      options,
    );
  }
}

/**
 * Loads the bundle that AWS_CA_BUNDLE or the profile names and adds it to the roots trusted anyway. Where neither is
 * set this reads nothing and costs nothing.
 * @throws CertificateBundleError when the file is missing, unreadable, empty or has a damaged certificate
 */
export async function loadCertificates({
  environment,
  profileBundle,
}: CertificateOptions): Promise<TlsSettings> {
  const fromEnvironment = environment["AWS_CA_BUNDLE"];
  const [origin, path] = isSet(fromEnvironment)
    ? ["AWS_CA_BUNDLE", fromEnvironment]
    : ["the profile's ca_bundle", profileBundle];
  if (!isSet(path)) return { rejectUnauthorized: true };
  const bundle = await readBundle(origin, withHome(path, environment));
  return { rejectUnauthorized: true, ca: [...new Set([...ownRoots(environment), ...bundle])] };
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}

/** The AWS CLI expands a leading tilde in paths of its configuration. */
function withHome(path: string, environment: CertificateOptions["environment"]): string {
  const home = environment["HOME"] ?? environment["USERPROFILE"];
  return home === undefined ? path : path.replace(/^~(?=[/\\])/, () => home);
}

async function readBundle(origin: string, path: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(path, "latin1");
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
    throw new CertificateBundleError(origin, path, `cannot be read (${reason})`, { cause });
  }
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new CertificateBundleError(origin, path, "holds no certificate");
  const { X509Certificate } = process.getBuiltinModule("node:crypto");
  return blocks.map((block, index) => {
    try {
      // One damaged certificate makes the runtime refuse every connection without saying why. The certificate's own
      // text is what the roots are compared with, so that the same one is not there twice.
      return new X509Certificate(block).toString().trimEnd();
    } catch (cause) {
      throw new CertificateBundleError(origin, path, `has a damaged certificate (number ${index + 1})`, {
        cause,
      });
    }
  });
}

/** What is trusted without `ca`: it must be named as soon as `ca` is given. */
function ownRoots(environment: CertificateOptions["environment"]): string[] {
  const { getCACertificates } = process.getBuiltinModule("node:tls");
  // The runtime trusts these two in any case but counts them among its defaults only with --use-system-ca.
  const withSystem = isSet(environment["SSL_CERT_FILE"]) || isSet(environment["SSL_CERT_DIR"]);
  return [...getCACertificates("default"), ...(withSystem ? getCACertificates("system") : [])].map(
    (certificate) => certificate.trimEnd(),
  );
}
