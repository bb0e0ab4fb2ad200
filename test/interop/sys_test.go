package interop

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// TestSysTopics: what people watch a Mosquitto by, mosquitto_sub shows of this broker.
func TestSysTopics(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.MQTT.SysTopics.IntervalSeconds = 1
	c.AuthFiles.ACLFile = filepath.Join(t.TempDir(), "acls.json")
	everyone := acl("", []config.Action{config.ActionSubscribe}, "$SYS/#")
	everyone.Subjects = []config.Subject{{Kind: config.SubjectEveryone}}
	writeJSON(t, c.AuthFiles.ACLFile, config.ACLSet{ACLs: []config.ACL{everyone}})
	b := serve(t, c)
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			s := b.subscribe(t, "-V", version, "-t", "$SYS/#")
			s.line(">> $SYS/broker/version 0 1 dunlin version ")
			s.line(">> $SYS/broker/clients/connected 0 1 1")
			if line := s.line(">> $SYS/broker/uptime 0 1 "); !strings.HasSuffix(line, " seconds") {
				t.Errorf("mosquitto_sub printed %q", line)
			}
			s.line(">> $SYS/broker/retained messages/count 0 1 0")
			s.line(">> $SYS/broker/load/connections/15min 0 1 ")
			before := s.line(">> $SYS/broker/publish/messages/received 0 1 ")
			b.publish(t, "-t", "x", "-m", "x")
			s.line(">> $SYS/broker/uptime 0 0 ")
			if after := s.line(">> $SYS/broker/publish/messages/received 0 0 "); len(after) == 0 || after == before {
				t.Errorf("mosquitto_sub printed %q", after)
			}
			s.line(">> $SYS/broker/load/publish/received/1min 0 0 ")
		})
	}
	if out, err := b.tryPublish("-V", "mqttv5", "-q", "1", "-t", "$SYS/mine", "-m", "x"); !strings.Contains(out, "Not authorized") {
		t.Errorf("mosquitto_pub to $SYS: %v, %q", err, out)
	}
}
