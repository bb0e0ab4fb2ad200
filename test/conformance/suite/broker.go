package suite

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

var (
	addr     = flag.String("addr", "", "host:port of a running broker to test, that lets anonymous clients do everything; default: one is started")
	limited  = flag.String("limited", "", "with -addr: host:port of the same broker without QoS 2 and without retained messages")
	scramAt  = flag.String("scram", "", "with -addr: host:port of the same broker with a user conformance of that password, for SCRAM-SHA-256")
	denied   = flag.Bool("denied", false, "with -addr: nobody may publish or subscribe to denied/#")
	ws       = flag.String("ws", "", "with -addr: host:port of its WebSocket listener, path /mqtt")
	brokerIs = flag.String("broker", "dunlin", "without -addr: the broker to start, dunlin or mosquitto")
	program  = flag.String("program", "", "without -addr: its program; default: dunlin-broker built from here, or the mosquitto that is installed")
	report   = flag.String("report", "", "file to write the results to, as JSON")
)

// Broker is the broker under test.
type Broker struct {
	Addr      string // host:port
	Limited   string // of one without QoS 2 and retained messages; "": none
	ScramAddr string // of one that has ScramUser; "": none
	WebSocket string // of its WebSocket listener; "": none
	Denied    bool   // nobody may use topics below denied/

	probe   packet.Connack
	scram   bool // it authenticates by SCRAM
	bounded bool // the store of the limited one takes storeBytes at most
	stop    []func()
}

// findBroker is the broker that the flags ask for, started if it must be. Files go to dir.
func findBroker(dir string) (*Broker, error) {
	b := &Broker{Addr: *addr, Limited: *limited, ScramAddr: *scramAt, WebSocket: *ws, Denied: *denied}
	if *addr != "" {
		return b, b.look()
	}
	start := startDunlin
	var err error
	if b.WebSocket, err = freeAddr(); err != nil {
		return nil, err
	}
	switch *brokerIs {
	case "dunlin":
		if err := built(dir); err != nil {
			return nil, err
		}
	case "mosquitto":
		start = startMosquitto
	default:
		return nil, fmt.Errorf("-broker %s: not dunlin or mosquitto", *brokerIs)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, limits := range []bool{false, true} {
		sub := filepath.Join(dir, fmt.Sprint("limited-", limits))
		if err := os.Mkdir(sub, 0o700); err != nil {
			return b, err
		}
		d, err := start(sub, b.WebSocket, limits)
		if err != nil {
			return b, err
		}
		b.stop = append(b.stop, d.Close)
		if err := d.Run(ctx); err != nil {
			return b, err
		}
		if limits {
			b.Limited = d.Addr
		} else {
			b.Addr = d.Addr
		}
	}
	if b.Denied, b.bounded = true, *brokerIs == "dunlin"; b.bounded {
		b.ScramAddr = b.Limited
	}
	return b, b.look()
}

// close stops what was started.
func (b *Broker) close() {
	for _, stop := range b.stop {
		stop()
	}
}

// built has the program of dunlin-broker built, unless -program names one.
func built(dir string) (err error) {
	if *program == "" {
		*program, err = daemon.Build(dir, false)
	}
	return err
}

// storeBytes bounds the store of the limited Dunlin.
const storeBytes = 32 << 20

// startDunlin makes a Dunlin with a durable store and a WebSocket listener; limits takes that, QoS 2, retained messages
// and wildcards from it, and gives it ScramUser.
func startDunlin(dir, webSocket string, limits bool) (*daemon.Broker, error) {
	both := []config.Action{config.ActionPublish, config.ActionSubscribe}
	everyone := []config.Subject{{Kind: config.SubjectEveryone}}
	acls := config.ACLSet{ACLs: []config.ACL{{Name: "conformance", ACLRules: config.ACLRules{Subjects: everyone, Rules: []config.Rule{
		{Effect: config.Allow, Actions: both, Topics: []string{"$conformance/#"}},
		{Effect: config.Deny, Actions: both, Topics: []string{"denied/#"}},
	}}}}}
	data, err := json.Marshal(acls)
	if err != nil {
		return nil, err
	}
	c := config.Config{AuthFiles: config.AuthFiles{ACLFile: filepath.Join(dir, "acls.json")}}
	c.Store.Dir = filepath.Join(dir, "store")
	if limits {
		one, no := int32(1), false
		c.Store.MaxBytes = storeBytes
		c.MQTT.MaxQoS, c.MQTT.RetainAvailable, c.MQTT.WildcardSubscriptionAvailable = &one, &no, &no
		if c.AuthFiles.PasswordFile, err = scramFile(dir); err != nil {
			return nil, err
		}
	}
	if !limits {
		at, err := netip.ParseAddrPort(webSocket)
		if err != nil {
			return nil, err
		}
		c.Listeners = []config.Listener{{
			ListenerSettings: config.ListenerSettings{Name: "ws", Protocol: config.ProtocolWS, Port: int32(at.Port())}, Host: at.Addr().String(),
		}}
	}
	if err := os.WriteFile(c.AuthFiles.ACLFile, data, 0o600); err != nil {
		return nil, err
	}
	return daemon.Dunlin(*program, dir, "", c)
}

// freeAddr is a port of this machine that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// startMosquitto makes a Mosquitto, with a WebSocket listener; limits takes that, QoS 2 and retained messages from it.
func startMosquitto(dir, webSocket string, limits bool) (*daemon.Broker, error) {
	if *program == "" {
		path, err := exec.LookPath("mosquitto")
		if err != nil {
			return nil, errors.Join(errors.New("install Debian's package mosquitto"), err)
		}
		*program = path
	}
	file := filepath.Join(dir, "acls")
	if err := os.WriteFile(file, []byte("pattern readwrite #\npattern readwrite $conformance/#\ntopic deny denied/#\n"), 0o600); err != nil {
		return nil, err
	}
	settings := []string{"acl_file " + file}
	if limits {
		settings = append(settings, "max_qos 1", "retain_available false")
	} else {
		host, port, _ := strings.Cut(webSocket, ":")
		settings = append(settings, "listener "+port+" "+host, "protocol websockets")
	}
	return daemon.Mosquitto(*program, dir, settings...)
}
