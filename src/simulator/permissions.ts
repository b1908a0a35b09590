/** Who may not do what, as the options say it. Decides only; carrying out and answering is elsewhere. */
import { ApiError } from "./errors.ts";
import { OWNER, type World } from "./world.ts";

/** Whether options deny this to everyone. */
export function isDenied(world: World, operation: string, target: string): boolean {
  return world.options.denied.some(
    (denial) => (denial.operation ?? operation) === operation && (denial.target ?? target) === target,
  );
}

/** @param target of a session, or `*`. @throws ApiError AccessDeniedException */
export function refuseDenied(world: World, operation: string, target: string): void {
  const { region } = world.options;
  const resource = target === "*" ? "*" : `arn:aws:ec2:${region}:${OWNER.account}:instance/${target}`;
  if (isDenied(world, operation, target)) throw accessDenied(`ssm:${operation}`, resource);
}

/** The error for an action that no policy allows. @param action as policies write it, `kms:Decrypt` */
export function accessDenied(action: string, resource: string): ApiError {
  return new ApiError(
    "AccessDeniedException",
    `User: ${OWNER.arn} is not authorized to perform: ${action} on resource: ${resource} because no ` +
      `identity-based policy allows the ${action} action`,
  );
}
