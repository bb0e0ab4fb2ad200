package limit

import (
	"net"
	"net/netip"
)

// subnetBits is what of an IPv6 address tells one customer from another: each has all of a /64 to choose from.
const subnetBits = 64

// Network is what counts as one address: an IPv4 address, or an IPv6 /64. The zero Prefix: addr is neither, as that of
// a unix socket.
func Network(addr net.Addr) netip.Prefix {
	ip, ok := addr.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return netip.Prefix{}
	}
	from := ip.AddrPort().Addr().Unmap()
	if !from.IsValid() {
		return netip.Prefix{}
	}
	bits := subnetBits
	if from.Is4() {
		bits = from.BitLen()
	}
	network, err := from.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
