package mosquitto

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// defaultPort is where Mosquitto listens if nothing else is said.
const defaultPort = 1883

// listener begins a listener: a port and perhaps an address, or port 0 and the path of a unix socket.
func (c *converter) listener(d directive) {
	fields := strings.Fields(d.value)
	l := &listenerConf{place: d.place}
	c.current = l
	c.out.listeners = append(c.out.listeners, l)
	if len(fields) == 0 || !c.setPort(l, fields[0], d) {
		l.disabled = true
		return
	}
	rest := strings.TrimSpace(strings.TrimPrefix(d.value, fields[0]))
	if l.Port == 0 {
		l.Socket = rest
		if rest == "" {
			c.lost(d.place, "listener 0: it names no unix socket")
			l.disabled = true
		}
		return
	}
	l.Host = rest
}

// setPort reads a port.
func (c *converter) setPort(l *listenerConf, text string, d directive) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		c.lost(d.place, "%s: %q is no port", d.name, clip(text))
		return false
	}
	l.Port = int32(n)
	return true
}

// here is the listener that a directive is about: the default one, if there has been none.
func (c *converter) here(at place) *listenerConf {
	if c.current == nil {
		c.current = &listenerConf{place: at, implicit: true}
		c.out.listeners = append(c.out.listeners, c.current)
	}
	return c.current
}

func (c *converter) defaultPort(d directive) {
	l := c.implicitListener(d)
	c.setPort(l, d.value, d)
}

func (c *converter) bindAddress(d directive) { c.implicitListener(d).Host = d.value }

// implicitListener is the one that port and bind_address are about, wherever they stand.
func (c *converter) implicitListener(d directive) *listenerConf {
	for _, l := range c.out.listeners {
		if l.implicit {
			return l
		}
	}
	l := &listenerConf{place: d.place, implicit: true}
	c.out.listeners = append(c.out.listeners, l)
	if c.current == nil {
		c.current = l
	}
	return l
}

func (c *converter) protocol(d directive) {
	switch d.value {
	case "mqtt":
	case "websockets":
		c.here(d.place).Protocol = config.ProtocolWS
	default:
		c.lost(d.place, "protocol %s: a listener speaks mqtt or websockets", clip(d.value))
		c.here(d.place).disabled = true
	}
}

// origin is what an origin looks like to the broker.
var origin = regexp.MustCompile(`^https?://[^/?#@]+$`)

func (c *converter) maxConnections(d directive) {
	if d.value != "-1" {
		c.int32(d, &c.here(d.place).MaxConnections, 0)
	}
}

func (c *converter) origin(d directive) {
	l := c.here(d.place)
	if !origin.MatchString(d.value) {
		c.lost(d.place, "websockets_origin %s: an origin is such as https://app.example.com", clip(d.value))
		return
	}
	l.Origins = append(l.Origins, d.value)
}

// finish settles what only the whole file says.
func (c *converter) finish(path string) {
	cfg := &c.out.Config
	if len(c.out.listeners) == 0 || c.onlyImplicit() {
		// Mosquitto serves this machine only then, and everybody on it.
		l := c.here(place{path, 1})
		if c.anonymous == nil && l.Port == 0 {
			c.anonymous = new(true)
		}
		if l.Port == 0 {
			l.Port = defaultPort
			if l.Host == "" {
				l.Host = "127.0.0.1"
			}
		}
	}
	cfg.Authentication.AllowAnonymous = c.anonymous != nil && *c.anonymous
	if c.usesIdentity {
		cfg.Authentication.ClientCertificate = &config.ClientCertificate{UsernameFrom: config.CommonName, AnyUser: true}
	}
	c.finishListeners()
	if c.usesIdentity && !c.asksForCertificates() {
		cfg.Authentication.ClientCertificate = nil
		c.lost(c.identity, "use_identity_as_username: no listener asks for certificates")
	}
	cfg.Log.Level = c.level()
	if c.persistence {
		cfg.Store.Dir = c.storeDir
	} else {
		cfg.Store.Sync = config.SyncMemory
	}
}

func (c *converter) onlyImplicit() bool {
	return len(c.out.listeners) == 1 && c.out.listeners[0].implicit
}

func (c *converter) asksForCertificates() bool {
	for i := range c.out.Config.Listeners {
		if tls := c.out.Config.Listeners[i].TLS; tls != nil && tls.ClientAuth.Asks() {
			return true
		}
	}
	return false
}

// finishListeners names the listeners and puts those that there can be into the configuration.
func (c *converter) finishListeners() {
	names := make(map[string]bool)
	kept := c.out.listeners[:0]
	for _, l := range c.out.listeners {
		if l.disabled {
			continue
		}
		if l.implicit && l.Port == 0 {
			l.Port = defaultPort
		}
		c.finishTLS(l)
		if at := c.taken(kept, l); at != nil {
			c.lost(l.place, "its port is that of %s already", at.place)
			continue
		}
		if l.Socket != "" && l.Protocol != config.ProtocolMQTT {
			c.lost(l.place, "listener 0 %s: a unix socket speaks plain MQTT", clip(l.Socket))
			continue
		}
		if len(l.Origins) > 0 && !l.Protocol.WebSocket() {
			l.Origins = nil
		}
		if l.Protocol.WebSocket() {
			c.note(l.place, "WebSocket clients have to use the path %s, where mosquitto takes any", config.DefaultPath)
		}
		l.Name = nameListener(l, names)
		kept = append(kept, l)
		c.out.Config.Listeners = append(c.out.Config.Listeners, l.Listener)
	}
	c.out.listeners = kept
}

// taken is the listener that has l's address; nil: none.
func (c *converter) taken(others []*listenerConf, l *listenerConf) *listenerConf {
	for _, o := range others {
		if o.Port == l.Port && o.Host == l.Host && o.Socket == l.Socket {
			return o
		}
	}
	return nil
}

// nameListener is a name that no other has: the protocol's, with the port where there are several.
func nameListener(l *listenerConf, names map[string]bool) string {
	name := strings.ToLower(string(l.Protocol))
	if l.Socket != "" {
		name = "unix"
	}
	if names[name] {
		name = fmt.Sprintf("%s-%d", name, l.Port)
	}
	for n := 2; names[name]; n++ {
		name = fmt.Sprintf("%s-%d", strings.ToLower(string(l.Protocol)), n)
	}
	names[name] = true
	return name
}

// finishTLS settles what is spoken.
func (c *converter) finishTLS(l *listenerConf) {
	secure := l.certFile != "" && l.keyFile != ""
	if !secure && (l.certFile != "" || l.keyFile != "") {
		c.lost(l.place, "its TLS: it needs both certfile and keyfile")
	}
	switch web := l.Protocol == config.ProtocolWS; {
	case secure && web:
		l.Protocol = config.ProtocolWSS
	case secure:
		l.Protocol = config.ProtocolMQTTS
	case !web:
		l.Protocol = config.ProtocolMQTT
	}
	if !secure {
		return
	}
	l.TLS = &config.ListenerTLS{CertFile: l.certFile, KeyFile: l.keyFile}
	if strings.HasSuffix(l.minVersion, "1.3") {
		l.TLS.MinVersion = config.TLS13
	}
	if !l.require {
		return
	}
	if l.caFile == "" {
		c.lost(l.place, "require_certificate: it needs cafile")
		return
	}
	l.TLS.ClientAuth, l.TLS.ClientCAFile = config.ClientAuthRequire, l.caFile
	if l.crlFile != "" {
		l.TLS.CRLFiles = []string{l.crlFile}
	}
}
