package adminapi

import (
	"context"
	"crypto/tls"
)

// Target is a broker that can be reached.
type Target struct {
	// Name is how messages call it: "Broker default/edge".
	Name string
	// Logs says where its log is, for messages.
	Logs string
	// Connect reaches it. Whoever calls it closes the Client.
	Connect func(ctx context.Context) (*Client, error)
}

// ToAddress is a broker whose admin API is at address (host:port).
func ToAddress(name, logs, address string, secured *tls.Config) Target {
	return Target{Name: name, Logs: logs, Connect: func(context.Context) (*Client, error) {
		return NewClient(address, secured, nil, nil), nil
	}}
}
