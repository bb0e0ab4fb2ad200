//go:build !linux

package listener

import (
	"context"
	"net"
)

// listenTCP has each connection ask for TCP keep alives.
func listenTCP(ctx context.Context, address string) (net.Listener, error) {
	return (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(ctx, "tcp", address)
}
