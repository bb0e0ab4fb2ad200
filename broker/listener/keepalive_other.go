//go:build !linux

package listener

import "net"

// listenConfig has each connection ask for TCP keep alives.
func listenConfig() *net.ListenConfig { return &net.ListenConfig{KeepAliveConfig: keepAlive} }
