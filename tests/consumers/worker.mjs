// A worker as other people write one: takes messages {template, vars, out} from SQS, renders each with the
// command line, puts the clip where it belongs, deletes the message. It knows nothing of framepress but
// `hyperframes render`, and nothing of our further fields.
//
//   node worker.mjs ENDPOINT QUEUE_URL OUT_FOLDER HYPERFRAMES
//
// It ends when the queue has been empty for a second. No packages: it speaks the JSON protocol of SQS itself.

import { execFile } from "node:child_process";
import { mkdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const [endpoint, queueUrl, outFolder, hyperframes] = process.argv.slice(2);
const run = promisify(execFile);

async function sqs(action, body) {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-amz-json-1.0",
      "X-Amz-Target": `AmazonSQS.${action}`,
      Authorization: "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
    },
    body: JSON.stringify({ QueueUrl: queueUrl, ...body }),
  });
  if (!response.ok) throw new Error(`${action}: ${response.status}`);
  const text = await response.text();
  return text ? JSON.parse(text) : {};
}

for (;;) {
  const { Messages: messages = [] } = await sqs("ReceiveMessage", { MaxNumberOfMessages: 1, WaitTimeSeconds: 1 });
  if (messages.length === 0) break;
  for (const { Body, ReceiptHandle } of messages) {
    const job = JSON.parse(Body);
    const clip = join(outFolder, job.out);
    const partial = `${clip.replace(/\.mp4$/, "")}.rendering.mp4`;
    await mkdir(dirname(clip), { recursive: true });
    const vars = Object.entries(job.vars).map(([name, value]) => `${name}=${value}`);
    await run(hyperframes, ["render", job.template, "--out", partial, "--vars", ...vars, "--quiet"]);
    await rename(partial, clip);
    await sqs("DeleteMessage", { ReceiptHandle });
    console.log(job.out);
  }
}
