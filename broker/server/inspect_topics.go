package server

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// errNotOpen is errStarting for the admin API.
var errNotOpen = fmt.Errorf("%w: %w", admin.ErrUnavailable, errStarting)

// Topics implements admin.Topics.
func (i inspector) Topics(prefix string, r admin.Range) (api.Page[api.TopicNode], error) {
	if above := strings.TrimSuffix(prefix, "/"); above != "" {
		if err := topic.ValidName(above, 0); err != nil {
			return api.Page[api.TopicNode]{}, fmt.Errorf("%w: under: %w", admin.ErrInvalid, err)
		}
	}
	return i.srv.watch.Level(prefix, r, time.Now(), i.retainedTopics)
}

// retainedTopics is an inspect.RetainedTopics.
func (i inspector) retainedTopics(prefix, after string, limit int, dst []string) (topics []string, last bool, err error) {
	if !i.srv.opened.Load() {
		return dst, true, nil
	}
	found, last, err := i.srv.store.Retained(prefix+"#", after, limit, nil)
	if err != nil {
		return dst, true, err
	}
	for k := range found {
		dst = append(dst, found[k].Topic)
	}
	return dst, last, nil
}

// RetainedMessages implements admin.Topics.
func (i inspector) RetainedMessages(filter string, r admin.Range) (api.Page[api.Retained], error) {
	page := api.Page[api.Retained]{Items: []api.Retained{}, Total: -1}
	if err := topic.ValidFilter(filter, 0); err != nil {
		return page, fmt.Errorf("%w: filter: %w", admin.ErrInvalid, err)
	}
	if !i.srv.opened.Load() {
		return page, errNotOpen
	}
	found, last, err := i.srv.store.Retained(filter, r.After, r.Limit, nil)
	if err != nil {
		return page, err
	}
	for k := range found {
		d, ok, err := describeRetained(&found[k], i.srv.now())
		if err != nil {
			return page, err
		}
		if ok {
			d.Payload = nil
			page.Items = append(page.Items, d)
		}
	}
	if !last {
		page.Next = found[len(found)-1].Topic
	}
	return page, nil
}

// describeRetained is a retained message; false: it has expired.
func describeRetained(r *store.Retained, now time.Time) (api.Retained, bool, error) {
	var msg message.Message
	if err := message.Parse(r.Record, &msg); err != nil {
		return api.Retained{}, false, fmt.Errorf("retained message of %q: %w", r.Topic, err)
	}
	if msg.Expired(now.UnixMilli()) {
		return api.Retained{}, false, nil
	}
	d := api.Retained{Topic: r.Topic, QoS: int(msg.QoS), Size: len(msg.Payload), Payload: msg.Payload, ExpiresAt: moment(msg.Expires)}
	properties, err := (&packet.Publish{Forward: msg.Forward}).Properties()
	if err != nil {
		return api.Retained{}, false, fmt.Errorf("retained message of %q: %w", r.Topic, err)
	}
	d.ContentType, d.ResponseTopic, d.CorrelationData = properties.ContentType, properties.ResponseTopic, properties.CorrelationData
	for _, p := range properties.User {
		d.UserProperties = append(d.UserProperties, api.UserProperty{Name: p.Name, Value: p.Value})
	}
	return d, true, nil
}

// RetainedMessage implements admin.Topics.
func (i inspector) RetainedMessage(name string) (api.Retained, error) {
	if err := topic.ValidName(name, 0); err != nil {
		return api.Retained{}, fmt.Errorf("%w: topic: %w", admin.ErrInvalid, err)
	}
	if !i.srv.opened.Load() {
		return api.Retained{}, errNotOpen
	}
	found, _, err := i.srv.store.Retained(name, "", 1, nil)
	if err != nil {
		return api.Retained{}, err
	}
	if len(found) > 0 {
		if d, ok, err := describeRetained(&found[0], i.srv.now()); err != nil || ok {
			return d, err
		}
	}
	return api.Retained{}, fmt.Errorf("%w: topic %.100q has no retained message", admin.ErrNotFound, name)
}

// ClearRetained implements admin.Topics. Nobody is sent the empty message that a client would clear it by.
func (i inspector) ClearRetained(ctx context.Context, name string) error {
	if _, err := i.RetainedMessage(name); err != nil {
		return err
	}
	done := make(chan error, 1)
	i.srv.store.Write(&store.Write{
		Retain: []store.Retained{{Topic: name}}, Frees: true, Done: func(err error) { done <- err },
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
