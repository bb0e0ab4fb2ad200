package server_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestLogLinesAreBounded: a line says who a client of the longest identifier is by the beginning of that, whole characters only.
func TestLogLinesAreBounded(t *testing.T) {
	log := new(lines)
	b := startWith(t, open(t), server.Deps{Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, func(*server.Server) {})
	hello := packet.Connect{ClientID: "a" + strings.Repeat("é", 32767), CleanStart: true} // byte 512 is in the middle of one
	first := mqtttest.Start(t, b.addr(), hello)
	mqtttest.Start(t, b.addr(), hello)
	first.ExpectDisconnect(packet.SessionTakenOver)
	short := `"client_id":"a` + strings.Repeat("é", 255) + `..."`
	eventually(t, "both connections and the end of one are told", func() bool { return log.count(short) == 3 })
	if log.count("éééé"+`"`) > 0 {
		t.Error("it is named whole")
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	for line := range strings.Lines(log.buf.String()) {
		if len(line) > 2048 {
			t.Errorf("a line has %d bytes: %.200s", len(line), line)
		}
	}
}
