package otlp

import (
	"encoding/hex"
	"strconv"
)

// The messages of OTLP, as far as they are sent. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
type (
	exportRequest struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []attribute `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope      `json:"scope"`
		Spans []wireSpan `json:"spans"`
	}
	scope struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	wireSpan struct {
		TraceID      string      `json:"traceId"`
		SpanID       string      `json:"spanId"`
		ParentSpanID string      `json:"parentSpanId"`
		Name         string      `json:"name"`
		Kind         int         `json:"kind"`
		Begin        string      `json:"startTimeUnixNano"`
		End          string      `json:"endTimeUnixNano"`
		Attributes   []attribute `json:"attributes"`
		Status       *status     `json:"status,omitempty"`
	}
	status struct {
		Message string `json:"message"`
		Code    int    `json:"code"`
	}
	attribute struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	// value has one of its fields. Numbers of 64 bits are text.
	value struct {
		String *string `json:"stringValue,omitempty"`
		Int    *string `json:"intValue,omitempty"`
		Bool   *bool   `json:"boolValue,omitempty"`
	}
)

const (
	kindServer  = 2 // SPAN_KIND_SERVER
	statusError = 2 // STATUS_CODE_ERROR
)

func text(key, v string) attribute       { return attribute{key, value{String: &v}} }
func number(key string, v int) attribute { return attribute{key, value{Int: new(strconv.Itoa(v))}} }
func flag(key string, v bool) attribute  { return attribute{key, value{Bool: &v}} }

// request is what is sent of spans.
func (e *Exporter) request(spans []*Span) exportRequest {
	all := make([]wireSpan, len(spans))
	for i, s := range spans {
		all[i] = s.wire()
	}
	return exportRequest{[]resourceSpans{{
		Resource: resource{[]attribute{
			text("service.name", e.o.Service), text("service.instance.id", e.o.Instance), text("service.version", e.o.Version),
		}},
		ScopeSpans: []scopeSpans{{Scope: scope{Name: "dunlin", Version: e.o.Version}, Spans: all}},
	}}}
}

// wire is the span by the names of OpenTelemetry's conventions for messaging, and for what these have no name for, MQTT's.
func (s *Span) wire() wireSpan {
	w := wireSpan{
		TraceID: hex.EncodeToString(s.trace[:]), SpanID: hex.EncodeToString(s.id[:]), ParentSpanID: hex.EncodeToString(s.parent[:]),
		Name: "publish " + s.Topic, Kind: kindServer,
		Begin: strconv.FormatInt(s.begin.UnixNano(), 10), End: strconv.FormatInt(s.end.UnixNano(), 10),
		Attributes: []attribute{
			text("messaging.system", "mqtt"), text("messaging.operation.name", "publish"), text("messaging.destination.name", s.Topic),
			text("messaging.client.id", s.Client), number("messaging.message.body.size", s.Bytes),
			number("mqtt.qos", int(s.QoS)), flag("mqtt.retain", s.Retain), number("mqtt.subscriptions", s.Subscriptions),
		},
	}
	if s.failed != "" {
		w.Status = &status{Message: s.failed, Code: statusError}
	}
	return w
}
