package mosquitto

import (
	"math"
	"strconv"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// directives are what each does; nil: it makes no difference here.
var directives = map[string]func(*converter, directive){
	// Who may connect, and do what.
	"allow_anonymous":                func(c *converter, d directive) { c.setAnonymous(d) },
	"password_file":                  func(c *converter, d directive) { c.setFile(&c.passwordFile, d) },
	"acl_file":                       func(c *converter, d directive) { c.setFile(&c.aclFile, d) },
	"per_listener_settings":          (*converter).perListener,
	"plugin":                         (*converter).plugin,
	"global_plugin":                  (*converter).plugin,
	"auth_plugin":                    (*converter).plugin,
	"auth_plugin_deny_special_chars": nil,
	"psk_file":                       unlike("there are no pre-shared keys: use certificates or passwords"),
	"clientid_prefixes":              unlike("write an ACL for the client identifiers, or have Users"),
	"allow_zero_length_clientid":     whenFalse("clients without a client identifier are given one, as MQTT 5 has it"),
	"auto_id_prefix":                 unlike("client identifiers that the broker chooses begin with auto-"),
	"check_retain_source":            nil,

	// Bounds.
	"max_inflight_messages":        func(c *converter, d directive) { setInflight(c, d) },
	"max_queued_messages":          func(c *converter, d directive) { c.int32(d, &c.out.Config.MQTT.MaxQueuedMessages, math.MaxInt32) },
	"max_queued_bytes":             func(c *converter, d directive) { c.int64(d, &c.out.Config.MQTT.MaxQueuedBytes) },
	"max_packet_size":              func(c *converter, d directive) { setPacketSize(c, d, 0) },
	"message_size_limit":           func(c *converter, d directive) { setPacketSize(c, d, 1024) },
	"max_keepalive":                func(c *converter, d directive) { setKeepAlive(c, d) },
	"max_qos":                      setMaxQoS,
	"max_topic_alias":              setTopicAlias,
	"retain_available":             func(c *converter, d directive) { c.out.Config.MQTT.RetainAvailable = c.bool(d) },
	"persistent_client_expiration": setExpiry,
	"max_inflight_bytes":           unlike("what is in flight is bounded in messages only"),
	"memory_limit":                 unlike("set the pod's memory limit; mqtt.maxQueuedBytesTotal bounds what waits"),
	"queue_qos0_messages":          whenTrue("messages of QoS 0 are not kept for clients that are away"),
	"upgrade_outgoing_qos":         whenTrue("a message is not sent at a higher QoS than it was published with"),
	"retain_expiry_interval":       unlike("retained messages expire by their own Message Expiry Interval"),
	"max_connections":              (*converter).maxConnections,
	"sys_interval":                 setSysInterval,

	// Listeners.
	"port":                     (*converter).defaultPort,
	"bind_address":             (*converter).bindAddress,
	"protocol":                 (*converter).protocol,
	"certfile":                 func(c *converter, d directive) { c.here(d.place).certFile = d.value },
	"keyfile":                  func(c *converter, d directive) { c.here(d.place).keyFile = d.value },
	"cafile":                   func(c *converter, d directive) { c.here(d.place).caFile = d.value },
	"crlfile":                  func(c *converter, d directive) { c.here(d.place).crlFile = d.value },
	"capath":                   unlike("put the CAs into one file, and name it by cafile"),
	"require_certificate":      func(c *converter, d directive) { c.here(d.place).require = *c.bool(d) },
	"use_identity_as_username": func(c *converter, d directive) { c.usesIdentity = *c.bool(d) || c.usesIdentity; c.identity = d.place },
	"use_subject_as_username":  whenTrue("certificates can name users by their Common Name, DNS name or URI"),
	"use_username_as_clientid": whenTrue("client identifiers are the clients' own; ACLs can name users instead"),
	"tls_version":              func(c *converter, d directive) { c.here(d.place).minVersion = d.value },
	"ciphers":                  unlike("the cipher suites are Go's secure ones"),
	"ciphers_tls1.3":           unlike("the cipher suites are Go's secure ones"),
	"dhparamfile":              nil,
	"tls_engine":               unlike("keys are files"),
	"tls_engine_kpass_sha1":    unlike("keys are files"),
	"tls_keyform":              unlike("keys are files, in PEM"),
	"psk_hint":                 unlike("there are no pre-shared keys"),
	"mount_point":              unlike("topics are the same for all listeners"),
	"bind_interface":           unlike("bind an address instead"),
	"socket_domain":            unlike("the address decides between IPv4 and IPv6"),
	"http_dir":                 unlike("files are served by a web server"),
	"websockets_headers_size":  nil,
	"websockets_log_level":     nil,
	"websockets_origin":        (*converter).origin,
	"accept_protocol_versions": unlike("MQTT 3.1, 3.1.1 and 5.0 are all spoken"),

	// The store.
	"persistence":          func(c *converter, d directive) { c.persistence = *c.bool(d) },
	"persistence_location": func(c *converter, d directive) { c.storeDir = d.value },
	"persistence_file":     nil,
	"autosave_interval":    nil, // each acknowledged message is on the disk
	"autosave_on_changes":  nil,

	// The log.
	"log_type":                 func(c *converter, d directive) { c.levels = append(c.levels, d.value) },
	"log_dest":                 (*converter).logDest,
	"log_timestamp":            nil,
	"log_timestamp_format":     nil,
	"log_facility":             nil,
	"connection_messages":      nil,
	"set_tcp_nodelay":          nil,
	"allow_duplicate_messages": nil,
	"pid_file":                 nil,
	"user":                     nil,
}

// unlike is a directive that nothing corresponds to.
func unlike(why string) func(*converter, directive) {
	return func(c *converter, d directive) { c.lost(d.place, "%s: %s", d.name, why) }
}

func whenTrue(why string) func(*converter, directive)  { return when(true, why) }
func whenFalse(why string) func(*converter, directive) { return when(false, why) }

// when is unlike for one of the values that a directive may have.
func when(value bool, why string) func(*converter, directive) {
	return func(c *converter, d directive) {
		if *c.bool(d) == value {
			unlike(why)(c, d)
		}
	}
}

// bool reads a value; what is neither is lost, and false.
func (c *converter) bool(d directive) *bool {
	switch d.value {
	case "true", "1":
		return new(true)
	case "false", "0":
	default:
		c.lost(d.place, "%s: %q is neither true nor false", d.name, clip(d.value))
	}
	return new(false)
}

// number reads a value from 0 on; what is none is lost.
func (c *converter) number(d directive) (int64, bool) {
	n, err := strconv.ParseInt(d.value, 10, 64)
	if err != nil || n < 0 {
		c.lost(d.place, "%s: %q is no number from 0 on", d.name, clip(d.value))
		return 0, false
	}
	return n, true
}

// int32 sets a field, to unbounded if the value is Mosquitto's 0 for "any".
func (c *converter) int32(d directive, field *int32, unbounded int32) {
	n, ok := c.number(d)
	switch {
	case !ok:
	case n == 0:
		*field = unbounded
	default:
		*field = int32(min(n, math.MaxInt32))
	}
}

// int64 is int32 for bytes. 0 is the most that there may be.
func (c *converter) int64(d directive, field *int64) {
	if n, ok := c.number(d); ok && n == 0 {
		*field = math.MaxInt64
	} else if ok {
		*field = max(n, 1024)
	}
}

func setInflight(c *converter, d directive) {
	var n int32
	c.int32(d, &n, math.MaxUint16)
	if n > 0 {
		n = min(n, math.MaxUint16)
		c.out.Config.MQTT.MaxInflight, c.out.Config.MQTT.ReceiveMaximum = n, n
	}
}

// setPacketSize takes the smaller of two directives; more is what a packet has beside its payload.
func setPacketSize(c *converter, d directive, more int64) {
	n, ok := c.number(d)
	if !ok || n == 0 {
		return
	}
	if more > 0 {
		c.note(d.place, "%s bounds the payload: mqtt.maxPacketSizeBytes, which bounds the packet, is %d bytes more", d.name, more)
	}
	size := int32(min(max(n+more, 1024), maxPacketSize))
	if have := c.out.Config.MQTT.MaxPacketSizeBytes; have == 0 || size < have {
		c.out.Config.MQTT.MaxPacketSizeBytes = size
	}
}

// maxPacketSize is the largest that MQTT has. MQTT 5 §2.1.4.
const maxPacketSize = 268435460

// forAll notes that a listener's own setting is that of all.
func (c *converter) forAll(d directive) {
	if c.current != nil && !c.current.implicit {
		c.note(d.place, "%s: it is the same for all listeners", d.name)
	}
}

func setKeepAlive(c *converter, d directive) {
	c.int32(d, &c.out.Config.MQTT.KeepAliveMaxSeconds, 0)
	c.out.Config.MQTT.KeepAliveMaxSeconds = min(c.out.Config.MQTT.KeepAliveMaxSeconds, math.MaxUint16)
}

func setMaxQoS(c *converter, d directive) {
	if n, ok := c.number(d); ok {
		c.forAll(d)
		c.out.Config.MQTT.MaxQoS = new(int32(min(n, 2)))
	}
}

func setTopicAlias(c *converter, d directive) {
	if n, ok := c.number(d); ok {
		c.forAll(d)
		c.out.Config.MQTT.TopicAliasMaximum = new(int32(min(n, math.MaxUint16)))
	}
}

func setSysInterval(c *converter, d directive) {
	n, ok := c.number(d)
	switch {
	case !ok:
	case n == 0:
		c.out.Config.MQTT.SysTopics.Enabled = new(false)
	default:
		c.out.Config.MQTT.SysTopics.IntervalSeconds = int32(min(n, 3600))
	}
}

// units are those of persistent_client_expiration, in seconds.
var units = map[byte]int64{'h': 3600, 'd': 86400, 'w': 7 * 86400, 'm': 30 * 86400, 'y': 365 * 86400}

func setExpiry(c *converter, d directive) {
	last := len(d.value) - 1
	if last < 1 || units[d.value[last]] == 0 {
		c.lost(d.place, "%s: %q is no number of h, d, w, m or y", d.name, clip(d.value))
		return
	}
	n, err := strconv.ParseInt(d.value[:last], 10, 32)
	if err != nil || n < 1 {
		c.lost(d.place, "%s: %q is no number of h, d, w, m or y", d.name, clip(d.value))
		return
	}
	c.out.Config.MQTT.SessionExpiryMaxSeconds = min(n*units[d.value[last]], math.MaxUint32)
}

func (c *converter) setAnonymous(d directive) {
	allowed := *c.bool(d)
	if c.anonymous != nil && *c.anonymous != allowed {
		c.lost(d.place, "allow_anonymous %s: it is one setting for all listeners, and false", d.value)
		allowed = false
	}
	c.anonymous = &allowed
}

// setFile keeps the first of the files that listeners of their own may have.
func (c *converter) setFile(have *directive, d directive) {
	switch {
	case have.value == "":
		*have = d
	case have.value != d.value:
		c.lost(d.place, "%s %s: it is one for all listeners, and that of %s", d.name, clip(d.value), have.place)
	}
}

func (c *converter) perListener(d directive) {
	if *c.bool(d) {
		c.note(d.place, "per_listener_settings: users, rules and allow_anonymous are the same for all listeners")
	}
}

func (c *converter) plugin(d directive) {
	c.lost(d.place, "%s %s: there are no plugins; its plugin_opt_ settings are left out too", d.name, clip(d.value))
}

func (c *converter) logDest(d directive) {
	switch kind, _, _ := strings.Cut(d.value, " "); kind {
	case "stderr", "stdout", "none", "":
	default:
		c.note(d.place, "log_dest %s: the log is on standard error", clip(d.value))
	}
}

// level is the least severe of the log types.
func (c *converter) level() config.LogLevel {
	if len(c.levels) == 0 {
		return ""
	}
	least := config.LogError
	for _, l := range c.levels {
		switch l {
		case "all", "debug", "subscribe", "unsubscribe", "websockets", "internal":
			return config.LogDebug
		case "information", "notice":
			least = config.LogInfo
		case "warning":
			if least == config.LogError {
				least = config.LogWarn
			}
		}
	}
	return least
}
