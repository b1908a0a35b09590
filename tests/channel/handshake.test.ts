import { describe, expect, test } from "bun:test";

import type { SessionRequest } from "../../src/channel/events.ts";
import { ClientHandshake, type HandshakeStep } from "../../src/channel/handshake.ts";
import {
  encodeHandshakeComplete,
  encodeHandshakeRequest,
  type RequestedAction,
  toJsonPayload,
} from "../../src/protocol/index.ts";

const SHELL: RequestedAction = {
  actionType: "SessionType",
  parameters: { SessionType: "Standard_Stream", Properties: null },
};
const KMS: RequestedAction = {
  actionType: "KMSEncryption",
  parameters: { KMSKeyId: "key", Challenge: "Y2hhbGxlbmdl" },
};

function request(actions: readonly RequestedAction[], agentVersion = "3.3.0.0"): Uint8Array {
  return encodeHandshakeRequest({ agentVersion, actions });
}

function respond(step: HandshakeStep | undefined): unknown {
  if (step?.kind !== "respond") throw new Error(`expected a response, not ${step?.kind}`);
  return JSON.parse(Buffer.from(step.response).toString());
}

/** Runs a request through a fresh handshake; `[status, error]` of each answer. */
function answers(
  payload: Uint8Array,
  askSession: (request: SessionRequest) => string | undefined = () => undefined,
): [string, number, string][] {
  const step = new ClientHandshake("1.3.0").request(payload, askSession);
  const response = respond(step) as {
    ProcessedClientActions: { ActionType: string; ActionStatus: number; Error: string }[];
    Errors: string[] | null;
  };
  const processed = response.ProcessedClientActions;
  const errors = processed.map((action) => action.Error).filter((error) => error !== "");
  expect(response.Errors).toEqual(errors.length === 0 ? null : errors);
  return processed.map((action) => [action.ActionType, action.ActionStatus, action.Error]);
}

