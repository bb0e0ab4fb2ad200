// Package otlp tells an OpenTelemetry collector of messages that their publisher traces: a span for each, sent by HTTP in the
// JSON of OTLP 1.
//
// Nobody waits for it. What is more than its bound, or what the collector does not take, is left out and counted. It knows
// neither MQTT nor why a message is traced, but for the W3C's traceparent. server begins and ends the spans.
package otlp
