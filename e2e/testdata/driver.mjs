// The official Snowflake driver for Node.js against the local warehouse: login, all types, binds, many rows, transactions, errors.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import assert from "node:assert";

const [settings, modules] = process.argv.slice(2);
const snowflake = createRequire(modules + "/")("snowflake-sdk");
snowflake.configure({ logLevel: "ERROR" });
const s = JSON.parse(readFileSync(settings));
const connection = snowflake.createConnection({
  account: s.account, username: s.user, password: s.password, accessUrl: s.snowflake,
  database: s.database, schema: s.schema, warehouse: s.warehouse, role: s.role,
});
await new Promise((done, failed) => connection.connect((e) => (e ? failed(e) : done())));
const run = (sqlText, binds) =>
  new Promise((done, failed) => connection.execute({ sqlText, binds, complete: (e, _, rows) => (e ? failed(e) : done(rows)) }));
const fails = (sqlText, code) => assert.rejects(run(sqlText), (e) => e.code === code || assert.fail(`${sqlText}: ${e.code} ${e.message}`));

await run(`create or replace table kinds (n number(38,0), d number(10,2), f float, s varchar, b boolean, bin binary, day date, at time(9),
  ntz timestamp_ntz(9), ltz timestamp_ltz(9), v variant)`);
await run("insert into kinds select ?, ?, ?, ?, ?, to_binary(?), ?, ?, ?, ?, parse_json(?)",
  [7, 1.25, 2.5, "ä'\n", true, "00FF", "2024-02-29", "01:02:03", "1969-12-31 23:59:59.5", "2024-01-02 03:04:05.678", '{"a": [1, 2.5, null]}']);
await run("insert into kinds (n, s) values (?, ?)", [[8, "second"], [9, null]]);
const rows = await run("select * from kinds order by n");
assert.equal(rows.length, 3);
const first = rows[0];
assert.deepEqual([first.N, first.D, first.F, first.S, first.B], [7, 1.25, 2.5, "ä'\n", true]);
assert.equal(Buffer.from(first.BIN).toString("hex"), "00ff");
assert.equal(first.DAY.toISOString(), "2024-02-29T00:00:00.000Z");
assert.equal(first.AT, "01:02:03");
assert.equal(first.NTZ.toISOString(), "1969-12-31T23:59:59.500Z");
assert.equal(first.LTZ.toISOString(), "2024-01-02T03:04:05.678Z");
assert.deepEqual(first.V, { a: [1, 2.5, null] });
assert.deepEqual([rows[1].S, rows[2].S, rows[2].NTZ, rows[2].V], ["second", null, null, null]);

let streamed = 0;
await new Promise((done, failed) =>
  connection.execute({
    sqlText: "select seq4() as n from table(generator(rowcount => 100000))", streamResult: true,
    complete: (e, statement) => (e ? failed(e) : statement.streamRows().on("data", () => streamed++).on("end", done).on("error", failed)),
  }));
assert.equal(streamed, 100000);

await run("begin");
await run("delete from kinds");
await run("rollback");
assert.deepEqual(await run("select count(*) as n from kinds"), [{ N: 3 }]);
assert.deepEqual(await run("update kinds set s = ? where n = ?", ["changed", 9]), [{ "number of rows updated": 1, "number of multi-joined rows updated": 0 }]);
await fails("select * from no_such_table", "002003");
await fails("select 1 / 0", "100051");
await run("drop table kinds");
await new Promise((done) => connection.destroy(done));
console.log("driver ok");
