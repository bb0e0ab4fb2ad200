package v5

import (
	_ "embed"
	"os"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

//go:embed ids.txt
var ids string

// sections are all statements.
var sections = []suite.Section{
	data, format, connect, connack, publish, puback, pubrec, pubrel, pubcomp, subscribe, suback, unsubscribe, unsuback, ping,
	disconnect, auth, sessions, delivery, ordering, topics, shared, flow, enhanced, failures, webSocket,
}

func TestMain(m *testing.M) { os.Exit(suite.Main(m)) }

func TestRegistry(t *testing.T) { suite.CheckRegistry(t, ids, sections, "../../..") }

func TestStatements(t *testing.T) { suite.Run(t, packet.V5, sections) }
