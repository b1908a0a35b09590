/** Door of the AWS CLI's face. */
export { runPlugin } from "./run.ts";
