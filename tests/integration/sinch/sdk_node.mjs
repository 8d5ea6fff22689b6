// Sinch's own Node SDK against the simulator. Arguments: base address, webhook body and headers come on stdin.
// Prints one JSON object; a complaint of the SDK ends the process with its words.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

console.log = console.info = console.debug = console.error; // the SDK talks on standard output
const require = createRequire(process.env.SDK_HOME + "/");
const { SmsService, SmsCallbackWebhooks } = require("@sinch/sms");
const [base, hook] = process.argv.slice(2);
const sms = new SmsService({ servicePlanId: "simulator", apiToken: "simulator", smsHostname: base, smsRegion: "us" });
const from = "+12065550100", phone = "+15550001111", other = "+12099991301";
const later = new Date(Date.now() + 3600e3);
const control = (path, value) => fetch(base + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });

const sent = await sms.batches.sendTextMessage({ sendSMSRequestBody: {
  to: [phone, other], from, body: "Hi ${name}", parameters: { name: { [phone]: "Ada", default: "friend" } },
  client_reference: "node.0.1", delivery_report: "per_recipient_final", callback_url: hook, feedback_enabled: true } });
assert.ok(sent.created_at instanceof Date);
assert.deepEqual((await sms.batches.get({ batch_id: sent.id })).to, ["15550001111", "12099991301"]);
await control("/simulator/clock", { advance: 10 });

const listed = [];
for await (const batch of sms.batches.list({ client_reference: "node.0.1", page_size: 1 })) listed.push(batch.id);
assert.deepEqual(listed, [sent.id]);

const dry = await sms.batches.dryRun({ per_recipient: true, number_of_recipients: 5, dryRunRequestBody: { to: [phone], from, body: "a".repeat(161) } });
assert.equal(dry.number_of_messages, 2);
assert.equal(dry.per_recipient[0].encoding, "text");

const held = await sms.batches.send({ sendSMSRequestBody: { to: [phone], from, body: "Hi", send_at: later } });
const updated = await sms.batches.update({ batch_id: held.id, updateBatchMessageRequestBody: { to_add: [other], body: "Hello" } });
assert.equal(updated.body, "Hello");
const replaced = await sms.batches.replace({ batch_id: held.id, replaceBatchMessageRequestBody: { to: [other], from, body: "Bye", send_at: later } });
assert.equal(replaced.id, held.id);
assert.equal((await sms.batches.cancel({ batch_id: held.id })).canceled, true);
await sms.batches.sendDeliveryFeedback({ batch_id: sent.id, deliveryFeedbackRequestBody: { recipients: [phone] } });

const report = await sms.deliveryReports.get({ batch_id: sent.id, type: "full" });
assert.equal(report.total_message_count, 2);
assert.equal((await sms.deliveryReports.getForNumber({ batch_id: sent.id, recipient_msisdn: phone })).status, "Delivered");
const finished = [];
for await (const one of sms.deliveryReports.list({ client_reference: "node.0.1" })) finished.push(one.code);
assert.deepEqual(finished.sort(), [0, 301]);

await control("/simulator/inbound", { from: phone, body: "STOP" });
const inbounds = [];
for await (const one of sms.inbounds.list({ to: [from] })) inbounds.push(one);
assert.equal(inbounds[0].body, "STOP");
assert.equal((await sms.inbounds.get({ inbound_id: inbounds[0].id })).from, "15550001111");
await assert.rejects(sms.batches.send({ sendSMSRequestBody: { to: ["+1"], from, body: "Hi" } }));

// What the simulator called back with, checked by the SDK's own helper.
let input = "";
process.stdout.write(JSON.stringify({ batch_id: sent.id }) + "\n");
for await (const chunk of process.stdin) input += chunk;
const { headers, body } = JSON.parse(input);
const webhooks = new SmsCallbackWebhooks("secret");
assert.ok(webhooks.validateAuthenticationHeader(headers, body));
assert.ok(!new SmsCallbackWebhooks("another").validateAuthenticationHeader(headers, body));
const event = webhooks.parseEvent(JSON.parse(body));
assert.equal(event.batch_id, sent.id);
assert.ok(event.at instanceof Date);
process.stdout.write("done\n");
