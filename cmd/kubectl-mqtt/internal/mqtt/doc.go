// Package mqtt is a small MQTT 5 client over broker/packet: it connects, publishes at every QoS within the broker's Receive
// Maximum, subscribes, acknowledges what it has handed on, and keeps the connection alive.
//
// It speaks over TCP, TLS and WebSocket. It never reconnects and keeps nothing beyond a connection: its callers, the commands
// pub, sub and bench, want to see what happens. The command console uses the way to the broker alone. A refusal is an error with the reason code's name and what the broker says.
package mqtt
