package interop

import (
	"context"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/eclipse/paho.golang/paho"
)

// TestRequestResponse: mosquitto_rr asks, paho.golang answers, by Response Topic and Correlation Data.
func TestRequestResponse(t *testing.T) {
	t.Parallel()
	b := serve(t, open(t))
	nc, err := net.Dial("tcp", "127.0.0.1:"+b.port(0))
	if err != nil {
		t.Fatal(err)
	}
	server, _ := dialPaho5(t, nc, hello{})
	defer server.end()
	server.client.AddOnPublishReceived(func(p paho.PublishReceived) (bool, error) {
		go func() { // an acknowledgement is read by who calls this
			_, _ = p.Client.Publish(context.Background(), &paho.Publish{
				Topic: p.Packet.Properties.ResponseTopic, QoS: p.Packet.QoS, Payload: []byte(strings.ToUpper(string(p.Packet.Payload))),
				Properties: &paho.PublishProperties{CorrelationData: p.Packet.Properties.CorrelationData},
			})
		}()
		return true, nil
	})
	server.subscribe(t, "request/+", 2)
	for _, qos := range []string{"0", "1", "2"} {
		out, err := exec.Command("mosquitto_rr", "-h", "127.0.0.1", "-p", b.port(0), "-V", "mqttv5", "-q", qos, "-W", "10",
			"-t", "request/"+qos, "-e", "response/"+qos, "-m", "ping", "-D", "publish", "correlation-data", "7").CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "PING" {
			t.Errorf("mosquitto_rr at QoS %s: %v, %q", qos, err, out)
		}
	}
}
