// node node.js OPTIONS: run the scenarios on Node.js. OPTIONS is JSON; each scenario's result is a line of JSON.
const fs = require('node:fs')
const mqtt = require('mqtt')
require('./scenarios.js')

const options = JSON.parse(process.argv[2])
if (options.caFile) {
  options.ca = fs.readFileSync(options.caFile)
}
options.report = (name, error) => console.log(JSON.stringify({ name, error }))
interop(mqtt, options).then(() => process.exit(0))
