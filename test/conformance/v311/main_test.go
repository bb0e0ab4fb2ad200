package v311

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
	data, format, connect, connack, publish, pubrel, subscribe, suback, unsubscribe, ping, disconnect,
	sessions, delivery, ordering, topics, failures, webSocket, conformance,
}

func TestMain(m *testing.M) { os.Exit(suite.Main(m)) }

func TestRegistry(t *testing.T) { suite.CheckRegistry(t, ids, sections, "../../..") }

func TestStatements(t *testing.T) { suite.Run(t, packet.V311, sections) }
