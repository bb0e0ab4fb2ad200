package crash

import (
	"errors"
	"fmt"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// errWrong is the error of a broker that says what it must not, whether it is about to be killed or not.
var errWrong = errors.New("the broker is wrong")

// device is a client with a session that outlives its connections.
type device struct {
	tally          *tally
	id             string
	version        packet.Version
	receiveMaximum uint16
	has            bool // a CONNACK has come: the session is promised
}

// connect resumes the session. fresh says that there was none, so that what the client knows of one is void.
func (d *device) connect(addr string) (c *client.Client, fresh bool, err error) {
	hello := packet.Connect{Version: d.version, ClientID: d.id}
	if d.version == packet.V5 {
		hello.Properties = packet.ConnectProperties{SessionExpiry: 1 << 31, HasSessionExpiry: true, ReceiveMaximum: d.receiveMaximum}
	}
	c, ack, err := client.Start(addr, hello)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", d.id, err)
	}
	if d.has && !ack.SessionPresent {
		d.tally.problem(sessionLost, "%s", d.id)
	}
	d.has = true
	return c, !ack.SessionPresent, nil
}
