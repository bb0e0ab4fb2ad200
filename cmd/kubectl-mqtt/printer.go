package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

// oneOf is a flag that is one of a few words.
type oneOf struct {
	value string
	of    []string
}

// String implements pflag.Value.
func (o *oneOf) String() string { return o.value }

// Type implements pflag.Value.
func (o *oneOf) Type() string { return "format" }

// Set implements pflag.Value.
func (o *oneOf) Set(text string) error {
	if !slices.Contains(o.of, text) {
		return fmt.Errorf("must be one of %s", strings.Join(o.of, ", "))
	}
	o.value = text
	return nil
}

// received is a message as sub prints it for programs.
type received struct {
	Time   time.Time `json:"time"`
	Topic  string    `json:"topic"`
	QoS    int       `json:"qos"`
	Retain bool      `json:"retain"`
	// Payload is there if it is UTF-8, and PayloadBytes, as base64, if it is not.
	Payload         *string            `json:"payload,omitempty"`
	PayloadBytes    []byte             `json:"payloadBytes,omitempty"`
	ExpirySeconds   *uint32            `json:"expirySeconds,omitempty"`
	ContentType     string             `json:"contentType,omitempty"`
	ResponseTopic   string             `json:"responseTopic,omitempty"`
	CorrelationData []byte             `json:"correlationData,omitempty"`
	UserProperties  []api.UserProperty `json:"userProperties,omitempty"`
}

// printer prints messages as they come.
type printer struct {
	*screen.Screen
	format string
	most   int // messages; 0: no end
	count  atomic.Int64
	end    context.CancelCauseFunc // when there are most, or nobody reads any more
}

// received is called by the one goroutine that reads.
func (p *printer) received(m *packet.Publish) {
	n := p.count.Load()
	if p.most > 0 && n >= int64(p.most) {
		return
	}
	text, err := p.text(m, time.Now())
	if err == nil {
		_, err = p.Out.Write(text)
	}
	if err != nil {
		p.end(fmt.Errorf("print message: %w", err))
		return
	}
	if n = p.count.Add(1); n == int64(p.most) {
		p.end(errEnough)
	}
}

func (p *printer) text(m *packet.Publish, now time.Time) ([]byte, error) {
	switch p.format {
	case "payload":
		return append([]byte(p.payload(m.Payload)), '\n'), nil
	case "hex":
		return fmt.Appendf(nil, "%s %s\n", screen.Clean(string(m.Topic)), hex.EncodeToString(m.Payload)), nil
	case "json", "yaml":
		r, err := readable(m, now)
		if err != nil {
			return nil, err
		}
		if p.format == "yaml" {
			text, err := yaml.Marshal(r)
			return append([]byte("---\n"), text...), err
		}
		text, err := json.Marshal(r)
		return append(text, '\n'), err
	case "wide":
		return p.wide(m, now)
	}
	return []byte(p.Paint(screen.Cyan, screen.Clean(string(m.Topic))) + " " + p.payload(m.Payload) + "\n"), nil
}

// payload is what is printed of one: all of it as it is, but on a terminal nothing that the terminal would obey.
func (p *printer) payload(payload []byte) string {
	if p.Terminal {
		return cleanLines(payload)
	}
	return string(payload)
}

// cleanLines is text of which lines and tabs stay.
func cleanLines(text []byte) string {
	var b strings.Builder
	for len(text) > 0 {
		i := bytes.IndexAny(text, "\n\t")
		if i < 0 {
			b.WriteString(screen.Clean(string(text)))
			break
		}
		b.WriteString(screen.Clean(string(text[:i])))
		b.WriteByte(text[i])
		text = text[i+1:]
	}
	return b.String()
}

func (p *printer) wide(m *packet.Publish, now time.Time) ([]byte, error) {
	properties, err := m.Properties()
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("%s QoS %d", now.Format("15:04:05.000"), m.QoS)
	if m.Retain {
		head += " retained"
	}
	var b strings.Builder
	b.WriteString(p.Paint(screen.Faint, head) + " " + p.Paint(screen.Cyan, screen.Clean(string(m.Topic))) + " " + p.payload(m.Payload) + "\n")
	line := func(name, value string) {
		b.WriteString("  " + p.Paint(screen.Faint, name+": ") + screen.Clean(value) + "\n")
	}
	if m.HasExpiry {
		line("expires in", screen.Span(time.Duration(m.Expiry)*time.Second))
	}
	for _, property := range []struct{ name, value string }{
		{"content type", properties.ContentType}, {"response topic", properties.ResponseTopic}, {"correlation data", string(properties.CorrelationData)},
	} {
		if property.value != "" {
			line(property.name, property.value)
		}
	}
	for _, u := range properties.User {
		line("user property", u.Name+"="+u.Value)
	}
	return []byte(b.String()), nil
}

// readable is a message for programs.
func readable(m *packet.Publish, now time.Time) (received, error) {
	properties, err := m.Properties()
	if err != nil {
		return received{}, err
	}
	r := received{
		Time: now.UTC(), Topic: string(m.Topic), QoS: int(m.QoS), Retain: m.Retain, ContentType: properties.ContentType,
		ResponseTopic: properties.ResponseTopic, CorrelationData: properties.CorrelationData,
	}
	if utf8.Valid(m.Payload) {
		r.Payload = new(string(m.Payload))
	} else {
		r.PayloadBytes = m.Payload
	}
	if m.HasExpiry {
		r.ExpirySeconds = &m.Expiry
	}
	for _, u := range properties.User {
		r.UserProperties = append(r.UserProperties, api.UserProperty(u))
	}
	return r, nil
}