describe("handshake", () => {
  test("a shell is accepted in the layout of AWS's client", () => {
    const handshake = new ClientHandshake("1.3.0");
    const asked: SessionRequest[] = [];
    const step = handshake.request(request([SHELL]), (session) => void asked.push(session));
    expect(step).toEqual({
      kind: "respond",
      error: "",
      response: Buffer.from(
        '{"ClientVersion":"1.3.0","ProcessedClientActions":[{"ActionType":"SessionType","ActionStatus":1,' +
          '"ActionResult":null,"Error":""}],"Errors":null}',
      ),
    });
    expect(asked).toEqual([{ agentVersion: "3.3.0.0", sessionType: "Standard_Stream", properties: null }]);
    expect(handshake.agent).toEqual({
      version: "3.3.0.0",
      abilities: { multiplexing: true, smuxKeepAliveOff: true, terminateFlag: true },
    });
    expect(handshake.completed).toBe(false);
    expect(handshake.complete(encodeHandshakeComplete(5, "hello"))).toBe("hello");
    expect(handshake.completed).toBe(true);
  });

  test("every known session type is accepted", () => {
    for (const sessionType of ["InteractiveCommands", "NonInteractiveCommands", "Port"]) {
      expect(
        answers(
          request([
            { actionType: "SessionType", parameters: { SessionType: sessionType, Properties: { a: "b" } } },
          ]),
        ),
      ).toEqual([["SessionType", 1, ""]]);
    }
  });

  test("which session types there are is the session's word alone", () => {
    const asked: string[] = [];
    const answered = answers(
      request([{ actionType: "SessionType", parameters: { SessionType: "Tele\nport", Properties: null } }]),
      ({ sessionType }) => {
        asked.push(sessionType);
        return undefined;
      },
    );
    expect(asked).toEqual(["Tele\nport"]);
    expect(answered).toEqual([["SessionType", 1, ""]]);
  });

  test("the session may refuse", () => {
    expect(answers(request([SHELL]), () => "no shells here")).toEqual([
      ["SessionType", 2, "Failed to process action SessionType: no shells here"],
    ]);
  });

  test("an unknown action is unsupported", () => {
    expect(answers(request([SHELL, { actionType: "Dance", parameters: null }]))).toEqual([
      ["SessionType", 1, ""],
      ["Dance", 3, "Unsupported action Dance"],
    ]);
  });

  test("no session type, an odd one, two of them: each fails with its reason", () => {
    expect(answers(request([]))).toEqual([
      ["SessionType", 2, "Failed to process action SessionType: the agent names no session type"],
    ]);
    expect(answers(toJsonPayload({ AgentVersion: "1", RequestedClientActions: null }))).toEqual([
      ["SessionType", 2, "Failed to process action SessionType: the agent names no session type"],
    ]);
    expect(answers(request([{ actionType: "SessionType", parameters: "Port" }]))).toEqual([
      ["SessionType", 2, "Failed to process action SessionType: its parameters name no session type"],
    ]);
    expect(answers(request([SHELL, SHELL]))).toEqual([
      ["SessionType", 1, ""],
      ["SessionType", 2, "Failed to process action SessionType: it is requested twice"],
    ]);
  });

  test("a request that cannot be read is answered with a failure", () => {
    expect(answers(Buffer.from("{nonsense"))).toEqual([
      ["SessionType", 2, "Failed to process action SessionType: invalid HandshakeRequest: is not JSON"],
    ]);
  });

  test("encryption waits for its answer, in the order of the request", () => {
    const handshake = new ClientHandshake("1.3.0");
    const step = handshake.request(request([KMS, SHELL]), () => undefined);
    expect(step).toEqual({ kind: "kms", request: { keyId: "key", challenge: "Y2hhbGxlbmdl" } });
    expect(handshake.complete(encodeHandshakeComplete(1, ""))).toBeUndefined();
    const response = respond(handshake.answerKms({ ok: true, actionResult: { KMSCipherTextKey: "blob" } }));
    expect(response).toEqual({
      ClientVersion: "1.3.0",
      ProcessedClientActions: [
        {
          ActionType: "KMSEncryption",
          ActionStatus: 1,
          ActionResult: { KMSCipherTextKey: "blob" },
          Error: "",
        },
        { ActionType: "SessionType", ActionStatus: 1, ActionResult: null, Error: "" },
      ],
      Errors: null,
    });
    expect(handshake.answerKms({ ok: false, error: "twice" })).toBeUndefined();
    expect(handshake.complete(encodeHandshakeComplete(1, ""))).toBe("");
  });

  test("a failed encryption names its reason", () => {
    const handshake = new ClientHandshake("1.3.0");
    handshake.request(request([SHELL, KMS]), () => undefined);
    const step = handshake.answerKms({ ok: false, error: "AccessDenied" });
    expect(step).toMatchObject({
      kind: "respond",
      error: "Failed to process action KMSEncryption: AccessDenied",
    });
  });

  test("no key is fetched for a session that fails anyway", () => {
    expect(answers(request([SHELL, KMS]), () => "no")).toEqual([
      ["SessionType", 2, "Failed to process action SessionType: no"],
      ["KMSEncryption", 2, "Failed to process action KMSEncryption: the session type was refused"],
    ]);
    expect(answers(request([SHELL, { actionType: "KMSEncryption", parameters: {} }]))).toEqual([
      ["SessionType", 1, ""],
      ["KMSEncryption", 2, "Failed to process action KMSEncryption: its parameters name no KMS key"],
    ]);
  });

  test("a second request and a misplaced or second completion are ignored", () => {
    const handshake = new ClientHandshake("1.3.0");
    expect(handshake.complete(encodeHandshakeComplete(1, "early"))).toBeUndefined();
    expect(handshake.requested).toBe(false);
    handshake.request(request([SHELL]), () => undefined);
    expect(handshake.request(request([SHELL], "9.9.9.9"), () => undefined)).toBeUndefined();
    expect(handshake.agent?.version).toBe("3.3.0.0");
    expect(handshake.complete(Buffer.from("garbage"))).toBe("");
    expect(handshake.complete(encodeHandshakeComplete(1, "again"))).toBeUndefined();
  });

  test("what an odd agent version allows: nothing", () => {
    for (const version of ["", "3.3", "3.3.0.0-beta", "💥", "99999999999.0.0.0"]) {
      const handshake = new ClientHandshake("1.3.0");
      handshake.request(request([SHELL], version), () => undefined);
      expect(handshake.agent).toEqual({
        version,
        abilities: { multiplexing: false, smuxKeepAliveOff: false, terminateFlag: false },
      });
    }
  });
});
