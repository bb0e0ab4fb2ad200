package server

import (
	"fmt"
	"os"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch"
	"github.com/dunlin-mqtt/dunlin/broker/otlp"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// newSpans is what sends spans; nil: nobody has asked for them.
func (s *Server) newSpans() *otlp.Exporter {
	t := &s.cfg.Tracing
	if t.Endpoint == "" {
		return nil
	}
	name, _ := os.Hostname() // in a cluster the pod's; a collector takes ""
	return otlp.New(otlp.Options{
		Secrets:  func() (otlp.Secrets, error) { return collectorSecrets(t) },
		Endpoint: t.Endpoint, Service: "dunlin-broker", Instance: name, Version: s.version, MaxPerSecond: int(t.MaxSpansPerSecond), Log: s.log, Now: s.now,
	})
}

// maxCollectorFile bounds each of the files about the collector, in bytes.
const maxCollectorFile = 1 << 20

// collectorSecrets reads what the collector asks for.
func collectorSecrets(t *config.Tracing) (s otlp.Secrets, err error) {
	if t.HeadersFile != "" {
		if s.Headers, err = filewatch.Read(t.HeadersFile, maxCollectorFile); err != nil {
			return s, fmt.Errorf("tracing.headersFile: %w", err)
		}
	}
	if t.CAFile != "" {
		if s.CAs, err = filewatch.Read(t.CAFile, maxCollectorFile); err != nil {
			return s, fmt.Errorf("tracing.caFile: %w", err)
		}
	}
	return s, nil
}

// beginSpan begins the span of a PUBLISH that its publisher traces; nil: it does not, or nobody wants to know.
func (c *conn) beginSpan(p *packet.Publish, r *route) *otlp.Span {
	if c.srv.spans == nil || len(p.Forward) == 0 {
		return nil
	}
	span := c.srv.spans.Begin(packet.UserValue(p.Forward, "traceparent"))
	if span != nil {
		span.Topic, span.Client, span.Bytes, span.QoS, span.Retain = r.topic, c.client.id, len(p.Payload), p.QoS, p.Retain
		span.Subscriptions = len(r.targets)
	}
	return span
}

// endSpan ends it: with the acknowledgement, or without one when the message has been handed on.
func (c *conn) endSpan(span *otlp.Span, reason packet.ReasonCode) {
	if span == nil {
		return
	}
	failed := ""
	if reason.Failed() {
		failed = reason.String()
	}
	c.srv.spans.End(span, failed)
}
