package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// spans is a collector: what it has been told, a line a span.
type spans struct {
	mu    sync.Mutex
	lines []string
}

func (s *spans) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var request struct {
		ResourceSpans []struct {
			ScopeSpans []struct {
				Spans []struct {
					TraceID, Name string
					Begin         uint64 `json:"startTimeUnixNano,string"`
					End           uint64 `json:"endTimeUnixNano,string"`
					Status        struct{ Message string }
					Attributes    []struct {
						Key   string
						Value map[string]any
					}
				}
			}
		}
	}
	err := json.NewDecoder(r.Body).Decode(&request)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.lines = append(s.lines, err.Error())
		return
	}
	for _, span := range request.ResourceSpans[0].ScopeSpans[0].Spans {
		line := fmt.Sprintf("%s %s %s", span.TraceID[30:], span.Name, span.Status.Message)
		for _, a := range span.Attributes {
			if strings.HasPrefix(a.Key, "mqtt.") || a.Key == "messaging.client.id" {
				for _, v := range a.Value {
					line += fmt.Sprint(" ", v)
				}
			}
		}
		if span.End < span.Begin || span.Begin == 0 {
			line += fmt.Sprintf(": it ended at %d and began at %d", span.End, span.Begin)
		}
		s.lines = append(s.lines, line)
	}
}

// TestSpans: a PUBLISH with a traceparent is a span, whatever becomes of it and however long its acknowledgement
// waits; one without, or one that is not sampled, is none. The property is passed on as it is. [MQTT-3.3.2-17]
func TestSpans(t *testing.T) {
	for name, cfg := range map[string]config.Config{"in memory": open(t), "durable": durable(t)} {
		t.Run(name, func(t *testing.T) {
			collector := &spans{}
			web := httptest.NewServer(collector)
			defer web.Close()
			cfg.Tracing.Endpoint = web.URL + "/v1/traces"
			cfg.MQTT.ValidatePayloadFormat = true
			cfg.AuthFiles.ACLFile = write(t, t.TempDir(), "acls.yaml",
				`acls: [{name: a, subjects: [{kind: Everyone}], rules: [{effect: Deny, actions: [Publish], topics: [denied]}]}]`)
			b := start(t, cfg)
			away(t, b, "sub", packet.V5, filter("a", 2))
			sub, _ := resume(t, b, "sub", packet.V5)
			pub := b.connect("pub", true, packet.V5)
			publish := func(trace int, topic string, qos byte, flags string, others ...packet.UserProperty) packet.ReasonCode {
				p := text(topic, "x", qos)
				parent := packet.UserProperty{Name: "traceparent", Value: fmt.Sprintf("00-%032x-00000000000000ff-%s", trace, flags)}
				p.Forward = packet.AppendForward(nil, &packet.PublishProperties{User: append(others, parent)})
				reason := pub.Publish(p)
				if topic == "a" {
					got := sub.Take(topic, "x")
					if diff := cmp.Diff(p.Forward, got.Forward); diff != "" {
						t.Error(diff)
					}
				}
				return reason
			}
			for qos := range byte(3) {
				publish(1+int(qos), "a", qos, "01", packet.UserProperty{Name: "other", Value: "x"})
				publish(4+int(qos), "denied", qos, "01")
				publish(7+int(qos), "nobody", qos, "03")
				publish(99, "a", qos, "00")
				pub.Publish(text("a", "untraced", qos))
				sub.Take("a", "untraced")
			}
			wrong := text("a", "\xff", 1)
			wrong.Forward = packet.AppendForward(nil, &packet.PublishProperties{PayloadFormat: new(byte(1)), User: []packet.UserProperty{
				{Name: "traceparent", Value: "00-0000000000000000000000000000000a-00000000000000ff-01"},
			}})
			pub.Publish(wrong)
			b.stop()
			slices.Sort(collector.lines)
			want := []string{
				"01 publish a  pub 0 false 1", "02 publish a  pub 1 false 1", "03 publish a  pub 2 false 1",
				"04 publish denied Not authorized pub 0 false 0", "05 publish denied Not authorized pub 1 false 0", "06 publish denied Not authorized pub 2 false 0",
				"07 publish nobody  pub 0 false 0", "08 publish nobody  pub 1 false 0", "09 publish nobody  pub 2 false 0",
				"0a publish a Payload format invalid pub 1 false 1",
			}
			if diff := cmp.Diff(want, collector.lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}
