/** Shapes of the API's requests: what botocore sends is checked here and becomes a typed object. */
import { z } from "zod";

import { ApiError } from "./errors.ts";

const sessionId = z.string().min(1).max(96);
const target = z.string().min(1).max(400);
const nextToken = z.string().optional();
const encryptionContext = z.record(z.string(), z.string()).optional();

/** Schemas by operation. */
export const requestSchemas = {
  StartSession: z.object({
    Target: target,
    DocumentName: z
      .string()
      .regex(/^[\w.:/-]{3,128}$/)
      .optional(),
    Reason: z.string().min(1).max(256).optional(),
    Parameters: z.record(z.string(), z.array(z.string().max(65_535))).optional(),
  }),
  ResumeSession: z.object({ SessionId: sessionId }),
  TerminateSession: z.object({ SessionId: sessionId }),
  DescribeInstanceInformation: z.object({
    InstanceInformationFilterList: z
      .array(z.object({ key: z.string(), valueSet: z.array(z.string()).min(1) }))
      .optional(),
    Filters: z.array(z.object({ Key: z.string(), Values: z.array(z.string()).min(1) })).optional(),
    MaxResults: z.number().int().min(5).max(50).optional(),
    NextToken: nextToken,
  }),
  DescribeInstanceProperties: z.object({
    InstancePropertyFilterList: z
      .array(z.object({ key: z.string(), valueSet: z.array(z.string()).min(1) }))
      .optional(),
    MaxResults: z.number().int().min(5).max(1_000).optional(),
    NextToken: nextToken,
  }),
  DescribeSessions: z.object({
    State: z.enum(["Active", "History"]),
    MaxResults: z.number().int().min(1).max(200).optional(),
    NextToken: nextToken,
    Filters: z.array(z.object({ key: z.string(), value: z.string().min(1).max(400) })).optional(),
  }),
  GetConnectionStatus: z.object({ Target: target }),
  GenerateDataKey: z.object({
    KeyId: z.string().min(1).max(2048),
    NumberOfBytes: z.number().int().min(1).max(1024).optional(),
    KeySpec: z.enum(["AES_128", "AES_256"]).optional(),
    EncryptionContext: encryptionContext,
  }),
  Decrypt: z.object({
    CiphertextBlob: z.string().min(1).max(8192),
    EncryptionContext: encryptionContext,
  }),
  ExecuteCommand: z.object({
    cluster: z.string().optional(),
    container: z.string().optional(),
    command: z.string().min(1),
    interactive: z.literal(true),
    task: z.string().min(1),
  }),
  DescribeTasks: z.object({ cluster: z.string().optional(), tasks: z.array(z.string()).min(1).max(100) }),
} as const;

/** The services there are, by the name before the dot in the header x-amz-target. */
const SERVICES: Readonly<Record<string, ServiceName>> = {
  AmazonSSM: "ssm",
  TrentService: "kms",
  AmazonEC2ContainerServiceV20141113: "ecs",
};

/** Services as signatures name them. */
export type ServiceName = "ssm" | "kms" | "ecs";

const SERVICE_OF: Readonly<Partial<Record<Operation, ServiceName>>> = {
  GenerateDataKey: "kms",
  Decrypt: "kms",
  ExecuteCommand: "ecs",
  DescribeTasks: "ecs",
};

/** What a call asks for: the service, and an operation of it or an empty text. */
export function readTarget(header: string): {
  readonly service: ServiceName;
  readonly operation: Operation | "";
} {
  const [prefix = "", operation = "", ...more] = header.split(".");
  const service = SERVICES[prefix];
  if (service === undefined || more.length > 0) return { service: "ssm", operation: "" };
  if (!isOperation(operation) || (SERVICE_OF[operation] ?? "ssm") !== service)
    return { service, operation: "" };
  return { service, operation };
}

/** Operations that the stand-in carries out. */
export type Operation = keyof typeof requestSchemas;

/** A checked request of an operation. */
export type RequestOf<Name extends Operation> = z.infer<(typeof requestSchemas)[Name]>;

/** Whether the text names an operation that is carried out. */
export function isOperation(name: string): name is Operation {
  return Object.hasOwn(requestSchemas, name);
}

/** Parses a body as JSON. An empty one is an empty request. @throws ApiError SerializationException */
export function parseBody(body: Uint8Array): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    throw new ApiError("SerializationException", "the request body is no JSON");
  }
}

/**
 * Checks a parsed body.
 * @throws ApiError SerializationException for a wrong type, ValidationException for a missing or unfit value
 */
export function checkRequest<Name extends Operation>(operation: Name, value: unknown): RequestOf<Name> {
  const parsed = requestSchemas[operation].safeParse(value);
  // The schema was chosen by the same name.
  if (parsed.success) return parsed.data as RequestOf<Name>;
  const issue = parsed.error.issues[0];
  const path = issue?.path.map(String) ?? [];
  const found = path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null
        ? (inner as Readonly<Record<string, unknown>>)[key]
        : undefined,
    value,
  );
  if (issue?.code === "invalid_type" && found !== undefined && found !== null)
    throw new ApiError(
      "SerializationException",
      `${path.join(".")} has the wrong type, ${issue.expected} is expected`,
    );
  const [first = "", ...rest] = path;
  const name = [first.charAt(0).toLowerCase() + first.slice(1), ...rest].join(".");
  const rule =
    found === undefined || found === null
      ? `Value null at '${name}' failed to satisfy constraint: Member must not be null`
      : `Value at '${name}' failed to satisfy constraint: ${issue?.message ?? "unknown"}`;
  throw new ApiError("ValidationException", `1 validation error detected: ${rule}`);
}
