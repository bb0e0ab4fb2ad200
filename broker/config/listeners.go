package config

import (
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// maxSocketPath is the longest path of a unix socket, in bytes: sun_path less its closing zero.
const maxSocketPath = 107

func (f *faults) listeners(listeners []Listener) {
	for i, l := range listeners {
		path := index("listeners", i)
		f.protocol(l, path)
		if l.Socket != "" {
			f.socket(l, path)
		} else {
			f.address(l, path)
		}
		f.clientAuth(l.TLS, path+".tls")
		f.proxies(l.ProxyProtocol, path+".proxyProtocol.trusted")
		for j, other := range listeners[:i] {
			if l.Name == other.Name && l.Name != "" {
				f.add(path+".name", "%q is the name of listeners[%d] too", l.Name, j)
			}
			if l.Port == other.Port && l.Port != 0 && (l.Host == other.Host || anyHost(l.Host) || anyHost(other.Host)) {
				f.add(path+".port", "%d is the port of listeners[%d] (%s) too", l.Port, j, other.Name)
			}
			if l.Socket != "" && filepath.Clean(l.Socket) == filepath.Clean(other.Socket) {
				f.add(path+".socket", "%q is the socket of listeners[%d] (%s) too", l.Socket, j, other.Name)
			}
		}
	}
}

// protocol holds l to what its protocol needs and has no use for.
func (f *faults) protocol(l Listener, path string) {
	if l.Protocol.Secure() && l.TLS == nil {
		also := ""
		if l.Protocol == ProtocolMQTTS {
			also = " (which is the default)"
		}
		f.add(path+".tls", "must be set for protocol %s%s", l.Protocol, also)
	}
	if !l.Protocol.Secure() && l.TLS != nil {
		f.add(path+".tls", "must not be set for protocol %s", l.Protocol)
	}
	if l.Protocol.WebSocket() {
		return
	}
	if l.Path != "" {
		f.add(path+".path", "must not be set for protocol %s: only WS and WSS have a path", l.Protocol)
	}
	if len(l.Origins) > 0 {
		f.add(path+".origins", "must not be set for protocol %s: only WS and WSS have origins", l.Protocol)
	}
}

// address checks where a listener without a socket accepts.
func (f *faults) address(l Listener, path string) {
	if l.Port == 0 {
		f.add(path+".port", "must be set, from 1 to 65535")
	}
	if l.SocketMode != "" {
		f.add(path+".socketMode", "must not be set without socket")
	}
	if _, err := netip.ParseAddr(l.Host); err != nil && strings.ContainsAny(l.Host, ":/[] ") {
		f.add(path+".host", "%.60q must be an address or a host name, without a port", l.Host)
	}
}

// socket checks a listener on a unix socket.
func (f *faults) socket(l Listener, path string) {
	if l.Protocol != ProtocolMQTT {
		f.add(path+".protocol", "must be MQTT on a unix socket, which nobody can listen in on")
	}
	for _, other := range []struct {
		name string
		set  bool
	}{{"port", l.Port != 0}, {"host", l.Host != ""}, {"proxyProtocol", l.ProxyProtocol != nil}} {
		if other.set {
			f.add(path+"."+other.name, "must not be set together with socket")
		}
	}
	switch {
	case !filepath.IsAbs(l.Socket) || strings.ContainsRune(l.Socket, 0):
		f.add(path+".socket", "%.60q must be an absolute path", l.Socket)
	case len(l.Socket) > maxSocketPath:
		f.add(path+".socket", "has %d bytes, the path of a unix socket has at most %d", len(l.Socket), maxSocketPath)
	}
}

func (f *faults) proxies(p *ProxyProtocol, path string) {
	if p == nil {
		return
	}
	for i, text := range p.Trusted {
		if _, err := parseNetwork(text); err != nil && !f.at(index(path, i)) {
			f.add(index(path, i), "%v", err)
		}
	}
}

// clientAuth holds a listener to what is needed to ask clients for certificates.
func (f *faults) clientAuth(t *ListenerTLS, path string) {
	switch {
	case t == nil:
	case t.ClientAuth.Asks() && t.ClientCAFile == "":
		f.add(path+".clientCAFile", "must be set for clientAuth %s", t.ClientAuth)
	case t.ClientAuth.Asks():
	case t.ClientCAFile != "":
		f.add(path+".clientCAFile", "must not be set without clientAuth Request or Require")
	case len(t.CRLFiles) > 0:
		f.add(path+".crlFiles", "must not be set without clientAuth Request or Require")
	}
}

// certificates wants a listener that asks for what is to name users.
func (f *faults) certificates(c *ClientCertificate, listeners []Listener) {
	asks := func(l Listener) bool { return l.TLS != nil && l.TLS.ClientAuth.Asks() }
	if c != nil && !slices.ContainsFunc(listeners, asks) {
		f.add("authentication.clientCertificate", "needs a listener whose tls.clientAuth is Request or Require")
	}
}

// anyHost reports whether a listener on host takes its port on all addresses.
func anyHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}
