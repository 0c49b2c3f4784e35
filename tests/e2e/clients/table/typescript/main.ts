// Makes the calls with the generated clients: main.mjs URL TOKEN < calls > answers.
// As a browser does, over gRPC-Web; what a browser cannot, a stream of requests, over gRPC.
import { createInterface } from "node:readline";
import { create, fromJson, type DescService, type JsonValue, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { IngestService } from "./gen/dropmesh/v1/ingest_service_pb";
import { ProcessorService } from "./gen/dropmesh/v1/processor_service_pb";
import { QueryService } from "./gen/dropmesh/v1/query_service_pb";
import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb";

type Call = { rpc: string; service: string; is_fault: boolean; with_token: boolean; request: JsonValue };
type Method = (request: unknown, options: { timeoutMs: number }) => Promise<Message> | AsyncIterable<Message>;

const [baseUrl = "", token = ""] = process.argv.slice(2);
const services: Record<string, DescService> = { IngestService, ProcessorService, QueryService };

function transport(streams: boolean, withToken: boolean): Transport {
  const known: Interceptor = (next) => (request) => {
    if (withToken) request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const options = { baseUrl, interceptors: [known] };
  return streams ? createGrpcTransport(options) : createGrpcWebTransport(options);
}

async function* one<T>(message: T): AsyncIterable<T> {
  yield message;
}

async function answerOf(call: Call): Promise<Message> {
  const service = services[call.service];
  const method = service?.methods.find((found) => found.name === call.rpc);
  if (!service || !method) throw new ConnectError(`no method ${call.rpc}`, Code.Unimplemented);
  const streams = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  const client = createClient(service, transport(streams, call.with_token)) as unknown as Record<string, Method>;
  const request = fromJson(method.input, call.request);
  const called = client[method.localName];
  if (!called) throw new ConnectError(`no method ${call.rpc}`, Code.Unimplemented);
  const answer = called.call(client, streams ? one(request) : request, { timeoutMs: 30_000 });
  if (method.methodKind === "unary" || method.methodKind === "client_streaming") return answer as Promise<Message>;
  for await (const message of answer as AsyncIterable<Message>) return message;
  return create(method.output);
}

for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line) as Call;
  const found: Record<string, unknown> = { rpc: call.rpc, is_fault: call.is_fault };
  try {
    found["answer"] = (await answerOf(call)).$typeName;
  } catch (error) {
    const failure = ConnectError.from(error);
    found["error"] = failure.findDetails(ErrorInfoSchema)[0]?.reason ?? failure.message;
  }
  console.log(JSON.stringify(found));
}
process.exit(0);
